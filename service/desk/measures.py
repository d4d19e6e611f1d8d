"""When a measure that a poll decided ends or is looked at again, and when the council is told so.

Pure: the same decision, the same local word and the same day give the same answer. Days are whole days since 1970-01-01
UTC. An outcome counts once a council member has signed for it, so nobody makes a measure up by showing a poll that
never was; a review's day follows from the manifest alone, an end is what the council signed. What it signed last of a
measure decides, at every desk alike: neither the days on which something was said nor what was said at this desk before
count then. A temporary measure stands in the manifest before anybody signed: it is by the server's word.
Leaves to sync_measures.py to fetch polls, and to check whose word it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct

from crypto.errors import Refused
from polls.manifest import Manifest, Urgent
from service.cases.receipts import day_of, day_told
from service.wire.poll_decisions import CouncilsWord, Looked
from service.wire.poll_views import PollView

NO_MEASURE: Final = "as this desk knows it, no measure came of this poll"
ENDED: Final = "the council has said in public that this measure has ended: nothing more is said of it"
PAST: Final = "name a day to come"
NOTICE: Final = 14
"""Days before an end or a review from which on the council is told."""


What = Literal["ends", "review", "temporary ends"]


NextWord = Literal["acknowledge", "implemented"]
"""The command of the desk by which the council signs it."""


class Turn(Struct, frozen=True):
    """A day on which something is to be done about a measure. on: days since 1970-01-01 UTC."""

    what: What
    on: int


class Decision(Struct, frozen=True):
    """What a poll decided, as far as it has come. The desk keeps it, so that it can tell offline."""

    poll: str
    """φ, in hex."""
    state: str
    question: str
    measure: str = ""
    """The outcome's text; empty until a council member has signed for it, and where nothing is done."""
    review_on: int | None = None
    ends_on: int | None = None
    temporary: str = ""
    """What holds meanwhile; empty once the council recorded what it did."""
    temporary_ends_on: int | None = None
    recorded: bool = False
    """The council recorded what it did: nothing more is to come but what became of it."""
    reviewed: tuple[Looked, ...] = ()
    """What the council said became of it, in public."""
    text: str | None = None
    """What the council said that it did; None until then, and where this was kept before desks kept it."""

    @property
    def ended(self) -> bool:
        """Whether the council said, in public, that the measure has ended: it says no more of it."""
        return bool(self.reviewed) and self.reviewed[-1].again is None


class SeenTo(Struct, frozen=True):
    """What a council member said at this desk, and nowhere else: which turns are done, and when to be told again.

    after: how many public words there were then. It holds until there is another one.
    """

    poll: str
    done: tuple[Turn, ...] = ()
    again: int | None = None
    after: int = 0


def review_day(manifest: Manifest, option: int) -> int | None:
    """Give the day on which a measure is looked at again; None for no action. option: its place."""
    days = manifest.options[option].review_after_days
    return day_of(manifest.closes_at) + days if days else None


def decision_of(view: PollView, word: CouncilsWord) -> Decision:
    """Read a poll's decision. word: what the council said of it, checked.

    A measure is looked at again so many days after the poll closed as its manifest says, whenever it was carried out.
    """
    manifest, done = view.manifest, word.implemented
    outcome = view.outcome if view.outcome is not None or view.remains is None else view.remains.outcome
    ends_on = None if done is None else done.ends_on
    measure, review_on = "", None
    if outcome is not None and (word.acknowledged is not None or done is not None):
        option = outcome.statement.outcome
        review_on = review_day(manifest, option)
        measure = manifest.options[option].text if review_on is not None or ends_on is not None else ""
    temporary = manifest.basis if isinstance(manifest.basis, Urgent) and done is None else None
    return Decision(
        poll=manifest.phi.hex(),
        state=view.state,
        question=manifest.question,
        measure=measure,
        review_on=review_on,
        ends_on=ends_on,
        temporary="" if temporary is None else temporary.measure,
        temporary_ends_on=None if temporary is None else day_of(temporary.ends_at),
        recorded=done is not None,
        reviewed=word.reviewed,
        text=None if done is None else done.text,
    )


def gone_back(kept: Decision, found: Decision) -> bool:
    """Whether a server shows less of what the council said than before, or something else."""
    said, now = ([(one.again, one.text) for one in each.reviewed] for each in (kept, found))
    done = (found.recorded, found.ends_on, found.measure) == (kept.recorded, kept.ends_on, kept.measure)
    done = done and kept.text in {None, found.text}
    return (bool(kept.measure) and found.measure != kept.measure) or (
        kept.recorded and not (done and now[: len(said)] == said)
    )


def next_word(decision: Decision) -> NextWord | None:
    """Say what the council has still to sign of a poll's result; None where it waits for nobody on it.

    By the state that the server tells. Where the outcome is no action, nothing has to be carried out.
    """
    if decision.state == "delivered":
        return "acknowledge"
    return "implemented" if decision.state == "acknowledged" and decision.measure else None


def days_in_force(decision: Decision) -> tuple[tuple[int, ...], int | None]:
    """Give the days on which a measure is looked at again, ascending, and its end, by what the council said last.

    After its public word that it goes on, days before the next look don't count any more. None once it has ended.
    """
    if decision.ended:
        return (), None
    again = decision.reviewed[-1].again if decision.reviewed else None
    ends_on = None if decision.ends_on is None or _before(decision.ends_on, again) else decision.ends_on
    reviews = {on for on in (decision.review_on, again) if on is not None and not _before(on, again)}
    return tuple(sorted(on for on in reviews if ends_on is None or on < ends_on)), ends_on


def turns(decision: Decision, seen: SeenTo | None) -> tuple[Turn, ...]:
    """Give what is still to be done about a measure, the earliest first. What ends by its review isn't reviewed."""
    if decision.ended:
        return ()
    seen = _holding(decision, seen)
    reviews, ends_on = days_in_force(decision)
    days: list[tuple[What, int | None]] = [
        ("temporary ends", decision.temporary_ends_on),
        *(("review", on) for on in reviews),
        ("ends", ends_on),
        ("review", None if seen is None else seen.again),
    ]
    found = {Turn(what, on) for what, on in days if on is not None}
    return tuple(sorted(found - set(_done(seen)), key=lambda one: (one.on, one.what)))


def due(some: Iterable[Turn], today: int) -> tuple[Turn, ...]:
    """Give those of which the council is told: from NOTICE days before, until somebody here says that it is done."""
    return tuple(one for one in some if one.on <= today + NOTICE)


def over(decision: Decision, seen: SeenTo | None) -> SeenTo:
    """Say that a measure has ended: of what is known of it now, nothing is left to do. Refused when nothing was."""
    left = turns(decision, seen)
    if not left:
        raise Refused(ENDED if decision.ended else "no measure of this poll has an end or a review ahead")
    return SeenTo(decision.poll, (*_done(_holding(decision, seen)), *left), after=len(decision.reviewed))


def goes_on(decision: Decision, seen: SeenTo | None, today: int, again: int) -> SeenTo:
    """Say that a measure was looked at, goes on, and is looked at again on the day `again`.

    Done are with that the days that have come, and reviews that were near; an end that is still ahead stays. Refused
    where there is no measure, and for a day that is over.
    """
    if not decision.measure and not decision.temporary:
        raise Refused(NO_MEASURE)
    if decision.ended:
        raise Refused(ENDED)
    if again < today:
        raise Refused(PAST)
    done = tuple(one for one in due(turns(decision, seen), today) if one.on <= today or one.what == "review")
    before = _done(_holding(decision, seen))
    kept = tuple(one for one in (*before, *done) if one != Turn("review", again))
    return SeenTo(decision.poll, kept, again, len(decision.reviewed))


def told(turn: Turn, today: int) -> str:
    """Say in one line when what is to be done."""
    days = turn.on - today
    number = f"{abs(days)} day{'' if abs(days) == 1 else 's'}"
    when = "today" if days == 0 else f"in {number}" if days > 0 else f"{number} ago"
    on = f"on {day_told(turn.on)}, {when}"
    match turn.what:
        case "ends":
            return f"ends {on}. Lift it, and invite them back."
        case "temporary ends":
            return f"its temporary measure ends {on}."
        case "review":
            return f"to be looked at again {on}."


def _holding(decision: Decision, seen: SeenTo | None) -> SeenTo | None:
    """Give what was said at this desk, unless the council has said something in public since."""
    return None if seen is None or seen.after != len(decision.reviewed) else seen


def _before(on: int, again: int | None) -> bool:
    return again is not None and on < again


def _done(seen: SeenTo | None) -> tuple[Turn, ...]:
    return () if seen is None else seen.done
