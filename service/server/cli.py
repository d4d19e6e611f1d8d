"""`sottovoce serve`: run the server."""

from __future__ import annotations

import os
from pathlib import Path

import click

from service.console import REFUSED, command, fail
from service.server.forgetting import forget_what_is_freed
from service.server.settings import ENV, Settings, SettingsRefused, check_names, load


@click.command()
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings, as a TOML file.")
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), help="Folder for keys and the database."
)
@click.option("--host", help="Address to listen on. Default: 127.0.0.1, behind a proxy or an onion service.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port to listen on. Default: 8080.")
@click.option(
    "--store", type=click.Choice(["sqlite", "redis"]), help="Where to keep everything. Default: sqlite."
)
@click.option(
    "--batch-seconds", type=click.IntRange(0, 86_400), help="How long reports are gathered. Default: 900."
)
@click.option(
    "--open-groups",
    is_flag=True,
    default=False,
    help="Let anyone found a group or a registry: for demonstrations.",
)
@command
def serve(
    config: Path | None,
    data: Path | None,
    host: str | None,
    port: int | None,
    store: str | None,
    batch_seconds: int | None,
    open_groups: bool,
) -> None:
    """Run the server. Stops on SIGTERM after finishing what is under way."""
    flags: dict[str, object] = {
        "DATA": data,
        "HOST": host,
        "PORT": port,
        "STORE": store,
        "BATCH_SECONDS": batch_seconds,
        "OPEN_GROUPS": "true" if open_groups else None,
    }
    given = {ENV + name: str(value) for name, value in flags.items() if value is not None}
    try:
        check_names(os.environ)
        settings: Settings = load(config, {**os.environ, **given})
    except SettingsRefused as error:
        fail(str(error), REFUSED)
    forget_what_is_freed()  # starts this process again, once: before the server is loaded, which takes a while

    from crypto.selftest import SelfTestFailed
    from service.server.keys import KeysRefused
    from service.server.serve import run
    from service.storage.limiter import LimiterUnavailable, UnfitForLimits
    from service.storage.limiters import UnknownLimiter
    from service.storage.protocol import StoreRefused, StoreUnavailable

    try:
        run(settings)
    except (
        SelfTestFailed,
        SettingsRefused,
        KeysRefused,
        StoreRefused,
        StoreUnavailable,
        LimiterUnavailable,
        UnfitForLimits,
        UnknownLimiter,
    ) as error:
        fail(str(error), REFUSED)
