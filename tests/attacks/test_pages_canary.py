"""Whoever seizes the machine after reporters without scripts used its pages: their words are nowhere on it.

The words cross the server's memory in clear; what is left is searched: data folder, log, every byte of memory.
"""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from crypto.codes import from_words
from service.wire import calls
from service.wire.client import Client
from tests.support.canaries import ADDRESS, FORWARDED, NAME, SOUGHT, WORD, assert_forgotten
from tests.support.groups import Group
from tests.support.letters import posting, sealed_letter
from tests.support.pages import Visitor
from tests.support.server import running_server

REPORTS = 8
PHOTO = f"{WORD} {NAME}\n".encode() * 40_000


@pytest.mark.slow
async def test_words_without_scripts_are_forgotten(tmp_path: Path) -> None:
    """Eight reports with files, mistakes among them, letters read and answered: no canary in files, log or memory."""
    group = Group.draw()
    with running_server(tmp_path / "server") as server:
        with Client(server.base) as plain:
            group.found(plain)
            transport = httpx.AsyncHTTPTransport(local_address=ADDRESS)
            headers = {"X-Forwarded-For": FORWARDED, "User-Agent": NAME}
            async with httpx.AsyncClient(
                base_url=server.base, transport=transport, headers=headers, timeout=60
            ) as http:
                for number in range(REPORTS):
                    visitor = Visitor(http)
                    await visitor.report(group.id, what="", when=WORD, handle=NAME, platform="irc")
                    files = [("note.txt", PHOTO)] if number % 4 == 0 else []
                    sent = await visitor.report(group.id, files=files, what=f"{WORD} {number}", fears=NAME)
                    assert sent.status == 200
                    assert (await visitor.confirm(sent)).heading == "Done"
                    code = from_words(" ".join(sent.words))
                    plain.do(
                        calls.batch(
                            group.signer("Ada"),
                            posting(code, [sealed_letter(code, group, "Ada", f"{WORD} {NAME}")]),
                        )
                    )
                    mailbox = await visitor.open(sent.words)
                    assert mailbox.letters == [f"{WORD} {NAME}"]
                    assert (await visitor.answer(mailbox, f"{NAME} {WORD}")).heading == "Done"
            for _ in range(20):  # life goes on: what was freed is used again
                plain.do(calls.server_info())
                plain.do(calls.feed(group.signer("Ada")))
        time.sleep(2)
        for file in (file for file in tmp_path.rglob("*") if file.is_file()):
            content = file.read_bytes()
            assert not [canary for canary in SOUGHT if canary in content], file.name
        assert_forgotten(server, within_s=0)  # the pages promise a second, which is over
