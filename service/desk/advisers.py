"""Whose advice a case has: each answer that its log gives with a signature that holds, held against the desk's lists.

Guarantees: where this desk has a verified list of the group that was asked, an answer counts only if somebody who was
asked has, or had, the key that signed it, and its name is that list's; elsewhere it has no name but that which whoever
took it in gives. Says when the key is not in force: that it was when the answer came is the word of who took it in.
SPEC.md §7 of service.cases.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.cases.consultations import Answer, Asked
from service.cases.log import Consulted
from service.cases.rosters import Handler, RosterHistory


@dataclass(frozen=True, slots=True)
class Adviser:
    """Who answered, by their group's list. in_force: they are there, and the key that signed is theirs today."""

    name: str
    in_force: bool


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that counts. adviser: None where this desk has no list of the group that was asked."""

    answer: Answer
    adviser: Adviser | None


@dataclass(frozen=True, slots=True)
class Sought:
    """Advice that was sought about a case, and what was given."""

    asked: Asked
    given: tuple[Given, ...]

    @property
    def open(self) -> bool:
        """Whether nothing that counts was answered."""
        return not self.given


def sought(asked: Asked, known: RosterHistory | None) -> Sought:
    """Leave out the answers of who was not asked. known: the group that was asked, as this desk has verified it."""
    if known is None:
        return Sought(asked, tuple(Given(answer, None) for answer in asked.answers))
    found = ((answer, _adviser(asked.act, answer.advice.author_key, known)) for answer in asked.answers)
    return Sought(asked, tuple(Given(answer, who) for answer, who in found if who is not None))


def was_asked(act: Consulted, handler: Handler) -> bool:
    """Whether somebody is among those asked, by any key of theirs: they may have others since."""
    return not {key_id.hex() for key_id in handler.key_ids}.isdisjoint(act.key_ids)


def _adviser(act: Consulted, key: str, known: RosterHistory) -> Adviser | None:
    handler = known.latest.by_verify_key(bytes.fromhex(key))
    if handler is None or not was_asked(act, handler):
        return None
    # A former key counts: an answer would vanish, and be waited for again, because its author has new keys. Whoever has
    # the case and got hold of one can make advice up, so it is not shown as if it were as good as one in force.
    return Adviser(handler.pseudonym, handler.active and handler.verify_key.raw.hex() == key)
