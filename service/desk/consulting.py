"""Consulting people outside of a report: whom one may ask, the question, the advice, and what of it stands in the log.

Guarantees: nobody is asked whom the report's reporter left out, or who stepped out of it; a question holds what its
author wrote and nothing of the report; no advice is taken but what somebody who was asked has signed, by a roster that
this desk has verified, to the very text that the log says they were shown. Nothing here talks to the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crypto.errors import Refused
from crypto.seal import SealingKey
from service.cases.choosing import without
from service.cases.consultations import (
    Advice,
    Asked,
    Consultation,
    open_advice,
    open_consultation,
    seal_advice,
    seal_consultation,
    sign_advice,
    sign_consultation,
)
from service.cases.log import MAX_ASKED, MAX_CONSULTED, Advised, Consulted, known_entry
from service.cases.receipts import day_of, day_told
from service.cases.roster_history import Handler, Roster, RosterHistory
from service.cases.texts import checked_text
from service.console import one_line
from service.desk import actions
from service.desk.advisers import was_asked
from service.desk.casebook import Case
from service.desk.readers import Histories, may_be_told, not_left_out
from service.desk.records import Waiting
from service.desk.rosters import check_in_force
from service.desk.session import Session
from service.desk.show import ID_SHOWN, set_in


@dataclass(frozen=True, slots=True)
class People:
    """Whom of a group a handler asks, and the names of those they don't because they must not know of the report."""

    roster: Roster
    asked: tuple[Handler, ...]
    not_asked: tuple[str, ...]


def people_to_ask(
    session: Session, case: Case, to: RosterHistory, wanted: Sequence[Handler] | None
) -> People:
    """Find whom of a group to ask: its recipients, or those wanted. Refused as `forward` is, and for who stepped out.

    Nor is who was left out of what the reporter wrote since: the question may hold some of that.
    """
    me = _me(session)
    if wanted is not None and to.latest.group == session.group and me in wanted:
        raise Refused("you can't ask yourself: `sottovoce desk note` keeps what you think")
    histories = session.histories()
    if wanted is None and to.latest.group == session.group:
        raise Refused(
            "name whom of your own group you ask with --to: its handlers have the report, or must not"
        )
    first = may_be_told(case, histories, to, wanted)
    kept = first
    for held in case.follow_ups:  # refused where nobody can tell whom one left out
        kept = not_left_out(held, histories, kept)
    kept = without(kept, _stepped_out(case, histories))
    if wanted is not None and len(kept) < len(first):
        raise Refused(
            "one of these people stepped out of the report, or was left out of what its reporter wrote since"
        )
    if not kept:
        raise Refused("nobody is left to ask")
    if len(kept) > MAX_ASKED:
        raise Refused(f"at most {MAX_ASKED} people are asked at once: name some of them with --to")
    names = {one.pseudonym for one in kept}
    everybody = to.latest.recipients if wanted is None else ()
    return People(to.latest, kept, tuple(one.pseudonym for one in everybody if one.pseudonym not in names))


def consult(
    session: Session, case: Case, people: People, text: str, now_s: int
) -> tuple[Asked, Waiting, bytes]:
    """Ask: what it is, its entry for the outbox, and the file for those asked. Refused for a text that can't be one."""
    _me(session)
    if not text:
        raise Refused("the question is empty")
    if any(held.id[:ID_SHOWN] in text.lower() for held in (case.first, *case.follow_ups, *case.doubtful)):
        raise Refused("the question names the report by its id: leave that out")
    act = Consulted(
        consultation=session.entropy(16).hex(),
        asking=session.group.hex(),
        group=people.roster.group.hex(),
        group_name=people.roster.name,
        handlers=tuple(one.pseudonym for one in people.asked),
        key_ids=tuple(one.key_id.hex() for one in people.asked),
        day=day_of(now_s),
        answer_seed=SealingKey(session.entropy(32)).reveal().hex(),
        text=text,
    )
    entry = actions.log(session.desk(now_s), case.first, act)
    asked = Asked(known_entry(entry.signed), act)
    raw = sign_consultation(asked.question(), session.in_force.signing)
    keys = [one.seal_key for one in people.asked]
    return asked, entry, seal_consultation(raw, session.group, people.roster.group, keys)


def opened_question(session: Session, raw: bytes) -> Consultation:
    """Open a question that is for this desk; not yet believed. Refused when it isn't."""
    question = open_consultation(raw, [pair.sealing for pair in session.key.pairs])
    if question.to != session.group.hex():
        raise Refused("this consultation is for people of another group")
    return question


def asker_of(question: Consultation, roster: Roster) -> Handler:
    """Find who asks. roster: of the group that asks, as this desk has verified it. Refused when it is none of them."""
    asker = roster.by_verify_key(bytes.fromhex(question.author_key))
    if asker is None or not asker.active:
        raise Refused(
            f"who asks is not in {roster.name}, as its list is known here: `sottovoce desk sync` renews it"
        )
    check_in_force(asker, question.author_key)
    return asker


def advice_file(session: Session, question: Consultation, text: str, now_s: int) -> bytes:
    """Sign an answer to a believed question, sealed to those who have the case. Refused when it can't be one."""
    _me(session)
    if not text:
        raise Refused("the advice is empty")
    checked_text(text, MAX_CONSULTED, "the advice")
    signing = session.in_force.signing
    advice = Advice(
        group=question.to,
        to=question.group,
        id=question.id,
        asked=question.digest(),
        author_key=signing.verify_key().raw.hex(),
        day=day_of(now_s),
        text=text,
    )
    return seal_advice(sign_advice(advice, signing), question)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, opened, and the question of a case here that it answers. signature: of its author, 64 bytes."""

    case: Case
    asked: Asked
    advice: Advice
    signature: bytes


def opened_answer(session: Session, raw: bytes) -> Answered:
    """Open an answer to one of this desk's questions, found by its key; not yet believed.

    Refused when it is to none, and when it comes from a group that was not asked.
    """
    known = [(case, one.asked) for case in session.cases().values() for one in case.sought]
    signed = open_advice(raw, [asked.answer_key() for _, asked in known])
    advice = signed.content
    for case, asked in known:
        if asked.act.consultation != advice.id or asked.question().digest() != advice.asked:
            continue
        if (advice.group, advice.to) != (asked.act.group, asked.act.asking):
            raise Refused("this advice comes from a group that was not asked")
        return Answered(case, asked, advice, signed.signature)
    raise Refused("this answers another question than the one that this desk's log has")


def adviser_of(answered: Answered, roster: Roster) -> Handler:
    """Find who answers. roster: of their group, as this desk has verified it. Refused unless they were asked."""
    adviser = roster.by_verify_key(bytes.fromhex(answered.advice.author_key))
    if adviser is None or not adviser.active:
        raise Refused(
            f"its author is not in {roster.name}, as its list is known here: `sottovoce desk sync` renews it"
        )
    check_in_force(adviser, answered.advice.author_key)
    if not was_asked(answered.asked.act, adviser):
        raise Refused(f"{one_line(adviser.pseudonym)} was not asked: only those who were may answer")
    return adviser


def taking(session: Session, answered: Answered, adviser: Handler, now_s: int) -> list[Waiting]:
    """Write an answer into the case's log; nothing where it stands there already.

    Refused where this handler stepped out of the case.
    """
    advice = answered.advice
    act = Advised(
        consultation=advice.id,
        asker_key=answered.asked.entry.author_key,
        adviser=adviser.pseudonym,
        adviser_key=advice.author_key,
        day=advice.day,
        text=advice.text,
        signature=answered.signature,
    )
    known = (one for answer in answered.asked.answers if answer.advice == advice for one in answer.taken_in)
    if any(one.act.adviser == act.adviser for one in known):
        return []
    return [actions.log(session.desk(now_s), session.still_in(answered.case).first, act)]


def question_lines(question: Consultation, asker: str, group: str) -> list[str]:
    """Write a question for a terminal, set in: it is a stranger's. asker, group: their names by the roster.

    With their group's id: whoever may found one on the server, its operator above all, can give it any name.
    """
    begin = f"{one_line(asker)} ({one_line(group)}) asks for advice, on {day_told(question.day)}:"
    whose = f"That group's id is {question.group}: another can have its name, so compare it once with them."
    return [begin, "", *set_in("", question.text), "", whose]


def _stepped_out(case: Case, histories: Histories) -> list[Handler]:
    """Find those who stepped out of a report, as every known group has them: by all their names and keys."""
    keys = [bytes.fromhex(key) for key in case.state.recused]
    rosters = [roster for history in histories.values() for roster in history.rosters]
    return [one for roster in rosters for key in keys if (one := roster.by_verify_key(key)) is not None]


def _me(session: Session) -> Handler:
    roster = session.own_roster
    me = None if roster is None else roster.by_key(session.in_force.key_id)
    if me is None or not me.active:
        raise Refused(
            "your group's list, as this desk knows it, doesn't have you, so nobody could believe you: "
            "if you are in it, run `sottovoce desk sync`"
        )
    return me
