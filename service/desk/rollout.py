"""Carrying a decision out: what is known of it, who is told in which order, and by which letters. docs/rollout.md.

Guarantees: an outcome is believed once a member of the council signed for it, an end as the council signed it, and what
holds meanwhile as the manifest has it, whose digest is the poll's id; nothing comes from a report, and no person is
named. Nothing is sent or done: people do, with what is printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from crypto.errors import Refused
from polls.manifest import NO_ACTION, Conduct
from service.cases.policies import baseline
from service.cases.receipts import day_of, day_told
from service.cases.rosters import Roster
from service.desk.measures import Decision, days_in_force, decision_of
from service.desk.notices import example_of
from service.desk.rollout_letters import blank
from service.desk.rosters import pull_roster
from service.desk.session import Session
from service.desk.sync_measures import NOT_COUNCIL, of_council
from service.wire import poll_calls
from service.wire.client import Client
from service.wire.poll_decisions import CouncilsWord, checked_word
from service.wire.poll_views import PollView

Kind = Literal["measure", "meanwhile", "lifted", "none"]
"""A measure that members decided; one that holds until they have; no action, which lifts that one; no action."""

NEEDED: Final[dict[Kind, tuple[str, ...]]] = {
    "measure": ("reporter", "concerned", "systems", "goes-on", "reporter-end", "back", "systems-open"),
    "meanwhile": ("reporter", "meanwhile", "systems", "reporter-end", "back", "systems-open"),
    "lifted": ("reporter", "back", "systems-open"),
    "none": ("reporter",),
}
"""The letters that each needs, in order; `goes-on` only where a review is ahead."""

_AT_ITS_END: Final = ("reporter-end", "back", "systems-open")
_TOLD_BEFORE: Final = "Where other councils were told of it, tell them again, with `lifted = true`."


@dataclass(frozen=True)
class Rollout:
    """A decision as it is to be carried out. Days are since 1970-01-01 UTC.

    ends_on: None where there is no end, or, with end_open, where nobody has named it yet.
    """

    kind: Kind
    poll: str
    group: str
    question: str
    measure: str
    temporary: str
    issues: tuple[str, ...]
    closed_on: int
    ends_on: int | None
    end_open: bool
    review_on: int | None
    way_back: str
    recorded: bool
    ended: bool = False
    """The council said so in public."""

    @property
    def letters(self) -> tuple[str, ...]:
        """The names of its letters, in the order in which they are needed."""
        if self.ended:
            return _AT_ITS_END
        return tuple(one for one in NEEDED[self.kind] if one != "goes-on" or self.review_on is not None)

    def values(self) -> dict[str, str | None]:
        """Give what its letters say in each field; None where there is nothing to say."""
        days = [day for day in (self.ends_on, self.review_on) if day is not None]
        ends = None if self.ends_on is None else day_told(self.ends_on)
        decided = self.kind in {"measure", "none"}
        return {
            "group": self.group,
            "poll": self.poll[:8],
            "measure": self.measure,
            "temporary": self.temporary or None,
            "issues": ", ".join(self.issues) or blank("issues"),
            "decided": day_told(self.closed_on) if decided else blank("decided"),
            "ends": blank("ends") if self.end_open else ends,
            "review": None if self.review_on is None else day_told(self.review_on),
            "hear_by": day_told(min(days)) if days else blank("hear_by"),
            "way_back": self.way_back or blank("way_back"),
        }


def fetched(session: Session, client: Client, phi: bytes, ends_on: int | None) -> Rollout:
    """Fetch a poll and the group's list, and give what is to be carried out. ends_on: a day that nobody signed yet.

    Refused where there is nothing to go by yet, and but at a council member's desk.
    """
    history = pull_roster(session, client, session.group)
    if not of_council(session):
        raise Refused(NOT_COUNCIL)
    view = client.do(poll_calls.poll(phi))
    if bytes.fromhex(view.manifest.group_id) != session.group:
        raise Refused("poll: of another group")
    return rollout_of(view, checked_word(view, history), history.latest, ends_on)


def rollout_of(view: PollView, word: CouncilsWord, roster: Roster, ends_on: int | None) -> Rollout:
    """Read what is to be carried out. word: what the council said of the poll, checked. ends_on: as for `fetched`."""
    decision = decision_of(view, word)
    kind = _kind(view, word, decision)
    measure = {"measure": decision.measure, "meanwhile": decision.temporary}.get(kind, NO_ACTION)
    closed_on, open_ = day_of(view.manifest.closes_at), kind == "measure" and not decision.recorded
    reviews, in_force = days_in_force(decision)
    known = {"measure": in_force, "meanwhile": decision.temporary_ends_on}.get(kind)
    if ends_on is not None and not open_:
        why = (
            "the council has recorded what it did"
            if decision.recorded
            else "no measure was decided by the members"
        )
        raise Refused(f"leave --ends out: {why}")
    if ends_on is not None and ends_on < closed_on:
        raise Refused("a measure can't end before it was decided")
    known = known if ends_on is None else ends_on
    review_on = reviews[0] if reviews and kind == "measure" else None
    if review_on is not None and known is not None and known <= review_on:
        review_on = None  # what is over isn't looked at again
    basis = view.manifest.basis
    return Rollout(
        kind=kind,
        poll=decision.poll,
        group=roster.name,
        question=decision.question,
        measure=measure,
        temporary="" if kind == "meanwhile" else decision.temporary,
        issues=basis.issues if isinstance(basis, Conduct) else (),
        closed_on=closed_on,
        ends_on=known,
        end_open=open_ and known is None,
        review_on=review_on,
        way_back=_way_back(roster, measure),
        recorded=decision.recorded,
        ended=decision.ended,
    )


def checklist(rollout: Rollout) -> list[str]:
    """Say what is to be done, in order, with the name of each letter and what to type."""
    poll, temporary = rollout.poll, rollout.temporary
    ends = "the day on which it ends" if rollout.ends_on is None else day_told(rollout.ends_on)
    reporter = "A handler tells the reporter: give them `reporter`, for `sottovoce desk reply REPORT`."
    opening = "lift all of it, and send `back` and `systems-open`, once a handler has sent `reporter-end`"
    ended = f"sottovoce desk reviewed {poll} --ended"
    open_ = f"{opening}; then `{ended}`."
    if rollout.ended:
        return [
            f"The council has said in public that it has ended. If that was not done: {opening}.",
            _TOLD_BEFORE,
        ]
    match rollout.kind:
        case "none":
            return [reporter]
        case "lifted":
            return [
                f"Lift the temporary measure ({temporary}) everywhere, and send `back` and `systems-open`.",
                _TOLD_BEFORE,
                reporter,
                f"Say what was done: `sottovoce desk implemented {poll} --text-file done.txt`.",
            ]
        case "meanwhile":
            person, last = (
                "meanwhile",
                [
                    f"Once the members have decided: `sottovoce desk rollout {poll}` again.",
                    f"On {ends}, if they have not: {opening}; then `{ended} --only-here`, each at their own desk.",
                ],
            )
        case "measure":
            person, last = "concerned", _after(rollout, ends, open_)
    return [
        "First the people whom the measure protects, so that they hear of it from you. " + reporter,
        f"Whoever it concerns, before any door closes, unless somebody would be in danger by that: `{person}`.",
        "Those who run each system, on the same day, each only what is to be done there: `systems`. "
        "Keep one list of what was changed where.",
        *(
            [f"Open what was closed for {temporary} and is not closed by this: `systems-open`."]
            if temporary
            else []
        ),
        "The councils of other projects whose people would meet them, and your own desk: fill in `measure.toml`; then, "
        "for each, `sottovoce desk share-measure --file measure.toml --to-group ID --out FILE`.",
        *last,
    ]


def measure_file(rollout: Rollout) -> str | None:
    """Give the measure.toml by which councils of other projects are told; None where nothing begins."""
    if rollout.ended or rollout.kind not in {"measure", "meanwhile"}:
        return None
    values = rollout.values()
    until = "<day; without an end, strike this line>" if rollout.end_open else values["ends"]
    return example_of(f"poll-{rollout.poll[:8]}", rollout.measure, until, values["review"])


def _after(rollout: Rollout, ends: str, open_: str) -> list[str]:
    """Say what a measure that was decided still needs, once all are told."""
    day = "DAY" if rollout.ends_on is None else ends
    record = (
        "Say what was done, for everybody: "
        f"`sottovoce desk implemented {rollout.poll} --text-file done.txt --ends {day}`."
    )
    review = (
        ""
        if rollout.review_on is None
        else f"On {day_told(rollout.review_on)} look at it again. If it goes on: `goes-on`; "
        f"then `sottovoce desk reviewed {rollout.poll} --again DAY`."
    )
    when = f"On {ends}" if rollout.ends_on is not None or rollout.end_open else "When it ends"
    again = "" if rollout.ends_on is not None else " Tell the other councils again, with `lifted = true`."
    return [*([] if rollout.recorded else [record]), *([review] if review else []), f"{when}: {open_}{again}"]


def _kind(view: PollView, word: CouncilsWord, decision: Decision) -> Kind:
    """Say what came of a poll. Refused while nothing did."""
    if word.acknowledged is None and word.implemented is None:
        if view.state == "delivered":
            raise Refused("say first that the council has the result: `sottovoce desk acknowledge`")
        if decision.temporary:
            return "meanwhile"
        if view.state == "archived":
            raise Refused("poll: it is archived, and nobody of the council ever said that it has a result")
        raise Refused(f"poll: it is {view.state}, so there is nothing to carry out yet")
    if decision.measure and decision.measure != NO_ACTION:
        return "measure"
    return "lifted" if decision.temporary else "none"


def _way_back(roster: Roster, measure: str) -> str:
    """Give the way back of the step of the group's ladder that has just this title; empty where none has."""
    ladder = (roster.policy or baseline()).ladder
    return next((one.way_back for one in ladder if one.title.casefold() == measure.casefold()), "")
