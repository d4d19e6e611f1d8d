"""The desk's page for tests: served over a real socket from a folder that `sottovoce desk --home` uses.

with page_of(folder / "Ada", group, "Ada", server.base) as page, httpx.Client(base_url=page) as browser: ...
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.desk.cli import STORE_FILE
from service.desk.keys import HandlerKey
from service.desk.page import MAX_BODY
from service.desk.page_cli import page_at
from service.desk.session import Setup
from service.local_page.serving import LocalServer
from tests.support.groups import Group

SECRET = "d5" * 16


@contextmanager
def page_of(home: Path, group: Group, name: str, base: str) -> Iterator[str]:
    """Serve a member's desk; gives the page's address, which ends with a slash."""
    member = group.member(name)
    key = HandlerKey(member.signing, member.sealing)

    setup = Setup(base, group.id.hex(), name)
    with LocalServer(MAX_BODY) as server:
        server.page = page_at(home / STORE_FILE, setup, key, host=server.host, secret=SECRET)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{server.host}/{SECRET}/"
        server.shutdown()
