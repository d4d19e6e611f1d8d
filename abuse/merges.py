"""Which subjects handlers hold to be one person, as a fold over statements. SPEC.md "Corroboration: merges".

Guarantees: every merge can be undone, at any time and in any order, and the result depends only on the set of
merges that stand; the history is kept. Leaves to the desk: who may state it, and how statements are stored.
A merge never changes a voice's context, so voices given about two aliases stay two contexts (`Account.voice_context`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from abuse.subjects import Subject
from crypto.errors import Refused
from crypto.secrets import Unshown

MAX_SUGGESTED: Final = 20


@dataclass(frozen=True, slots=True, repr=False)
class Merged(Unshown):
    """A handler says: these two are one. `id` is unique; `undo` names it."""

    id: str
    one: Subject
    other: Subject
    by: str
    at_s: float
    reason: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Unmerged(Unshown):
    """A handler takes a merge back. Undoing twice, or undoing what never was, changes nothing."""

    undoes: str
    by: str
    at_s: float
    reason: str = ""


Statement = Merged | Unmerged


@dataclass(frozen=True, slots=True)
class People:
    """The subjects grouped into persons. `standing` are the merges in force, `history` every statement."""

    groups: tuple[frozenset[Subject], ...]
    standing: tuple[Merged, ...]
    history: tuple[Statement, ...]
    _places: Mapping[Subject, int] = field(repr=False, compare=False)
    """The place in `groups` of each account in one."""
    _principals: tuple[Subject, ...] = field(repr=False, compare=False)
    """Of each group."""

    def aliases(self, about: Subject) -> frozenset[Subject]:
        """All accounts held to be the same person as `about`, itself included."""
        place = self._places.get(about)
        return frozenset({about}) if place is None else self.groups[place]

    def principal(self, about: Subject) -> Subject:
        """The one subject under which a person is listed: the smallest canonical form of the aliases."""
        place = self._places.get(about)
        return about if place is None else self._principals[place]

    def why(self, about: Subject) -> tuple[Merged, ...]:
        """The standing merges that tie `about` to others."""
        group = self.aliases(about)
        return tuple(merge for merge in self.standing if merge.one in group)


def people(statements: Iterable[Statement]) -> People:
    """Fold merges and unmerges into persons. Refused: two merges with one id."""
    history = tuple(statements)
    merges: dict[str, Merged] = {}
    undone: set[str] = set()
    for statement in history:
        match statement:
            case Merged():
                if statement.id in merges:
                    raise Refused("merge: this id is taken")
                merges[statement.id] = statement
            case Unmerged():
                # Only a merge that was already stated can be undone: stating it anew needs a new id.
                undone.update({statement.undoes} & merges.keys())
    standing = tuple(merge for key, merge in merges.items() if key not in undone)
    parent: dict[Subject, Subject] = {}

    def root(of: Subject) -> Subject:
        while parent.setdefault(of, of) != of:
            parent[of] = parent[parent[of]]
            of = parent[of]
        return of

    for merge in standing:
        parent[root(merge.one)] = root(merge.other)
    grouped: dict[Subject, set[Subject]] = {}
    for alias in list(parent):
        grouped.setdefault(root(alias), set()).add(alias)
    whole = [(min(group, key=lambda one: one.canonical), frozenset(group)) for group in grouped.values()]
    whole.sort(key=lambda one: one[0].canonical)
    return People(
        groups=tuple(group for _, group in whole),
        standing=standing,
        history=history,
        _places={alias: place for place, (_, group) in enumerate(whole) for alias in group},
        _principals=tuple(principal for principal, _ in whole),
    )


class Namesakes:
    """The accounts with one handle on several platforms, for a handler to look at. Never merged by itself."""

    def __init__(self, reported: Iterable[Subject], known: People) -> None:
        """Sort accounts by their handles. reported: whom reports are about, in any order and as often as they are."""
        # Two that were merged and are not any more were looked at.
        self._looked_at: dict[Subject, set[Subject]] = {}
        for said in known.history:
            if isinstance(said, Merged):
                self._looked_at.setdefault(said.one, set()).add(said.other)
                self._looked_at.setdefault(said.other, set()).add(said.one)
        by_handle: dict[str, list[Subject]] = {}
        for about in sorted(set(reported), key=lambda one: one.canonical):
            by_handle.setdefault(_bare(about), []).append(about)
        self._same = {handle: _in_turns(same) for handle, same in by_handle.items()}

    def of(self, person: Iterable[Subject]) -> tuple[Subject, ...]:
        """Give the accounts of others with a handle of this person's, but for those that a handler took apart.

        person: all accounts that are held to be theirs. At most MAX_SUGGESTED of each handle: a report may name
        somebody on fifty servers that nobody has heard of, and the next one on fifty others.
        """
        aliases = set(person)
        known = aliases.union(*(self._looked_at.get(alias, ()) for alias in aliases))
        found: list[Subject] = []
        for handle in {_bare(alias) for alias in aliases}:
            others = (other for other in self._same.get(handle, ()) if other not in known)
            found += islice(others, MAX_SUGGESTED)
        return tuple(sorted(found, key=lambda one: one.canonical))


def _bare(about: Subject) -> str:
    return "".join(about.handle.removesuffix(".bsky.social").split())


def _in_turns(same: Iterable[Subject]) -> list[Subject]:
    """Put the first of each platform before the second of any, so that no flood on one hides those on others."""
    count: dict[str, int] = {}
    turn: dict[Subject, int] = {}
    for about in same:
        turn[about] = count[about.platform] = count.get(about.platform, 0) + 1
    return sorted(turn, key=lambda about: turn[about])
