"""Saying in public what became of a measure: checked against what everybody sees, signed, sent, and kept here too.

Guarantees: nothing is signed but as the next of the words that this desk has checked, of a poll of its own group after
which the council said what it did; what is there already is not said twice. Leaves to the command to ask before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from crypto.errors import Refused
from service.cases import decisions
from service.cases.receipts import day_told
from service.desk.measures import ENDED, NO_MEASURE, PAST, Decision
from service.desk.rosters import pull_roster
from service.desk.session import Session
from service.desk.sync_measures import NOT_COUNCIL, follow, of_council
from service.wire import poll_calls
from service.wire.client import Client
from service.wire.failures import Declined
from service.wire.poll_council_shapes import MAX_REVIEWS
from service.wire.poll_decisions import Looked, outcome_of, said_until_now
from service.wire.poll_views import PollView
from service.wire.problems import Kind

_TEXT: Final = 2_000
_FASTER: Final = frozenset({Kind.SAID_BEFORE, Kind.MEASURE_ENDED})


@dataclass(frozen=True, slots=True)
class NextReview:
    """What is to be said next of a measure. decision: as everybody sees it now."""

    view: PollView
    decision: Decision
    word: Looked

    @property
    def said_before(self) -> bool:
        """Whether it is what was said last, as after an answer that was lost."""
        last = self.decision.reviewed[-1:]
        return [(one.again, one.text) for one in last] == [(self.word.again, self.word.text)]

    def lines(self) -> list[str]:
        """Give what everybody will see, and what follows from it."""
        lines = [
            "Everyone will see this with the poll:",
            "",
            *(f"  {line}" for line in self.word.lines()),
            "",
        ]
        ends_on, again = self.decision.ends_on, self.word.again
        if ends_on is not None and again is not None and again > ends_on:
            lines.append(
                f"By what the council said before it ends on {day_told(ends_on)}: then it goes on beyond."
            )
        return lines


def next_review(
    session: Session, client: Client, phi: bytes, again: int | None, text: str, today: int
) -> NextReview:
    """Make ready to say that a measure has ended, or is looked at again on a day. Keeps what the poll shows now.

    again: days since 1970; None: it has ended. Refused when nothing, or not that, can be said of it.
    """
    if len(text) > _TEXT:
        raise Refused(f"say it in at most {_TEXT} characters")
    if again is not None and again < today:
        raise Refused(PAST)
    roster = pull_roster(session, client, session.group).latest
    me = roster.by_key(session.in_force.key_id)
    if me is None or not of_council(session):
        raise Refused(NOT_COUNCIL)
    view = client.do(poll_calls.poll(phi))
    found = NextReview(view, follow(session, view), Looked(me.pseudonym, today, again, text))
    decision = found.decision
    if found.said_before:
        return found
    if decision.ended:
        last = decision.reviewed[-1]
        raise Refused(f"{ENDED} ({last.pseudonym}, {day_told(last.day)})")
    if not decision.recorded:
        raise Refused(
            "the council has not said yet what it did: first `sottovoce desk implemented`; with --only-here you say at "
            "this desk that you have seen to it"
        )
    if not decision.measure:
        raise Refused(NO_MEASURE)
    if again is not None and len(decision.reviewed) >= MAX_REVIEWS - 1:
        raise Refused("there is room for one more word, and only for its end: `--ended`")
    return found


def publish(session: Session, client: Client, found: NextReview) -> Decision:
    """Sign it and send it. Gives the measure as everybody sees it then, which this desk has kept.

    Refused when somebody else of the council was faster.
    """
    outcome, number = outcome_of(found.view), len(found.decision.reviewed) + 1
    again, text = found.word.again, found.word.text
    before = said_until_now(found.view)
    signature = decisions.review(session.in_force.signing, outcome, number, before, again, text)
    phi = found.view.manifest.phi
    try:
        view = client.do(poll_calls.review(session.signer, phi, number, again, text, signature))
    except Declined as declined:
        if declined.kind not in _FASTER:
            raise
        raise Refused(
            "somebody of the council has said something of this measure meanwhile, and nothing was published: look at "
            f"`sottovoce poll status {phi.hex()}`, then run this again if it is still so"
        ) from None
    return follow(session, view)
