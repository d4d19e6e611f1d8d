"""Who may read a report and what follows it: its recipients, and those it was forwarded to; never whom it left out.

By the rosters that this desk has verified, and by the report's log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crypto.errors import Refused
from service.cases.choosing import without
from service.cases.letters import MAX_HANDED_TO, MAX_READERS, HandedTo
from service.cases.rosters import Handler, Roster, RosterHistory
from service.desk.casebook import Case
from service.desk.records import Held

MAX_NAMED = 100
"""People in all to whom a report is forwarded at most: naming them takes 3,500 of a letter's 8,188 bytes."""
Histories = Mapping[str, RosterHistory]
"""Verified histories by the group's hex id: of the report's group, and of those it was forwarded to."""


class TooManyRead(Refused):
    """More would read what the reporter answers than a letter can name to them."""


@dataclass(frozen=True, slots=True)
class Answering:
    """To whom the reporter's answer goes: it is sealed to people of one group, who hand it on to the others."""

    roster: Roster
    recipients: tuple[str, ...]
    handed_to: tuple[HandedTo, ...]


@dataclass(frozen=True, slots=True)
class ReadersTold:
    """Names for a handler, so that nobody mentions a report to somebody who must not know of it."""

    read_by: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """Handlers of the report's group who are there now."""
    left_out_since: tuple[str, ...] = ()
    """Of the newest answer, by those who have the report."""

    def lines(self) -> list[str]:
        """What stands under a case; nothing where this desk can't know."""
        told = (
            ("Read by", self.read_by),
            ("Left out by the reporter, so tell them nothing of it", self.left_out),
            ("Left out of what the reporter wrote last", self.left_out_since),
        )
        return [line for label, names in told if names for line in ("", f"{label}: {', '.join(names)}.")]


def readers_told(case: Case, histories: Histories) -> ReadersTold:
    """Name those who have a report, with the group of those it was forwarded to, and whom its reporter left out."""
    kept_from = left_out_of(case.first, histories)
    if kept_from is None:
        return ReadersTold()
    active = histories[case.first.group].latest.active
    have = _have(case, histories[case.first.group].latest)
    names = [one.pseudonym for one in active if one in have]
    for group, people in told_of(case, histories).items():
        where = "" if group == case.first.group else f" ({histories[group].latest.name})"
        names += [f"{one.pseudonym}{where}" for one in people if one not in have]
    out = {one.id for one in kept_from}
    answered = set(readers(case, histories))
    return ReadersTold(
        tuple(names),
        tuple(one.pseudonym for one in active if one.id in out),
        tuple(one.pseudonym for one in active if one in have and one.key_id.hex() not in answered),
    )


def answering(case: Case, histories: Histories, author_key: str) -> Answering:
    """Find to whom the answer to a letter goes.

    To the recipients of the report who are still there, and to those handlers of their group who were told of it later:
    the server hands an answer to nobody of the group whom it is not sealed to, as they may have been left out. Once all
    of the recipients retired or stepped out, to the handlers of one group that it was forwarded to: the author's own
    where that is one. author_key: in hex.
    Refused when nobody would be left, or this desk doesn't know the report's group; TooManyRead.
    """
    here, latest = case.first.group, _history(histories, case.first.group).latest
    told = told_of(case, histories)
    recipients = readers(case, histories)
    if here in told:  # a recipient who was told again, under new keys, is a recipient
        received = set(case.first.recipients)
        told[here] = tuple(
            one
            for one in told[here]
            if one.key_id.hex() in recipients or received.isdisjoint(key_id.hex() for key_id in one.key_ids)
        )
    if recipients:
        recipients = tuple(sorted({*recipients, *_sealable(told.get(here, ()), latest)}))
        return Answering(latest, recipients, _others(told, here, recipients))
    rosters = [histories[group].latest for group in told]
    for roster in sorted(rosters, key=lambda one: one.by_verify_key(bytes.fromhex(author_key)) is None):
        group = roster.group.hex()
        found = _sealable(told[group], roster)
        if found:
            return Answering(roster, found, _others(told, group, found))
    raise Refused("nobody is left to read an answer: forward the report first, to somebody who is a handler")


def check_named(case: Case, histories: Histories, author_key: str) -> None:
    """Refuse to let so many have a report that no letter could name them all. Arguments as for `answering`."""
    try:
        to = answering(case, histories, author_key)
        many = len(to.recipients) + sum(len(one.recipients) for one in to.handed_to) > MAX_NAMED
    except TooManyRead:
        many = True
    except Refused:
        return  # nobody is left to whom an answer could be sealed: that is no matter of how many have it
    if many:
        raise Refused(
            "the reporter could be written to no more: a letter names everybody who reads the answer, and these would "
            "be too many. Name fewer with --to"
        )


def told_of(case: Case, histories: Histories) -> dict[str, tuple[Handler, ...]]:
    """Find those a report was forwarded to who are still there and did not step out, by their group's hex id.

    Nobody, while this desk can't know whom the reporter left out.
    """
    if not knows_left_out(case.first, histories):
        return {}
    found: dict[str, dict[bytes, Handler]] = {}
    for told in case.state.forwarded:
        theirs = histories.get(told.group)
        for key_id in told.key_ids if theirs else ():
            handler = None if theirs is None else theirs.latest.by_key(bytes.fromhex(key_id))
            if handler is not None and handler.active and not _stepped_out(case, handler):
                found.setdefault(told.group, {})[handler.id] = handler
    return {
        group: not_left_out(case.first, histories, list(people.values())) for group, people in found.items()
    }


def not_left_out(held: Held, histories: Histories, handlers: Sequence[Handler]) -> tuple[Handler, ...]:
    """Give those of `handlers` whom the reporter didn't leave out of an envelope, by any name or key of theirs.

    Of a report, or of one answer: the server refuses to hand it to the others, and might not.
    Refused when this desk lacks the list that the reporter saw.
    """
    kept_from = left_out_of(held, histories)
    if kept_from is None:
        raise Refused(
            "this desk has never seen the list that the reporter saw: nobody can tell whom they left out"
        )
    return without(handlers, kept_from)


def may_be_told(
    case: Case, histories: Histories, to: RosterHistory, wanted: Sequence[Handler] | None
) -> tuple[Handler, ...]:
    """Give those of a group who may be told of a report: all its recipients, or `wanted`, without whom it left out.

    Refused when somebody wanted was left out; and when everybody is wanted of a group whose reporters come to the
    report's if they leave out too many there: whom they left out is in no report (design.md §4).
    """
    if wanted is None and any(roster.alternate == bytes.fromhex(case.first.group) for roster in to.rosters):
        raise Refused("perhaps its reporter left out people of that group: name who is to have it with --to")
    asked = to.latest.recipients if wanted is None else wanted
    handlers = not_left_out(case.first, histories, asked)
    if wanted is not None and len(handlers) < len(asked):
        raise Refused("the reporter left out one of these people")
    return handlers


def left_out_of(held: Held, histories: Histories) -> tuple[Handler, ...] | None:
    """Give whom the reporter left out of an envelope, by all their names and keys.

    None where this desk can't tell: it lacks the list that the reporter saw.
    """
    history = histories.get(held.group)
    then = None if history is None else history.at(bytes.fromhex(held.roster))
    if history is None or then is None:
        return None
    return history.left_out(then, {bytes.fromhex(key_id) for key_id in held.recipients})


def knows_left_out(held: Held, histories: Histories) -> bool:
    """Whether this desk can tell whom the reporter left out of an envelope."""
    return left_out_of(held, histories) is not None


def readers(case: Case, histories: Histories) -> tuple[str, ...]:
    """Key ids of the recipients of the report by the keys they hold now, less who retired or stepped out.

    Whoever was left out stays out, because only recipients are looked at; and so does who was left out of the newest
    answer that the group got: they don't know where to write, and another letter is not to name them again.
    """
    roster = _history(histories, case.first.group).latest
    people = _have(case, roster)
    answers = [one for one in case.follow_ups if one.group == case.first.group]
    if answers and knows_left_out(answers[-1], histories):
        people = list(not_left_out(answers[-1], histories, people))
    return tuple(sorted({one.key_id.hex() for one in people}))


def _have(case: Case, latest: Roster) -> list[Handler]:
    """Give the recipients of a report who are still there, as they are now."""
    found = {one.id: one for key_id in case.first.recipients if (one := latest.by_key(bytes.fromhex(key_id)))}
    return [one for one in found.values() if one.active and not _stepped_out(case, one)]


def _sealable(people: Iterable[Handler], roster: Roster) -> tuple[str, ...]:
    """Give the key ids of those to whom envelopes are sealed: in the role of handler only."""
    return tuple(sorted(one.key_id.hex() for one in people if one in roster.recipients))


def _others(
    told: Mapping[str, Sequence[Handler]], group: str, recipients: Sequence[str]
) -> tuple[HandedTo, ...]:
    """Name those the answer is handed on to: all that were told, but for its recipients, who are in `group`."""
    keys = {
        other: tuple(
            sorted(one.key_id.hex() for one in people if other != group or one.key_id.hex() not in recipients)
        )
        for other, people in told.items()
    }
    found = tuple(HandedTo(group=other, recipients=ids) for other, ids in sorted(keys.items()) if ids)
    crowds = (recipients, *(one.recipients for one in found))
    if len(found) > MAX_HANDED_TO or any(len(crowd) > MAX_READERS for crowd in crowds):
        raise TooManyRead("the report was forwarded to more people than a letter can name to its reporter")
    return found


def _stepped_out(case: Case, handler: Handler) -> bool:
    return any(key.raw.hex() in case.state.recused for key in handler.verify_keys)


def _history(histories: Histories, group: str) -> RosterHistory:
    if group not in histories:
        raise Refused("this desk doesn't know that group yet: run `sottovoce desk sync`")
    return histories[group]
