"""What a council said of a poll, in public: that it has the result, what it did, and what became of that measure.

Guarantees: nothing is given that an active or former council member of the poll's own group did not sign, by the
roster under the group's id, of just the outcome that the trustees signed; a server can't say without showing it that
the council has spoken, nor leave out, swap or renumber words on a measure, but the newest, nor show a word after others
than those that its author saw. The days on which something
was said are the server's word; the days on which a measure ends or is looked at again are signed. polls/SPEC.md §3.10.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from crypto.errors import Refused
from crypto.signatures import BadSignature, VerifyKey
from polls.results import OutcomeStatement
from service.cases import decisions
from service.cases.receipts import day_told
from service.cases.roster_history import Handler
from service.cases.rosters import RosterHistory
from service.wire import calls
from service.wire.client import Client
from service.wire.poll_council_shapes import Reviewed
from service.wire.poll_views import PollView

_NOT_DONE: Final = "the server shows what became of a measure, and not what the council did"


@dataclass(frozen=True, slots=True)
class Said:
    """A council member's signed word. text, ends_on: of what was done; None otherwise.

    day, ends_on: days since 1970. When it was said is the server's word; when it ends is signed.
    """

    pseudonym: str
    day: int
    text: str | None = None
    ends_on: int | None = None

    def shape(self) -> dict[str, object]:
        """Give it as JSON has it."""
        told: dict[str, object] = {"by": self.pseudonym, "on": day_told(self.day)}
        if self.text is not None:
            told |= {"text": self.text, "ends": None if self.ends_on is None else day_told(self.ends_on)}
        return told


@dataclass(frozen=True, slots=True)
class Looked:
    """A council member's signed word that a measure was looked at.

    day, again: days since 1970. When it was said is the server's word; the day of the next look is signed, None: the
    measure has ended.
    """

    pseudonym: str
    day: int
    again: int | None
    text: str

    def lines(self) -> list[str]:
        """Give it for a person, the council's own text set in."""
        signed = f"signed by {self.pseudonym}, {day_told(self.day)}."
        if self.again is None:
            said = f"The measure has ended: {signed}"
        else:
            said = f"It goes on, and is looked at again on {day_told(self.again)}: {signed}"
        return [said, *(f"  {line}" for line in self.text.splitlines())]

    def shape(self) -> dict[str, object]:
        """Give it as JSON has it."""
        again = None if self.again is None else day_told(self.again)
        told = {"by": self.pseudonym, "on": day_told(self.day), "text": self.text}
        return {**told, "ended": self.again is None, "again": again}


@dataclass(frozen=True, slots=True)
class CouncilsWord:
    """What the council of a poll's group said, checked; None for what it did not say yet.

    reviewed: its words on the measure, in their order; only the last may say that it has ended.
    """

    acknowledged: Said | None = None
    implemented: Said | None = None
    reviewed: tuple[Looked, ...] = ()

    def lines(self) -> list[str]:
        """Give it for a person. The council's own text is set in, so that no line of it can pass for one of ours."""
        lines = []
        if (word := self.acknowledged) is not None:
            lines.append(f"The council has the result: signed by {word.pseudonym}, {day_told(word.day)}.")
        if (word := self.implemented) is not None and word.text is not None:
            lines.append(f"What the council did: signed by {word.pseudonym}, {day_told(word.day)}.")
            lines += [f"  {line}" for line in word.text.splitlines()]
            lines.append(
                "No day is named on which it ends."
                if word.ends_on is None
                else f"It ends on {day_told(word.ends_on)}."
            )
        return lines + [line for one in self.reviewed for line in one.lines()]

    def shape(self) -> dict[str, object]:
        """Give it as JSON has it."""
        words = {"acknowledged": self.acknowledged, "implemented": self.implemented}
        told: dict[str, object] = {
            name: None if word is None else word.shape() for name, word in words.items()
        }
        return told | {"reviewed": [one.shape() for one in self.reviewed]}


def councils_word(client: Client, view: PollView) -> CouncilsWord:
    """Give what the council said of a poll, held against the group's roster, which is fetched where it said something.

    Raises Refused for what no council member signed, or when the server says that there is a word and shows none.
    """
    if not _spoken(view):
        return CouncilsWord()
    return checked_word(view, client.do(calls.roster(bytes.fromhex(view.manifest.group_id))))


def checked_word(view: PollView, history: RosterHistory) -> CouncilsWord:
    """The same by a roster that is at hand, of the poll's group. Raises Refused likewise."""
    if not _spoken(view):
        return CouncilsWord()
    said, done = view.shape.acknowledged, view.shape.implemented
    outcome = outcome_of(view)
    acknowledged = implemented = None
    if said is not None:
        signature = said.signature
        member = _signer(
            history, said.handler, lambda key: decisions.check_acknowledgement(key, outcome, signature)
        )
        acknowledged = Said(member.pseudonym, said.day)
    if done is not None:
        what = done
        member = _signer(
            history,
            done.handler,
            lambda key: decisions.check_implementation(key, outcome, what.text, what.ends_on, what.signature),
        )
        implemented = Said(member.pseudonym, done.day, done.text, done.ends_on)
    return CouncilsWord(acknowledged, implemented, _reviews(view, outcome, history))


def _spoken(view: PollView) -> bool:
    """Whether the server shows a word of the council. Refused where it says that there is one and shows none."""
    said, done = view.shape.acknowledged, view.shape.implemented
    if (said is None and view.state in {"acknowledged", "implemented"}) or (
        done is None and view.state == "implemented"
    ):
        raise Refused(
            f"the server says that the poll is {view.state}, and shows nothing that the council signed"
        )
    if done is None and view.shape.reviewed:
        raise Refused(_NOT_DONE)
    return said is not None or done is not None


def outcome_of(view: PollView) -> OutcomeStatement:
    """Give the outcome that the trustees signed, also of an archived poll. Refused where there is none."""
    if view.outcome is not None:
        return view.outcome.statement
    if view.remains is not None:
        return view.remains.outcome.statement
    raise Refused("the server shows a council's word on a poll that has no outcome")


def said_until_now(view: PollView) -> bytes:
    """Name all that the council said of what it did, as the server shows it: what its next word signs. 32 bytes."""
    return _said(view, outcome_of(view), len(view.shape.reviewed))


def _said(view: PollView, outcome: OutcomeStatement, words: int) -> bytes:
    done = view.shape.implemented
    if done is None:
        raise Refused(_NOT_DONE)
    reviewed = [(one.again, one.text) for one in view.shape.reviewed[:words]]
    return decisions.said(outcome, done.text, done.ends_on, reviewed)


def _reviews(view: PollView, outcome: OutcomeStatement, history: RosterHistory) -> tuple[Looked, ...]:
    found = list[Looked]()
    for number, shown in enumerate(view.shape.reviewed, 1):
        if shown.number != number:
            raise Refused("the server leaves out what the council said of the measure, or changed its order")
        if found and found[-1].again is None:
            raise Refused(
                "the server shows more of the council's words after the one that the measure has ended"
            )

        def check(
            key: VerifyKey, one: Reviewed = shown, before: bytes = _said(view, outcome, number - 1)
        ) -> None:
            decisions.check_review(key, outcome, one.number, before, one.again, one.text, one.signature)

        found.append(
            Looked(_signer(history, shown.handler, check).pseudonym, shown.day, shown.again, shown.text)
        )
    return tuple(found)


def _signer(history: RosterHistory, handler: str, check: Callable[[VerifyKey], None]) -> Handler:
    """Find the council member of that id, by any of whose keys it holds: keys change, and what was signed stays."""
    for member in history.latest.handlers:
        if member.id.hex() == handler and member.role == "council":
            for key in member.verify_keys:
                try:
                    check(key)
                except BadSignature:
                    continue
                return member
    raise Refused("the server shows as the council's word what no member of the group's council signed")
