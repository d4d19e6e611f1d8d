"""The state of a case as a pure fold of its log: the same entries in the same order give the same state at every desk.

The fold reads entries in the order in which the server stored them, and never fails on one: what can't apply is kept
and marked. It takes as long as the log is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from service.cases.letters import State
from service.cases.log import (
    Advised,
    Checked,
    Consulted,
    Entry,
    Forwarded,
    LetterSent,
    Note,
    Padding,
    Priority,
    Recused,
    StateSet,
    SubjectMerged,
    SubjectSplit,
    Triaged,
)


@dataclass(frozen=True, slots=True)
class CaseState:
    """What a log says, folded. `out_of_order` holds entries that could not apply; nothing is ever dropped."""

    state: State = "received"
    priority: Priority | None = None
    issues: tuple[str, ...] = ()
    """Ids of the conduct issues that it is about, by the last who named some."""
    entries: tuple[Entry, ...] = ()
    letters: tuple[Entry, ...] = ()
    notes: tuple[Entry, ...] = ()
    recused: frozenset[str] = frozenset()
    """Verify keys (hex) of the handlers who stepped out."""
    forwarded: tuple[Forwarded, ...] = ()
    checked: dict[str, Checked] = field(default_factory=dict)
    """The last finding for each item."""
    out_of_order: tuple[Entry, ...] = ()
    taken_up: Entry | None = None
    """What last moved it out of `closed`; None where that never happened."""


# A case can go back (a closed one is taken up again), but never to "received", which is how it begins.
_NEXT: dict[State, frozenset[State]] = {
    "received": frozenset({"looking", "mediation", "decided", "closed"}),
    "looking": frozenset({"mediation", "decided", "closed"}),
    "mediation": frozenset({"looking", "decided", "closed"}),
    "decided": frozenset({"looking", "mediation", "closed"}),
    "closed": frozenset({"looking"}),
}


def may_become(now: State, then: State) -> bool:
    """Say whether a case in state `now` may move to `then`."""
    return then in _NEXT[now]


def fold(entries: list[Entry]) -> CaseState:
    """Fold a log, in stored order, into the state of its case. An author's repeated entry (same id) counts once."""
    case = _Folding()
    # By author too: whoever takes the id of another's entry, and stores theirs first, must not make it vanish.
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        if (entry.author_key, entry.id) not in seen:
            seen.add((entry.author_key, entry.id))
            case.apply(entry)
    return case.done()


class _Folding:
    """A state while it is folded: in lists, since anybody who reads a report can make its log as long as they like."""

    def __init__(self) -> None:
        self.state: State = "received"
        self.priority: Priority | None = None
        self.issues: tuple[str, ...] = ()
        self.taken_up: Entry | None = None
        self.entries: list[Entry] = []
        self.letters: list[Entry] = []
        self.notes: list[Entry] = []
        self.out_of_order: list[Entry] = []
        self.recused: set[str] = set()
        self.forwarded: list[Forwarded] = []
        self.checked: dict[str, Checked] = {}

    def apply(self, entry: Entry) -> None:
        """Add one more entry."""
        if isinstance(entry.act, Padding):
            return
        self.entries.append(entry)
        match entry.act:
            case LetterSent(state=state):
                self.letters.append(entry)
                if state is not None:
                    self._move(state, entry)
            case Note():
                self.notes.append(entry)
            case Recused():
                self.recused.add(entry.author_key)
            case Forwarded() as told:
                self.forwarded.append(told)
            case StateSet(state=state):
                self._move(state, entry)
            case Triaged(priority=priority, issues=issues):
                self.priority = priority
                self.issues = issues or self.issues
            case Checked() as found:
                self.checked[found.item] = found
            case SubjectMerged() | SubjectSplit() | Consulted() | Advised():
                pass

    def _move(self, then: State, entry: Entry) -> None:
        if then == self.state:
            return
        if not may_become(self.state, then):
            self.out_of_order.append(entry)
            return
        self.taken_up = entry if self.state == "closed" else self.taken_up
        self.state = then

    def done(self) -> CaseState:
        """Give the state after all of them."""
        return CaseState(
            state=self.state,
            priority=self.priority,
            issues=self.issues,
            entries=tuple(self.entries),
            letters=tuple(self.letters),
            notes=tuple(self.notes),
            recused=frozenset(self.recused),
            forwarded=tuple(self.forwarded),
            checked=self.checked,
            out_of_order=tuple(self.out_of_order),
            taken_up=self.taken_up,
        )
