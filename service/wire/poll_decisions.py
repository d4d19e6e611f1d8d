"""What a council said of a poll's outcome, in public: that it has the result, and what it did. polls/SPEC.md §3.10.

Guarantees: nothing is given that an active or former council member of the poll's own group did not sign, by the
roster under the group's id, of just the outcome that the trustees signed; a server can't say without showing it that
the council has spoken. The days on which it was said are the server's word; the day on which a measure ends is signed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from crypto.errors import Refused
from crypto.signatures import BadSignature, VerifyKey
from polls.results import OutcomeStatement
from service.cases import decisions
from service.cases.receipts import day_told
from service.cases.roster_history import Handler
from service.cases.rosters import RosterHistory
from service.wire import calls
from service.wire.client import Client
from service.wire.poll_views import PollView


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
class CouncilsWord:
    """What the council of a poll's group said, checked; None for what it did not say yet."""

    acknowledged: Said | None = None
    implemented: Said | None = None

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
        return lines

    def shape(self) -> dict[str, object]:
        """Give it as JSON has it."""
        words = {"acknowledged": self.acknowledged, "implemented": self.implemented}
        return {name: None if word is None else word.shape() for name, word in words.items()}


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
    outcome = _outcome(view)
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
    return CouncilsWord(acknowledged, implemented)


def _spoken(view: PollView) -> bool:
    """Whether the server shows a word of the council. Refused where it says that there is one and shows none."""
    said, done = view.shape.acknowledged, view.shape.implemented
    if (said is None and view.state in {"acknowledged", "implemented"}) or (
        done is None and view.state == "implemented"
    ):
        raise Refused(
            f"the server says that the poll is {view.state}, and shows nothing that the council signed"
        )
    return said is not None or done is not None


def _outcome(view: PollView) -> OutcomeStatement:
    if view.outcome is not None:
        return view.outcome.statement
    if view.remains is not None:
        return view.remains.outcome.statement
    raise Refused("the server shows a council's word on a poll that has no outcome")


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
