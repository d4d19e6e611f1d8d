"""What the pages show of a group: names and keys in words, and the letters of a mailbox. Values for templates, no logic
of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crypto.codes import fingerprint_words
from crypto.secrets import Unshown
from service.cases.choosing import ToAlternate, TooFewLeft, choose, of_alternate
from service.cases.filing import Recipients
from service.cases.letters import Letter, handed_on, reach_of
from service.cases.roster_history import RosterHistory
from service.cases.rosters import Handler, Roster
from service.server.deps import Deps


@dataclass(frozen=True, slots=True)
class HandlerView:
    """A recipient: id (hex), name or pseudonym, key in words."""

    id: str
    name: str
    words: str


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group as a reporter sees it. alternate: where a report goes when too few would remain.

    roster: the roster's digest (hex), for the form to say who was shown.
    """

    id: str
    roster: str
    name: str
    words: str
    minimum: int
    handlers: tuple[HandlerView, ...]
    alternate: GroupView | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A group that was looked up: its history, its alternate's where that can take reports, and the view of both."""

    history: RosterHistory
    other: RosterHistory | None
    view: GroupView


@dataclass(frozen=True, slots=True, repr=False)
class LetterView(Unshown):
    """A letter, opened. state: a sentence in the page's language, or empty.

    group: the author's, where that is another than the one which is answered; else empty.
    """

    author: str
    group: str
    known: bool
    day: str
    question: bool
    state: str
    language: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Readers:
    """To whom an answer goes: people of one group, and those of any group to whom they hand it on."""

    roster: Roster
    people: tuple[Handler, ...]
    handed_to: tuple[tuple[Roster, tuple[Handler, ...]], ...] = ()

    @property
    def names(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """All their names or pseudonyms, by the name of their group."""
        return tuple(
            (roster.name, tuple(person.pseudonym for person in people))
            for roster, people in ((self.roster, self.people), *self.handed_to)
        )

    def recipients(self) -> Recipients:
        """Name them for sealing."""
        keys = tuple(person.seal_key for person in self.people)
        return Recipients(self.roster.group, self.roster.digest, keys)


async def group_view(deps: Deps, group: bytes) -> Found | None:
    """Look a group up; None when the server has no such group."""
    history = await deps.groups.history(group)
    if history is None:
        return None
    roster = history.latest
    other = None
    if roster.alternate is not None:
        alternate = await deps.groups.history(roster.alternate)
        if alternate is not None and alternate.latest.recipients:
            other = alternate
    return Found(history, other, _view(roster, None if other is None else _view(other.latest, None)))


def takes_reports(found: Found) -> bool:
    """Whether a report that leaves nobody out has enough readers, in the group or else in its alternate."""
    roster, other = found.history.latest, found.other
    try:
        chosen = choose(roster.recipients, roster.minimum, roster.alternate, ())
        if not isinstance(chosen, ToAlternate):
            return True
        if other is None:
            return False
        of_alternate(chosen, other.latest.recipients, other.latest.minimum)
    except TooFewLeft:
        return False
    return True


def as_shown(history: RosterHistory, roster: str) -> bool:
    """Whether a page made for the roster of this digest (hex) showed the people, keys and rules that are in force.

    What follows a roster and changes none of them, such as a policy, changes nothing that a reporter chose by.
    """
    try:
        then = history.at(bytes.fromhex(roster))
    except ValueError:
        return False
    return then is not None and _chosen_by(then) == _chosen_by(history.latest)


def _chosen_by(roster: Roster) -> tuple[object, ...]:
    return roster.name, roster.minimum, roster.alternate, roster.recipients


def _view(roster: Roster, alternate: GroupView | None) -> GroupView:
    return GroupView(
        id=roster.group.hex(),
        roster=roster.digest.hex(),
        name=roster.name,
        words=" ".join(fingerprint_words(roster.root.raw)),
        minimum=roster.minimum,
        handlers=tuple(
            HandlerView(h.id.hex(), h.pseudonym, " ".join(fingerprint_words(h.verify_key.raw)))
            for h in roster.recipients
        ),
        alternate=alternate,
    )


async def letter_view(deps: Deps, letter: Letter, states: dict[str, str]) -> LetterView:
    """Show a letter. `known`: whether its author is, under that name, in a group that it names."""
    theirs = None
    for group in reach_of(letter):
        history = await deps.groups.history(bytes.fromhex(group))
        author = None if history is None else history.latest.by_verify_key(bytes.fromhex(letter.author_key))
        if (
            theirs is None
            and history is not None
            and author is not None
            and author.pseudonym == letter.author
        ):
            theirs = history.latest
    return LetterView(
        author=letter.author,
        group="" if theirs is None or theirs.group.hex() == letter.group else theirs.name,
        known=theirs is not None,
        day=letter.day,
        question=letter.question,
        state=states[letter.state] if letter.state else "",
        language=letter.language,
        paragraphs=_paragraphs(letter.text),
    )


async def readers(deps: Deps, letters: Sequence[Letter]) -> Readers | None:
    """Find to whom the answer to some letters, oldest first, goes; None when nobody of them is there any more.

    To the group of the first letter, as long as it still has somebody whom one of its letters names: no later letter
    takes the answer to another group. In it, to those whom the newest letter names who are handlers in the roster in
    force: nothing else is taken, so a letter that names others would lock the reporter out.
    The page shows them by name, with those to whom that letter says they hand it on: whoever writes a letter may say it
    wrongly.
    """
    for group in dict.fromkeys(letter.group for letter in letters):
        history = await deps.groups.history(bytes.fromhex(group))
        if history is None:
            continue
        for letter in reversed([letter for letter in letters if letter.group == group]):
            wanted = {bytes.fromhex(key_id) for key_id in letter.recipients}
            people = tuple(h for h in history.latest.recipients if wanted & set(h.key_ids))
            if people:
                return Readers(history.latest, people, await _handed_to(deps, letter, history.latest, people))
    return None


async def _handed_to(
    deps: Deps, letter: Letter, answered: Roster, recipients: Sequence[Handler]
) -> tuple[tuple[Roster, tuple[Handler, ...]], ...]:
    """Find those to whom the answer to a letter is handed on, by its word, with the rosters of their groups."""
    found = []
    for group in reach_of(letter):
        history = await deps.groups.history(bytes.fromhex(group))
        people = () if history is None else handed_on(letter, history.latest, answered, recipients)
        if history is not None and people:
            found.append((history.latest, people))
    return tuple(found)


def _paragraphs(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.split("\n") if line.strip())


def names(people: Sequence[HandlerView]) -> tuple[str, ...]:
    """Give the names alone."""
    return tuple(person.name for person in people)
