"""Which subjects handlers hold to be one person, as a fold over statements. SPEC.md "Corroboration: merges".

Guarantees: every merge can be undone, at any time and in any order, and the result depends only on the set of
merges that stand; the history is kept. Leaves to the desk: who may state it, and how statements are stored.
A merge never changes a voice's context, so voices given about two aliases stay two contexts (`Account.voice_context`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from abuse.subjects import Subject
from crypto.errors import Refused
from crypto.secrets import Unshown


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

    def aliases(self, about: Subject) -> frozenset[Subject]:
        """All accounts held to be the same person as `about`, itself included."""
        return next((group for group in self.groups if about in group), frozenset({about}))

    def principal(self, about: Subject) -> Subject:
        """The one subject under which a person is listed: the smallest canonical form of the aliases."""
        return min(self.aliases(about), key=lambda alias: alias.canonical)

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
    groups = sorted(
        (frozenset(group) for group in grouped.values()), key=lambda g: min(s.canonical for s in g)
    )
    return People(groups=tuple(groups), standing=standing, history=history)


def merge_suggestions(subjects: Sequence[Subject]) -> tuple[tuple[Subject, Subject], ...]:
    """Pairs with one handle on two platforms, for a handler to look at. Never merged by itself."""
    by_handle: dict[str, list[Subject]] = {}
    for about in sorted(set(subjects), key=lambda s: s.canonical):
        bare = about.handle.removesuffix(".bsky.social")
        by_handle.setdefault("".join(bare.split()), []).append(about)
    return tuple(
        (first, other)
        for same in by_handle.values()
        for at, first in enumerate(same)
        for other in same[at + 1 :]
    )
