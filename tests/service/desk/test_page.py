"""`sottovoce desk web`: a handler's evening in a page, against the real server; and what the page keeps to itself."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from service.cases.answers import Answers
from service.cases.log import Note, StateSet
from service.cases.reports import File, Person
from service.desk import actions
from service.desk.reading import reading_of
from service.desk.subjects import abouts
from service.desk.subjects_told import names, subject_lines
from service.wire.client import Client
from tests.support.desk_pages import SECRET, page_of
from tests.support.desks import desk_at, home_of
from tests.support.groups import Group
from tests.support.many import hold_many
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

PASSPHRASE = "open sesame"
HOSTILE = "<script>alert(1)</script>\n\u202eWARNING\u2028 see \x1b[31mhttps://example.org/3"
LINK = "https://example.org/1"


@dataclass
class Evening:
    """Ada's page with one report in it, and its reporter."""

    browser: httpx.Client
    group: Group
    reporter: Reporter
    home: Path

    def get(self, path: str = "") -> str:
        answer = self.browser.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(self, path: str, **fields: str | list[str]) -> httpx.Response:
        """Send a form of a case, or ask for a sync, and follow to where the browser is sent."""
        return self.browser.post(path, data=fields, follow_redirects=True)

    def case(self) -> str:
        """The path of the first case in the list."""
        [found, *_] = re.findall(r'href="/\w+/(case/\w+)"', self.get())
        return str(found)

    def waiting(self) -> list[str]:
        with desk_at(self.home, self.group, "Ada") as session:
            return [item.what for item in session.outbox()]


@pytest.fixture
def evening(tmp_path: Path, server: RunningServer) -> Iterator[Evening]:
    with Client(server.base) as client:
        group = Group.draw()
        group.found(client)
        home = home_of(tmp_path / "Ada", server.base, group, "Ada", PASSPHRASE)
        reporter = Reporter(client, group)
        answers = Answers(
            what="It happened here.\nTwice.",
            who=(Person(platform="github", handle="mallory"),),
            links=(LINK,),
            witnesses=("Some Body",),
            urgency="danger",
        )
        reporter.report(answers, [File("note.txt", "text/plain", b"what I saw")])
        with (
            page_of(home, group, "Ada", server.base) as page,
            httpx.Client(base_url=page, trust_env=False) as browser,
        ):
            yield Evening(browser, group, reporter, home)


def test_a_report_is_read_sorted_and_answered(evening: Evening) -> None:
    """From the first sync to the letter in the reporter's mailbox; a colleague's desk would say the same."""
    assert "No open cases." in evening.get()
    assert "1 new reports" in evening.post("sync").text
    listed = evening.get()
    for told in ("It happened here.", "Someone is in danger.", "The reporter waits for an answer."):
        assert told in listed
    case = evening.case()
    shown = evening.get(case)
    for told in (
        "It happened here.\nTwice.",
        "mallory (github)",
        LINK,
        "Some Body",
        "note.txt",
        "Ada, Bo, Cy",
    ):
        assert told in shown
    assert (
        "Kept." in evening.post(f"{case}/letter", text="What can we do?\r\n", question="yes", once="1").text
    )
    evening.post(f"{case}/note", text="I'll call Bo.", once="1")
    evening.post(f"{case}/triage", priority="P1", issue=["harassment"], once="1")
    moved = evening.post(f"{case}/state", state="looking", once="1").text
    assert evening.waiting() == ["letter", "entry", "entry", "entry", "letter", "entry"]
    for told in ("Ada", "What can we do?", "note: I&#39;ll call Bo.", "triaged as P1: harassment", "looking"):
        assert told in moved
    assert "Waiting to be sent: 6." in evening.get()
    assert "6 items sent, 0 waiting" in evening.post("sync").text
    assert [(one.text, one.question, one.state) for one in evening.reporter.letters()] == [
        ("What can we do?", True, None),
        ("", False, "looking"),
    ]
    assert "waits for an answer" not in evening.get()


def test_what_is_said_of_an_account_is_what_the_command_says(evening: Evening) -> None:
    """Its sentences, what to check next, and its reports; the first of them leads to the case."""
    assert "Nobody yet." in evening.get("subjects")
    evening.reporter.report(Answers(what="Again.", who=(Person(platform="github", handle="Mallory"),)))
    evening.post("sync")
    page = unescape(evening.get("subjects"))
    with desk_at(evening.home, evening.group, "Ada") as session:
        [one] = abouts(reading_of(session))
    told = [names(one), *one.sentences(), *subject_lines(one)]
    assert any("check next" in line for line in told)
    assert all(line in page for line in told)
    [first, second] = re.findall(r'href="/\w+/(case/\w+)"', page)
    assert first != second
    assert "mallory (github)" in evening.get(first).lower()


def test_a_form_that_comes_twice_acts_once(evening: Evening) -> None:
    """A button pressed twice, or a page loaded again; the same words on a page shown since are meant."""
    evening.post("sync")
    case = evening.case()
    [once] = set(re.findall(r'name="once" value="(\w+)"', evening.get(case)))
    first = evening.post(f"{case}/letter", text="Thank you.", once=once)
    again = evening.post(f"{case}/letter", text="Thank you.", once=once)
    assert "Kept." in first.text
    assert "not done twice" in again.text
    assert evening.waiting() == ["letter", "entry"]
    [newer] = set(re.findall(r'name="once" value="(\w+)"', evening.get(case)))
    evening.post(f"{case}/letter", text="Thank you.", once=newer)
    assert evening.waiting() == ["letter", "entry"] * 2


REFUSED: tuple[tuple[str, dict[str, str], str], ...] = (
    ("letter", {"text": " \r\n "}, "The letter is empty"),
    ("letter", {"text": "a" * 5_001}, "The letter"),
    ("letter", {}, "The letter is empty"),
    ("note", {"text": ""}, "The note is empty"),
    ("note", {"text": "b" * 5_001}, "note"),
    ("triage", {}, "Choose a priority"),
    ("triage", {"priority": "P5"}, "Choose a priority"),
    ("triage", {"priority": "P2", "issue": "heresy"}, "has no issue"),
    ("state", {}, "Choose where the case goes"),
    ("state", {"state": "gone"}, "Choose where the case goes"),
    ("state", {"state": "received"}, "The case is received already"),
    ("leave", {"text": "I know them."}, "Tick that you are sure"),
)


def test_what_is_refused_is_said_and_nothing_is_lost(evening: Evening) -> None:
    """Nothing waits to be sent, and what was typed stands there again."""
    evening.post("sync")
    case = evening.case()
    for act, fields, said in REFUSED:
        refused = evening.post(f"{case}/{act}", **fields)
        assert refused.status_code == 422, act
        assert said in refused.text
        assert fields.get("text", "").strip() in refused.text
    assert evening.waiting() == []


def test_no_text_of_a_stranger_is_more_than_text(evening: Evening) -> None:
    """No markup, no control or direction characters, no link to follow; and no word of it in an address or a title."""
    evening.reporter.report(Answers(what=HOSTILE, links=("https://example.org/2",)))
    evening.post("sync")
    pages = [evening.get(), evening.get("subjects")]
    for case in re.findall(r'href="/\w+/(case/\w+)"', pages[0]):
        pages += [evening.get(case), evening.get(f"{case}/leave")]
    with desk_at(evening.home, evening.group, "Ada") as session:
        ids = set(session.cases())
    assert len(ids) == 2
    for page in pages:
        assert "<script" not in page
        assert not set(page) & set("\u202e\u2028\x1b")
        for address in re.findall(r'(?:href|action|src)="([^"]*)"', page):
            assert address.startswith((f"/{SECRET}/", "data:,"))
            assert not any(id_[:8] in address for id_ in ids)
        assert re.findall(r"<title>(.*)</title>", page)[0] in {
            "Cases · Sottovoce desk",
            "Accounts · Sottovoce desk",
            "Case · Sottovoce desk",
            "Step out · Sottovoce desk",
        }
    assert "alert(1)" in "".join(pages)


def test_a_long_list_comes_in_pages(evening: Evening) -> None:
    """Each case once, in the order of the whole list; closed ones only where they are asked for."""
    with desk_at(evening.home, evening.group, "Ada") as session:
        held = hold_many(session, evening.group, 230)
        session.enqueue(
            actions.log(session.desk(int(time.time())), one, StateSet(state="closed")) for one in held[:20]
        )
    shown = [evening.get(path) for path in ("open/0", "open/100", "open/200", "all/200", "open/300")]
    found = [re.findall(r'href="/\w+/(case/\w+)"', page) for page in shown]
    assert [len(each) for each in found] == [100, 100, 10, 30, 0]
    assert len({case for each in found[:3] for case in each}) == 210
    for page, place in zip(
        shown, ("1 to 100 of 210", "101 to 200 of 210", "201 to 210 of 210"), strict=False
    ):
        assert place in page
    assert "The next" in shown[1]
    assert "The next" not in shown[2]
    assert "Closed cases as well (20)" in shown[0]


def test_who_steps_out_sees_nothing_of_it_after_the_next_sync(evening: Evening) -> None:
    """The others are told; the address of the case leads back to the list."""
    evening.post("sync")
    case = evening.case()
    assert "Step out of this report?" in evening.get(f"{case}/leave")
    assert "Kept." in evening.post(f"{case}/leave", sure="yes", text="I know them.").text
    assert set(evening.waiting()) == {"entry", "recusal"}
    assert "1 new" not in evening.post("sync").text
    assert "No open cases." in evening.get()
    answer = evening.browser.get(case, follow_redirects=True)
    assert "That case is not at this desk." in answer.text


def test_who_stepped_out_does_nothing_more(evening: Evening) -> None:
    """Also where another tab still shows the forms; what was typed there is shown once more."""
    evening.post("sync")
    case = evening.case()
    left = evening.post(f"{case}/leave", sure="yes").text
    assert "You stepped out of this report" in left
    assert re.findall(r'action="/\w+/case/', left) == []
    assert "Step out of this report?" not in evening.browser.get(f"{case}/leave", follow_redirects=True).text
    for act, fields in (
        ("letter", {"text": "We read it."}),
        ("note", {"text": "I know them."}),
        ("triage", {"priority": "P2"}),
        ("state", {"state": "looking"}),
        ("leave", {"sure": "yes", "text": "Again."}),
    ):
        refused = evening.post(f"{case}/{act}", **fields)
        assert (refused.status_code, "You stepped out of this report" in refused.text) == (422, True), act
        assert fields.get("text", "") in refused.text
    assert set(evening.waiting()) == {"entry", "recusal"}


REQUESTS: tuple[tuple[str, str, dict[str, str], int], ...] = (
    ("GET", "", {"host": "evil.example"}, 403),
    ("POST", "sync", {"sec-fetch-site": "cross-site"}, 403),
    ("POST", "sync", {"sec-fetch-site": "same-site"}, 403),
    ("GET", "/", {}, 404),
    ("GET", f"/{'0' * 32}/", {}, 404),
    ("GET", "sync", {}, 404),
    ("GET", "case", {}, 404),
    ("GET", "case/x/letter", {}, 404),
    ("POST", "case/x/forward", {}, 404),
    ("POST", "all/0", {}, 404),
    ("GET", "all", {}, 404),
    ("GET", "all/-1", {}, 404),
    ("GET", "open/9999999", {}, 404),
    ("GET", "case/x", {}, 303),
    ("POST", "case/x/letter", {}, 303),
    ("PUT", "sync", {}, 501),
)


def test_nobody_else_is_answered(evening: Evening) -> None:
    """Another host (DNS rebinding), another site, another path: refused, and nothing of this run's address is told."""
    for method, path, headers, status in REQUESTS:
        address = urljoin(str(evening.browser.base_url), path)
        answer = evening.browser.request(method, address, headers=headers)
        assert answer.status_code == status, (method, path)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        if status in {403, 404}:
            assert SECRET not in answer.text
    assert "No open cases." in evening.get()  # none of them made it sync


def test_a_form_that_no_page_sends_is_refused(evening: Evening) -> None:
    """As an empty one; and one that is too long is not read."""
    evening.post("sync")
    case = evening.case()
    for body in (b"text=%FF", b"text=\xff", b"a=1&" * 256 + b"text=x", b"", b"text"):
        answer = evening.browser.post(f"{case}/letter", content=body)
        assert (answer.status_code, "The letter is empty" in answer.text) == (422, True), body
    assert evening.browser.post(f"{case}/letter", content=b"x" * (128 * 1_024 + 1)).status_code == 413
    assert evening.waiting() == []


def test_a_server_that_is_away_is_said(evening: Evening) -> None:
    """What waits goes on waiting."""
    evening.post("sync")
    case = evening.case()
    evening.post(f"{case}/note", text="Remember.", once="1")
    with (
        page_of(evening.home, evening.group, "Ada", "http://127.0.0.1:9") as page,
        httpx.Client(base_url=page, trust_env=False) as browser,
    ):
        told = browser.post("sync", follow_redirects=True)
    assert (told.status_code, "The server can&#39;t be reached." in told.text) == (200, True), told.text
    assert evening.waiting() == ["entry"]


def test_the_command_serves_it_and_ends_with_ctrl_c(evening: Evening, tmp_path: Path) -> None:
    """As typed: the address on standard output, the desk behind it, nothing on standard error."""
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    line = [sys.executable, "-m", "service.cli", "desk", "--home", str(evening.home)]
    process = subprocess.Popen(
        [*line, "--passphrase-file", str(tmp_path / "passphrase"), "web"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        assert "Ctrl-C ends it" in process.stdout.readline()
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[0-9a-f]{32}/", address)
        with httpx.Client(base_url=address, trust_env=False) as browser:
            assert "1 new reports" in browser.post("sync", follow_redirects=True).text
            assert "It happened here." in browser.get("").text
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, errors) == (0, "")


def test_what_a_command_did_meanwhile_is_there(evening: Evening) -> None:
    """The store is opened for each request, so that a terminal and the page don't contradict each other."""
    evening.post("sync")
    case = evening.case()
    with desk_at(evening.home, evening.group, "Ada") as session:
        first = next(iter(session.cases().values())).first
        session.enqueue([actions.log(session.desk(int(time.time())), first, Note(text="from the terminal"))])
    assert "note: from the terminal" in evening.get(case)
