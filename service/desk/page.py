"""The desk's page: `sottovoce desk web` serves it to this machine, for as long as the command runs.

Guarantees what service.local_page does; besides: no address and no title names a report, for a browser keeps those; a
text of somebody else's is shown as text, and no link of it is one; a form that comes twice acts once; what was typed
and not taken is shown again. What is done here waits in the outbox, as what the commands do; only a sync talks to
the server. Leaves to the commands what has a file in it, hands a report to others, or says what was found at a link.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs

from crypto.entropy import Entropy
from crypto.errors import Refused
from service.cases.case_state import may_become
from service.cases.letters import MAX_LETTER_TEXT
from service.cases.log import MAX_NOTE
from service.cases.receipts import day_of
from service.cases.texts import SHORT_TEXT
from service.console import shown
from service.desk.casebook import Case
from service.desk.consulted import consulted_view, open_lines
from service.desk.page_forms import ACTS, Form
from service.desk.readers import readers_told
from service.desk.reading import reading_of, remember, voices_told
from service.desk.repetition import decided_before
from service.desk.session import Session
from service.desk.show import ID_SHOWN, KINDS, case_view, list_view, unreadable_view
from service.desk.subjects import abouts
from service.desk.subjects_told import names, subject_lines
from service.desk.touch import by_urgency
from service.desk.transparency import issues_of
from service.local_page.serving import NOTHING, Answer, LocalPage, problem, sentence
from service.wire.failures import Declined, Unreachable

T = TypeVar("T")

MAX_BODY: Final = 128 * 1_024
"""Bytes of a form: a letter of 5,000 characters takes 60,000 at most. Stops a page elsewhere from filling memory."""
MAX_FIELDS: Final = 256  # a policy's issues, and a few
LISTED: Final = 100
"""Cases on a page of the list. A browser takes long over ten thousand, and nobody reads them."""
_PLACE: Final = re.compile("[0-9]{1,6}", re.ASCII)
IDLE_S: Final = 7_200
"""The page goes by itself after two hours without a request: who writes a long letter makes none meanwhile."""
_WEB: Final = Path(__file__).parent / "web"
_MOST: Final = {"letter": MAX_LETTER_TEXT, "note": MAX_NOTE, "reason": SHORT_TEXT}
"""Characters that a text has."""
_STATES: Final = ("looking", "mediation", "decided", "closed")


class DeskPage(LocalPage):
    """What is answered to what. opened: opens the desk for one request; sync: exchanges with the server, in lines.

    now_s: gives seconds since 1970.
    """

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[Session]],
        sync: Callable[[Session, int], list[str]],
        now_s: Callable[[], int],
        entropy: Entropy,
        *,
        host: str,
        secret: str,
    ) -> None:
        super().__init__(host, secret, _WEB)
        self._opened, self._sync, self._now_s, self._entropy = opened, sync, now_s, entropy
        self._one_at_a_time = threading.Lock()  # a form may come twice in the same moment
        self._names: dict[str, str] = {}
        """Of this run's addresses, by the ids of reports."""
        self._taken: set[int] = set()
        """Hashes of the forms that were acted upon: each form holds what was drawn for the page that it stood on."""
        self._said: list[str] = []
        """For the page that a browser is sent to."""

    def respond(self, method: str, path: str, body: bytes) -> Answer:
        """See LocalPage."""
        try:
            with self._one_at_a_time, self._opened() as session:
                return self._answer(session, method, path.split("/")[1:], body)
        except Refused as refused:  # the store is damaged, or its disk is full
            return problem(503, sentence(refused.reason))

    def _answer(self, session: Session, method: str, path: list[str], body: bytes) -> Answer:
        match method, path:
            case "GET", [""]:
                return self._list(session, "open", 0)
            case "GET", ["open" | "all" as which, place] if _PLACE.fullmatch(place):
                return self._list(session, which, int(place))
            case "GET", ["subjects"]:
                return self._subjects(session)
            case "POST", ["sync"]:
                return self._synced(session)
            case "GET", ["case", name]:
                return self._about(session, name, self._case)
            case "GET", ["case", name, "leave"]:
                return self._about(session, name, self._leave)
            case "POST", ["case", name, act] if act in ACTS:
                return self._about(session, name, lambda s, case, cases: self._act(s, case, cases, act, body))
        return NOTHING

    def _list(self, session: Session, which: str, place: int) -> Answer:
        today = day_of(self._now_s())
        cases = session.cases().values()
        everything = which == "all"
        listed = by_urgency((c for c in cases if everything or c.state.state != "closed"), today)
        some = listed[place : place + LISTED]
        return self._page(
            "list.html",
            cases=[self._row(case, today) for case in some],
            which=which,
            first=place + 1,
            last=place + len(some),
            count=len(listed),
            before=max(0, place - LISTED),
            unreadable=[unreadable_view(one) for one in session.unreadable()],
            everything=everything,
            closed=sum(case.state.state == "closed" for case in cases),
            waiting=len(session.outbox()),
        )

    def _subjects(self, session: Session) -> Answer:
        """List whom reports are about. It takes seconds where there are thousands: each report is held to each."""
        reading, today = reading_of(session), day_of(self._now_s())
        found = abouts(reading)
        remember(session, found)
        listed = [
            {
                "names": names(one),
                "sentences": one.sentences(),
                "lines": subject_lines(one),
                "cases": [self._row(reading.cases[id_], today) for id_ in one.cases],
            }
            for one in found
        ]
        return self._page("subjects.html", subjects=listed)

    def _synced(self, session: Session) -> Answer:
        try:
            self._said = self._sync(session, self._now_s())
        except Refused as refused:
            self._said = [sentence(refused.reason)]
        except (Declined, Unreachable) as error:
            self._said = [str(error)]
        return self._to("/")

    def _about(
        self, session: Session, name: str, give: Callable[[Session, Case, Mapping[str, Case]], Answer]
    ) -> Answer:
        """Answer about one case, by its name in this run's addresses."""
        report = next((id_ for id_, known in self._names.items() if known == name), None)
        cases = session.cases()
        case = None if report is None else cases.get(report)
        if case is None:  # stepped out of since, or an address of another run
            self._said = ["That case is not at this desk."]
            return self._to("/")
        return give(session, case, cases)

    def _case(
        self,
        session: Session,
        case: Case,
        cases: Mapping[str, Case],
        error: str = "",
        typed: Mapping[str, str] | None = None,
    ) -> Answer:
        bodies = {one.id: session.body_of(one) for one in (case.first, *case.follow_ups, *case.doubtful)}
        today = day_of(self._now_s())
        histories = session.histories()
        before = decided_before(case, cases.values())
        now = case.state.state
        return self._page(
            "case.html",
            422 if error else 200,
            case=case_view(case, bodies, today, voices_told(session, case)),
            consultations=consulted_view(case),
            waited=[line for line in open_lines(case) if line],
            told=asdict(readers_told(case, histories)),
            before=[self._row(one, today) for one in before],
            issues=issues_of(histories.get(case.first.group)),
            states=[state for state in _STATES if may_become(now, state) and state != now],
            at=self._at(case),
            short=case.first.id[:ID_SHOWN],
            left=session.stepped_out(case),
            error=error,
            typed={"letter": "", "note": "", **(typed or {})},
        )

    def _leave(self, session: Session, case: Case, _: Mapping[str, Case]) -> Answer:
        if session.stepped_out(case):
            return self._to(f"/case/{self._at(case)}")
        return self._leaving(case)

    def _leaving(self, case: Case, error: str = "", typed: str = "") -> Answer:
        view = list_view(case, day_of(self._now_s()))
        return self._page(
            "leave.html", 422 if error else 200, case=view, at=self._at(case), error=error, typed=typed
        )

    def _act(self, session: Session, case: Case, cases: Mapping[str, Case], act: str, body: bytes) -> Answer:
        """Put what a form asks for into the outbox, once."""
        if hash(body) in self._taken:
            self._said = ["That was kept already; it was not done twice."]
            return self._to(f"/case/{self._at(case)}")
        form = _form(body)
        try:
            session.enqueue(ACTS[act](session, session.still_in(case), form, self._now_s()))
        except Refused as refused:
            said = sentence(refused.reason)
            if act == "leave" and not session.stepped_out(case):
                return self._leaving(case, said, form.text)
            return self._case(session, case, cases, said, {act: form.text})
        self._taken.add(hash(body))
        self._said = ["Kept. It goes out with the next sync."]
        return self._to(f"/case/{self._at(case)}")

    def _row(self, case: Case, today: int) -> dict[str, Any]:
        return {**list_view(case, today), "at": self._at(case)}

    def _at(self, case: Case) -> str:
        return self._names.setdefault(case.first.id, self._entropy(8).hex())

    def _to(self, path: str) -> Answer:
        return Answer(303, b"", location=self.base + path)

    def _page(self, template: str, status: int = 200, **context: Any) -> Answer:
        said, self._said = self._said, []
        once = self._entropy(16).hex()
        return self.rendered(
            template, status, **_shown({**context, "said": said}), kinds=KINDS, most=_MOST, once=once
        )


def _form(body: bytes) -> Form:
    """Read a form. One that no page of ours sends is empty, and refused for what it lacks."""
    try:
        given = parse_qs(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        given = {}
    return Form({name: tuple(values) for name, values in given.items()})


def _shown(value: T) -> T:
    """Make every text in a view safe to look at, as it is for a terminal (service.console.shown)."""
    match value:
        case str():
            return shown(value)  # type: ignore[return-value]
        case dict():
            return {name: _shown(one) for name, one in value.items()}  # type: ignore[return-value]
        case list() | tuple():
            return [_shown(one) for one in value]  # type: ignore[return-value]
    return value
