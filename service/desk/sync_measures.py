"""Bringing in what the polls of this desk's group decided, for members of its council; and what they said was done.

Guarantees: nothing is kept as a council's word that no member of the council signed, by the group's roster that this
desk has verified; what was kept once is never lost to a server that shows it no more, or something else.
"""

from __future__ import annotations

from dataclasses import dataclass

from crypto.errors import Refused
from service.desk.measures import Decision, NextWord, SeenTo, decision_of, due, gone_back, next_word, turns
from service.desk.session import Session
from service.desk.sync_failures import TELL, Failures
from service.desk.vault import VaultDamaged
from service.wire import poll_calls
from service.wire.client import Client
from service.wire.failures import Declined
from service.wire.poll_decisions import checked_word
from service.wire.poll_shapes import PollEntry
from service.wire.poll_views import PollView

NOT_COUNCIL = (
    "measures are followed at the desks of the council, and by your group's list, as this desk knows it, this is none "
    "of them: if you are on the council, run `sottovoce desk sync`"
)
_GONE = "it is listed, and not there"
_TAKEN_BACK = (
    "the server no longer shows what the council said, or shows something else; this desk goes by what it saw"
)


@dataclass(frozen=True, slots=True)
class ResultWaiting:
    """A poll's result that the council has not dealt with. poll: φ, in hex."""

    poll: str
    word: NextWord

    def told(self) -> str:
        """Say so, with what to type."""
        if self.word == "acknowledge":
            return f"A result waits for the council: `sottovoce desk result {self.poll}`, then `acknowledge`."
        return (
            "The council has not said what it did after a poll: "
            f"`sottovoce desk implemented {self.poll} --text-file …`; `desk rollout` has the letters."
        )


def of_council(session: Session) -> bool:
    """Whether this desk's handler is on the council of their group, by the roster of the last sync."""
    roster = session.own_roster
    handler = None if roster is None else roster.by_key(session.in_force.key_id)
    return handler is not None and handler.active and handler.role == "council"


def pull_measures(session: Session, client: Client, failures: Failures) -> list[str]:
    """Fetch the polls whose state has changed, and of those that the council has dealt with what it said more of.

    What the server fails with is asked for again with the next sync.

    Does nothing but on a council member's desk. Gives warnings. Raises Unreachable or Declined.
    """
    if not of_council(session):
        return []
    known = {one.poll: one for one in session.vault.every("decision", Decision)}
    warnings, after = list[str](), b""
    while True:
        try:
            page = client.do(poll_calls.polls(session.group, after))
        except Declined as problem:
            failures.one(problem)
            return [*warnings, f"the server fails with the list of the group's polls: {TELL}"]
        listed = {bytes.fromhex(entry.poll): entry for entry in page.polls}
        new = [phi for phi in listed if phi > after]
        for phi in new:
            if _changed(known.get(phi.hex()), listed[phi]):
                warnings += _pull(session, client, phi, failures)
        if not page.more or not new:  # a server that lists the same again would hold the desk for ever
            return warnings
        after = max(new)


def measures(session: Session) -> list[tuple[Decision, SeenTo | None]]:
    """Give what this desk knows of its group's decisions, with what was said here of each. Offline."""
    seen = {one.poll: one for one in session.vault.every("reviewed", SeenTo)}
    return [(one, seen.get(one.poll)) for one in session.vault.every("decision", Decision)]


def measure_of(session: Session, phi: bytes) -> tuple[Decision, SeenTo | None]:
    """Give the same of one poll. Refused when this desk has not synced it."""
    decision = session.vault.get("decision", phi, Decision)
    if decision is None:
        raise Refused("this desk knows no such poll of its group: run `sottovoce desk sync`")
    return decision, session.vault.get("reviewed", phi, SeenTo)


def measures_due(session: Session, today: int) -> int:
    """Count the measures of which the council is told. today: days since 1970-01-01 UTC."""
    if not of_council(session):
        return 0
    return sum(bool(due(turns(decision, seen), today)) for decision, seen in measures(session))


def results_waiting(session: Session) -> list[ResultWaiting]:
    """Name the polls whose result waits for the council; none but on a council member's desk."""
    if not of_council(session):
        return []
    known = ((decision.poll, next_word(decision)) for decision, _ in measures(session))
    return [ResultWaiting(poll, word) for poll, word in known if word is not None]


def follow(session: Session, view: PollView) -> Decision:
    """Keep what a poll decided, and what its council said of it, by a server's answer. Gives it.

    Refused when it is another group's, or not signed as it stands, or takes back what this desk has seen.
    """
    if bytes.fromhex(view.manifest.group_id) != session.group:
        raise Refused("it is of another group")
    found = decision_of(view, checked_word(view, session.history_of(session.group)))
    kept = session.vault.get("decision", view.manifest.phi, Decision)
    if kept is not None and gone_back(kept, found):
        raise Refused(_TAKEN_BACK)
    session.vault.put("decision", view.manifest.phi, found)
    return found


def check_not_hidden(session: Session, view: PollView) -> None:
    """Refuse to sign what the council did for a server that hides that this desk saw it signed already.

    With two such words, both signed, it could show each to whom it likes.
    """
    kept = session.vault.get("decision", view.manifest.phi, Decision)
    if kept is not None and kept.recorded and view.shape.implemented is None:
        raise Refused(_TAKEN_BACK)


def _changed(kept: Decision | None, listed: PollEntry) -> bool:
    if kept is None or len(kept.reviewed) != listed.reviewed:
        return True
    return not kept.recorded and kept.state != listed.state


def _pull(session: Session, client: Client, phi: bytes, failures: Failures) -> list[str]:
    about = f"about the poll {phi.hex()[:8]}"
    try:
        follow(session, client.do(poll_calls.poll(phi)))
    except Declined as problem:
        if problem.status == 404:
            return [f"{about}: {_GONE}"]
        failures.one(problem)
        return [f"{about}: the server fails with it: {TELL}"]
    except VaultDamaged:
        raise
    except Refused as refused:
        return [f"{about}: {refused.reason}"]
    return []
