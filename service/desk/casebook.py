"""Putting opened envelopes together into cases: a first report and the follow-ups proved to be its reporter's.

Pure: the same records and lists give the same cases, in whatever order they came.
A follow-up names the mailbox it burned by the proof that only the owner of the code could know: the server, which is
shown the claim, can't make one up (crypto/SPEC.md §3.2). The first to burn a mailbox continues the case; any other is
kept and marked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import cached_property

from crypto.errors import Refused
from service.cases.case_state import CaseState, fold
from service.cases.consultations import consultations
from service.cases.log import Consulted, Entry, LetterSent, known_entry
from service.cases.rosters import RosterHistory
from service.desk.advisers import Sought, sought
from service.desk.records import Held, LogLine

Lists = Callable[[str], RosterHistory | None]
"""Gives a group's verified history by its hex id; None where this desk doesn't have one."""


def _no_list(_group: str) -> None:
    return None


@dataclass(frozen=True)
class Case:
    """One report, what followed, and what its handlers did."""

    first: Held
    """The report; a follow-up in a case that is `stray`."""
    follow_ups: tuple[Held, ...]
    doubtful: tuple[Held, ...]
    """Follow-ups sent with a code that had been used already: perhaps by someone who found it."""
    state: CaseState
    untrusted: int
    """How many log entries are not shown: of no known form, or signed by nobody of that name in a verified roster."""
    lists: Mapping[str, RosterHistory] = field(default_factory=dict, repr=False)
    """Of the groups that were asked for advice, where this desk has one, by their hex ids."""

    @property
    def stray(self) -> bool:
        """True where it begins with a follow-up: its report is not here, or its sender's code answers to none."""
        return self.first.follows is not None

    @property
    def mailbox_address(self) -> str:
        """Where the next letter goes: the newest mailbox that the reporter told of."""
        return (self.follow_ups or (self.first,))[-1].mailbox_address

    @property
    def mailbox_key(self) -> str:
        """Public key (hex) to which the next letter is sealed."""
        return (self.follow_ups or (self.first,))[-1].mailbox_key

    @cached_property
    def sought(self) -> tuple[Sought, ...]:
        """What people outside of it were asked, and their answers that count.

        Found once, and not before somebody looks: a consultation with an answer takes a millisecond.
        """
        return tuple(sought(one, self.lists.get(one.act.group)) for one in consultations(self.state.entries))

    @property
    def waiting_for_answer(self) -> bool:
        """True while the reporter's last word has had no letter (other than a mere change of state).

        A letter answers it when it was written to the mailbox that came with that word, or to a later one. No clock is
        asked: each desk has its own, and fetched the word when it happened to sync.
        """
        words = [self.first, *self.follow_ups]
        last = max((place for place, held in enumerate(words) if held.speaks), default=0)
        mailboxes = {held.mailbox_address for held in words[last:]}
        return not any(
            isinstance(entry.act, LetterSent) and entry.act.text and entry.act.address in mailboxes
            for entry in self.state.letters
        )


def assemble(
    held: Iterable[Held], logs: Mapping[str, list[LogLine]], lists: Lists = _no_list
) -> dict[str, Case]:
    """Give the cases by the id of their first envelope.

    A follow-up whose report isn't here begins a case of its own (`Case.stray`): nobody's words are dropped.
    logs: the stored lines by report id, in any order; they are folded by their place in the log. lists: by which
    advice is believed.
    """
    records = sorted(held, key=lambda one: (one.day, one.fetched_s, one.id))
    cases: dict[str, Case] = {}
    used: set[str] = set()

    def add(first: Held, follow_ups: tuple[Held, ...], doubtful: tuple[Held, ...]) -> None:
        used.update(one.id for one in (first, *follow_ups, *doubtful))
        state, untrusted = _folded(logs, first, follow_ups)
        asked = {entry.act.group for entry in state.entries if isinstance(entry.act, Consulted)}
        known = {group: history for group in asked if (history := lists(group)) is not None}
        cases[first.id] = Case(first, follow_ups, doubtful, state, untrusted, known)

    successors = _by_burned(records)
    # Of one mailbox once: its owner may file as many reports with it as they like.
    chains: dict[str, tuple[tuple[Held, ...], tuple[Held, ...]]] = {}
    for record in records:
        if record.follows is None:
            chain = chains.get(record.mailbox_address)
            if chain is None:
                chain = chains[record.mailbox_address] = _chain(record, successors, frozenset())
            add(record, *chain)
    rest = [record for record in records if record.id not in used]
    known = {record.mailbox_address for record in rest}
    # First those that burned a mailbox of which nothing is here; what remains then points at itself, and was made up.
    for record in sorted(rest, key=lambda one: (one.follows in known, not one.first_use)):
        if record.id not in used:
            used.add(record.id)
            beside = [one for one in successors[record.follows or ""] if one.id not in used]
            used.update(one.id for one in beside)
            follow_ups, doubtful = _chain(record, successors, used)
            add(record, follow_ups, (*beside, *doubtful))
    return cases


def by_envelope(cases: Iterable[Case]) -> dict[str, Case]:
    """Give each envelope's case: what was done on a follow-up belongs to its report, when that has come."""
    return {one.id: case for case in cases for one in (*case.doubtful, *case.follow_ups, case.first)}


def _by_burned(records: Iterable[Held]) -> dict[str, list[Held]]:
    found: dict[str, list[Held]] = {}
    for record in records:
        if record.follows is not None:
            found.setdefault(record.follows, []).append(record)
    return found


def _chain(
    first: Held, successors: Mapping[str, list[Held]], used: Set[str]
) -> tuple[tuple[Held, ...], tuple[Held, ...]]:
    chain: list[Held] = []
    doubtful: list[Held] = []
    at = first.mailbox_address
    visited = {at}  # a made-up ring of follow-ups must not loop
    while candidates := [one for one in successors.get(at, ()) if one.id not in used]:
        valid = next((one for one in candidates if one.first_use), None)
        doubtful += [one for one in candidates if one is not valid]
        if valid is None or valid.mailbox_address in visited:
            break
        chain.append(valid)
        at = valid.mailbox_address
        visited.add(at)
    return tuple(chain), tuple(doubtful)


def _folded(
    logs: Mapping[str, list[LogLine]], first: Held, follow_ups: Iterable[Held]
) -> tuple[CaseState, int]:
    """Fold a case's log. What was done on a follow-up, by who does not see its report, is shown and moves nothing."""
    state, untrusted = _folded_one(logs.get(first.id, []))
    found = [_folded_one(logs[one.id]) for one in follow_ups if one.id in logs]
    if not found:
        return state, untrusted
    sides = [state, *(aside for aside, _ in found)]
    whole = replace(
        state,
        entries=tuple(entry for one in sides for entry in one.entries),
        letters=tuple(entry for one in sides for entry in one.letters),
        notes=tuple(entry for one in sides for entry in one.notes),
        recused=frozenset().union(*(one.recused for one in sides)),
    )
    return whole, untrusted + sum(more for _, more in found)


def _folded_one(lines: list[LogLine]) -> tuple[CaseState, int]:
    ordered = sorted(lines, key=lambda line: line.seq)
    # Every trusted line was verified when it came (sync.py) or was signed here; the vault's seal binds it to its place.
    known = [entry_of(line) if line.trusted else None for line in ordered]
    return fold([entry for entry in known if entry is not None]), known.count(None)


def entry_of(line: LogLine) -> Entry | None:
    """Give what a stored line says; None where it has a form that this version doesn't know, but another has stored."""
    try:
        return known_entry(line.raw)
    except Refused:
        return None
