"""The browser's code walks a reporter's whole way against the real server, and the desk's side answers it."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.codes import ReplyCode, address_of, claim_of, mailbox_of
from crypto.entropy import system
from crypto.envelope import parse_envelope
from crypto.letters import seal_letter
from crypto.opening import open_report
from service.cases.letters import Letter, sign_letter
from service.cases.reports import FollowUp, Report, Unsealed
from service.wire import calls, shapes
from service.wire.client import Client
from tests.support.groups import Group
from tests.support.server import running_server
from tests.support.typescript import Browser, BrowserRefused

pytestmark = pytest.mark.xdist_group("typescript")

REPORT = {
    "kind": "conduct",
    "what": "what happened, سلام",
    "when": "",
    "where": "",
    "who": [{"platform": "github.com", "handle": "someone"}],
    "links": [],
    "witnesses": [],
    "urgency": "normal",
    "language": "ar",
    "wants": "",
    "fears": "",
    "filedOn": "2026-11-21",
}


def _opened(client: Client, group: Group, name: str, at: int) -> Unsealed:
    """Fetch and open the report at a place in a handler's feed."""
    signer = group.signer(name)
    entry = client.do(calls.feed(signer)).entries[at]
    raw = client.do(calls.fetch_report(signer, group.id, bytes.fromhex(entry.report)))
    return Unsealed.from_bytes(open_report(parse_envelope(raw), group.member(name).sealing).plaintext)


def _letter(group: Group, name: str, text: str, address: bytes, state: str) -> bytes:
    member = group.member(name)
    letter = Letter(
        id=system(16).hex(),
        group=group.id.hex(),
        roster=group.roster.digest.hex(),
        author=name,
        author_key=member.signing.verify_key().raw.hex(),
        language="ar",
        day="2026-11-21",
        state=state,  # type: ignore[arg-type]
        question=False,
        text=text,
        recipients=(group.member("Ada").key_id.hex(), group.member("Bo").key_id.hex()),
    )
    return sign_letter(letter, member.signing, address)


def test_a_browser_files_reads_and_answers(tmp_path: Path) -> None:
    """File with one handler left out, read the answer, burn the code with a follow-up; the used code opens nothing."""
    group = Group.draw("Aurora", ("Ada", "Bo", "Cy"), minimum=2)
    code, fresh = ReplyCode(system(16)), ReplyCode(system(16))
    with (
        running_server(tmp_path) as server,
        Client(server.base) as client,
        Browser() as browser,
    ):
        group.found(client)
        filed = {
            "base": server.base,
            "group": group.id,
            "report": REPORT,
            "files": "[]",
            "code": code.reveal(),
        }
        digest = browser.call("file_over_http", **filed, leave_out="Cy")
        assert len(digest) == 64
        report = _opened(client, group, "Ada", 0)
        assert isinstance(report.content, Report)
        assert report.content.what == REPORT["what"]
        assert report.mailbox_address == address_of(claim_of(code))
        assert client.do(calls.feed(group.signer("Cy"))).entries == ()

        raw = _letter(group, "Ada", "نقرأ بلاغك", report.mailbox_address, "looking")
        sealed = seal_letter(report.mailbox_key, raw)
        action = shapes.PostLetter(item=system(16).hex(), address=report.mailbox_address.hex(), letter=sealed)
        assert client.do(calls.batch(group.signer("Ada"), [action])).outcomes[0].outcome == "done"

        read = browser.call("mailbox_over_http", base=server.base, code=code.reveal())
        assert read["texts"] == ["نقرأ بلاغك"]
        assert read["damaged"] == 0
        unknown = browser.call("mailbox_over_http", base=server.base, code=system(16))
        assert unknown["texts"] == []

        follow_up = {"message": "thank you", "language": "ar", "filedOn": "2026-11-21"}
        burn = {
            "base": server.base,
            "group": group.id,
            "follow_up": follow_up,
            "files": "[]",
            "code": code.reveal(),
            "fresh": fresh.reveal(),
        }
        assert browser.call("burn_over_http", **burn, seen=0) == "unread"
        assert len(browser.call("burn_over_http", **burn, seen=1)) == 64
        answer = _opened(client, group, "Bo", 1)
        assert isinstance(answer.content, FollowUp)
        assert answer.content.address() == address_of(claim_of(code))
        assert answer.mailbox_key == mailbox_of(fresh).public_key()

        assert browser.call("mailbox_over_http", base=server.base, code=code.reveal()) == unknown


def test_too_few_left_and_no_such_group(tmp_path: Path) -> None:
    """Leaving out too many names the alternate; a group that doesn't exist gives nothing to seal to."""
    group = Group.draw("Aurora", ("Ada", "Bo"), minimum=2, alternate=bytes(16))
    with (
        running_server(tmp_path) as server,
        Client(server.base) as client,
        Browser() as browser,
    ):
        group.found(client)
        filed = {"base": server.base, "group": group.id, "report": REPORT, "files": "[]", "code": system(16)}
        assert browser.call("file_over_http", **filed, leave_out="Ada") == "alternate"
        with pytest.raises(BrowserRefused, match="declined: not-found"):
            browser.call("file_over_http", **{**filed, "group": system(16)})
