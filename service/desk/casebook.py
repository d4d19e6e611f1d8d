"""Putting opened envelopes together into cases: a first report and the follow-ups proved to be its reporter's.

Pure: the same records give the same cases, in whatever order they came.
A follow-up names the mailbox it burned by the proof that only the owner of the code could know: the server, which is
shown the claim, can't make one up (crypto/SPEC.md §3.2). The first to burn a mailbox continues the case; any other is
kept and marked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from service.cases.log import CaseState, LetterSent, fold, known_entry
from service.desk.records import Held, LogLine


@dataclass(frozen=True, slots=True)
class Case:
    """One report, what followed, and what its handlers did."""

    first: Held
    follow_ups: tuple[Held, ...]
    doubtful: tuple[Held, ...]
    """Follow-ups sent with a code that had been used already: perhaps by someone who found it."""
    state: CaseState
    untrusted: int
    """How many log entries were signed by nobody who has that name in a verified roster; shown nowhere else."""

    @property
    def mailbox_address(self) -> str:
        """Where the next letter goes: the newest mailbox that the reporter told of."""
        return (self.follow_ups or (self.first,))[-1].mailbox_address

    @property
    def mailbox_key(self) -> str:
        """Public key (hex) to which the next letter is sealed."""
        return (self.follow_ups or (self.first,))[-1].mailbox_key

    @property
    def waiting_for_answer(self) -> bool:
        """True while the reporter's last word has had no letter (other than a mere change of state)."""
        answered = [
            entry for entry in self.state.letters if isinstance(entry.act, LetterSent) and entry.act.text
        ]
        last_word = max(held.fetched_s for held in (self.first, *self.follow_ups))
        return not any(entry.at_s >= last_word for entry in answered)


def assemble(held: Iterable[Held], logs: Mapping[str, list[LogLine]]) -> tuple[dict[str, Case], list[Held]]:
    """Give the cases by the id of their first report, and the follow-ups whose first report isn't here.

    logs: the stored lines by report id, in any order; they are folded by their place in the log.
    """
    records = sorted(held, key=lambda one: (one.day, one.fetched_s, one.id))
    successors: dict[str, list[Held]] = {}
    for record in records:
        if record.follows is not None:
            successors.setdefault(record.follows, []).append(record)
    cases: dict[str, Case] = {}
    used: set[str] = set()
    for record in records:
        if record.follows is not None:
            continue
        chain, doubtful = _chain(record, successors)
        used.update(one.id for one in (*chain, *doubtful))
        state, untrusted = _folded(logs.get(record.id, []))
        cases[record.id] = Case(record, chain, doubtful, state, untrusted)
    orphans = [record for record in records if record.follows is not None and record.id not in used]
    return cases, orphans


def _chain(first: Held, successors: Mapping[str, list[Held]]) -> tuple[tuple[Held, ...], tuple[Held, ...]]:
    chain: list[Held] = []
    doubtful: list[Held] = []
    at = first.mailbox_address
    visited = {at}  # a made-up ring of follow-ups must not loop
    while candidates := successors.get(at):
        valid = next((one for one in candidates if one.first_use), None)
        doubtful += [one for one in candidates if one is not valid]
        if valid is None or valid.mailbox_address in visited:
            break
        chain.append(valid)
        at = valid.mailbox_address
        visited.add(at)
    return tuple(chain), tuple(doubtful)


def _folded(lines: list[LogLine]) -> tuple[CaseState, int]:
    ordered = sorted(lines, key=lambda line: line.seq)
    # Every trusted line was verified when it came (sync.py) or was signed here; the vault's seal binds it to its place.
    entries = [known_entry(line.raw) for line in ordered if line.trusted]
    return fold(entries), sum(not line.trusted for line in ordered)


def by_urgency(cases: Iterable[Case]) -> list[Case]:
    """Order for a person with little time: danger first, then priority, then who has waited longest for an answer."""
    urgency = {"danger": 0, "soon": 1, "normal": 2}
    return sorted(
        cases,
        key=lambda case: (
            case.state.state == "closed",
            case.first.urgency != "danger",
            case.state.priority or "P3",
            not case.waiting_for_answer,
            urgency.get(case.first.urgency, 2),
            case.first.day,
            case.first.id,
        ),
    )
