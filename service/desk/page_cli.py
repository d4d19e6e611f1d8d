"""`sottovoce desk web`: the desk in a page on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from crypto.entropy import system
from service.console import command, say
from service.desk.cli import STORE_FILE, client_of, desk, unlocked
from service.desk.keys import HandlerKey
from service.desk.page import IDLE_S, MAX_BODY, DeskPage
from service.desk.session import Session, Setup
from service.desk.sync import sync
from service.desk.synced import sync_lines
from service.desk.vault import Vault
from service.local_page.serving import LocalServer


def page_at(store: Path, setup: Setup, key: HandlerKey, *, host: str, secret: str) -> DeskPage:
    """Give the page of a desk, which opens its store anew for each request."""

    @contextmanager
    def opened() -> Iterator[Session]:
        vault = Vault(store, key.store_key())
        try:
            yield Session(vault, key, setup, system)
        finally:
            vault.close()

    def synced(session: Session, now_s: int) -> list[str]:
        with client_of(session) as client:
            return sync_lines(sync(session, client, now_s))

    with opened() as session:
        session.histories()  # what is damaged is told before a page is promised
    return DeskPage(opened, synced, lambda: int(time.time()), system, host=host, secret=secret)


@desk.command()
@click.pass_context
@command
def web(context: click.Context) -> None:
    """Read and answer in a page on this machine, until Ctrl-C or two hours without a request.

    The key file is unlocked for as long: end it when you leave. What you write waits like that of the commands, until
    you sync, here or there.
    """
    home, setup, key = unlocked(context)
    with LocalServer(MAX_BODY, IDLE_S) as server:
        secret = system(16).hex()
        server.page = page_at(home / STORE_FILE, setup, key, host=server.host, secret=secret)
        say(f"Open this in a browser on this machine; Ctrl-C ends it:\n  http://{server.host}/{secret}/")
        server.stay()
