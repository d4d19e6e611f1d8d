"""Who receives a report: everybody the reporter saw by name, less those left out.

design.md §4: leaving people out is the reporter's alone to know. When fewer than the group's minimum are left, the
report goes to the group's alternate group instead, and the reporter is told so before it goes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from crypto.errors import Refused
from crypto.signatures import VerifyKey
from service.cases.names import folded


class Named(Protocol):
    """A handler as the roster names one, by a name or a working pseudonym."""

    @property
    def pseudonym(self) -> str:
        """The name shown to reporters."""
        ...


class Keyed(Named, Protocol):
    """A handler with the signing keys they ever had."""

    @property
    def verify_keys(self) -> tuple[VerifyKey, ...]:
        """Newest last."""
        ...


H = TypeVar("H", bound=Named)
K = TypeVar("K", bound=Keyed)


@dataclass(frozen=True, slots=True)
class ToGroup(Generic[H]):
    """The report goes to these handlers."""

    handlers: tuple[H, ...]


@dataclass(frozen=True, slots=True)
class ToAlternate(Generic[H]):
    """Too few would be left: the report goes to this other group, to those whom `of_alternate` gives."""

    group_id: bytes
    left_out: tuple[H, ...]


class TooFewLeft(Refused):
    """Fewer than the minimum are left, and there is no other group, or too few are left there as well."""


class NoSuchHandler(Refused):
    """A name to leave out is nobody's: refused, because a misspelt name would reach the one to be left out."""


def choose(
    handlers: Sequence[H], minimum: int, alternate: bytes | None, left_out: Collection[str]
) -> ToGroup[H] | ToAlternate[H]:
    """Decide who receives a report when the handlers named in `left_out` must not. Names as `names.folded` has them.

    Where an old roster has two whose names fold to the same, both are left out: neither is the wrong one.
    Raises NoSuchHandler for a name nobody has, TooFewLeft where there is no alternate to go to.
    """
    wanted = {folded(name) for name in left_out}
    if wanted - {folded(handler.pseudonym) for handler in handlers}:
        raise NoSuchHandler("one of the names to leave out is not in the list: type it as it is shown")
    kept = tuple(handler for handler in handlers if folded(handler.pseudonym) not in wanted)
    if len(kept) >= max(1, minimum):
        return ToGroup(kept)
    if alternate is None:
        raise TooFewLeft("too few would receive it, and the group has named no other group to go to")
    return ToAlternate(
        alternate, tuple(handler for handler in handlers if folded(handler.pseudonym) in wanted)
    )


def of_alternate(chosen: ToAlternate[K], handlers: Sequence[K], minimum: int) -> tuple[K, ...]:
    """Give those of the other group who receive the report. handlers, minimum: that group's. Raises TooFewLeft.

    Whoever was left out of the first group and is in this one too stays out, by name or by a signing key they ever had.
    """
    kept = without(handlers, chosen.left_out)
    if len(kept) < max(1, minimum):
        raise TooFewLeft("too few would receive it, in the other group as well")
    return kept


def without(handlers: Sequence[K], left_out: Sequence[K]) -> tuple[K, ...]:
    """Give the handlers who are none of those left out: none has the name, or a signing key, of one of them."""
    keys = {key.raw for other in left_out for key in other.verify_keys}
    names = {folded(other.pseudonym) for other in left_out}
    return tuple(
        handler
        for handler in handlers
        if folded(handler.pseudonym) not in names and not keys & {key.raw for key in handler.verify_keys}
    )


def of_name(handlers: Sequence[H], name: str) -> H | None:
    """Find the one handler of a name: who has it to the letter, or else who alone has one that folds to the same."""
    wanted = folded(name)
    found = [handler for handler in handlers if handler.pseudonym == name] or [
        handler for handler in handlers if folded(handler.pseudonym) == wanted
    ]
    return found[0] if len(found) == 1 else None
