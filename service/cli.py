"""The command `sottovoce`: one entry to the five faces, each loaded only when it is asked for.

So that `sottovoce serve` never imports a face that opens reports, and no face pays for the others.
"""

from __future__ import annotations

import io
import sys
from importlib import import_module
from typing import Final

import click

_COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "serve": ("service.server.cli", "serve"),
    "member": ("service.member_asking", "member"),
    "poll": ("service.poll_making", "poll"),
    "trustee": ("service.booth.trustee_cli", "trustee"),
    "vote": ("service.booth.vote_cli", "vote"),
    "registry": ("service.registry_granting", "registry"),
    "group": ("service.group_cli", "group"),
    "demo": ("service.demo", "demo"),
    "desk": ("service.desk.commands", "desk"),
    "report": ("service.reporter.report_cli", "report"),
    "mailbox": ("service.reporter.mailbox_cli", "mailbox"),
}


class _Faces(click.Group):
    """A group whose commands are imported when they are named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        where = _COMMANDS.get(cmd_name)
        if where is None:
            return None
        _check_libraries()
        # The command line of its own that httpx has loads rich and pygments, a sixth of what starting takes; with
        # None here it does without, as where those are not installed.
        sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
        found: click.Command = getattr(import_module(where[0]), where[1])
        return found


def _check_libraries() -> None:
    """Self-test the cryptographic libraries before a face can read a key with them; once, in about 10 ms."""
    try:
        from crypto import selftest

        selftest.check_once()
    except (
        RuntimeError
    ) as error:  # SelfTestFailed, or UnsoundLibraryError when crypto.group can't be imported
        click.echo(f"sottovoce: {error}", err=True)
        sys.exit(3)


@click.group(cls=_Faces)
@click.version_option(package_name="sottovoce")
def main() -> None:
    """Report in a low voice; vote without being seen."""
    if sys.stdin is None:  # closed by who started this: there is nobody to ask, and nothing to read
        sys.stdin = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that lacks a letter still shows the rest
        sys.stdout.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
