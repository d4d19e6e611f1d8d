"""The desk's page for tests: served over a real socket from a folder that `sottovoce desk --home` uses.

with page_of(folder / "Ada", group, "Ada", server.base) as page, httpx.Client(base_url=page) as browser: ...
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crypto.entropy import system
from service.desk.cli import STORE_FILE, client_of
from service.desk.keys import HandlerKey
from service.desk.page import MAX_BODY, DeskPage
from service.desk.session import Session, Setup
from service.desk.sync import sync
from service.desk.synced import sync_lines
from service.desk.vault import Vault
from service.local_page.serving import LocalServer
from tests.support.groups import Group

SECRET = "d5" * 16


@contextmanager
def page_of(home: Path, group: Group, name: str, base: str) -> Iterator[str]:
    """Serve a member's desk; gives the page's address, which ends with a slash."""
    member = group.member(name)
    key = HandlerKey(member.signing, member.sealing)

    @contextmanager
    def opened() -> Iterator[Session]:
        vault = Vault(home / STORE_FILE, key.store_key())
        try:
            yield Session(vault, key, Setup(base, group.id.hex(), name), system)
        finally:
            vault.close()

    def synced(session: Session, now_s: int) -> list[str]:
        with client_of(session) as client:
            return sync_lines(sync(session, client, now_s))

    with LocalServer(MAX_BODY) as server:
        server.page = DeskPage(
            opened, synced, lambda: int(time.time()), system, host=server.host, secret=SECRET
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{server.host}/{SECRET}/"
        server.shutdown()
