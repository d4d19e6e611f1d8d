"""What a handler does on a report, as items for the outbox: each act is an entry of the report's sealed log, and some
are a letter, a grant or a recusal besides. Nothing here talks to the server; `service/desk/sync.py` sends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.opening import grant, seal_entry
from crypto.seal import PublicKey
from crypto.secrets import SymmetricKey
from crypto.signatures import SigningKey
from service.cases.case_state import may_become
from service.cases.letters import Letter, State, sign_letter
from service.cases.log import (
    Act,
    Entry,
    Forwarded,
    LetterSent,
    Note,
    Padding,
    Priority,
    Recused,
    StateSet,
    Triaged,
    sign_entry,
)
from service.cases.rosters import Handler, RosterHistory
from service.cases.texts import tidy
from service.desk.casebook import Case
from service.desk.readers import Histories, answering, check_named, knows_left_out, may_be_told, not_left_out
from service.desk.records import Held, Waiting


@dataclass(frozen=True, slots=True)
class Author:
    """The handler at this desk, with the key that signs what they write."""

    pseudonym: str
    key: SigningKey

    @property
    def key_hex(self) -> str:
        """Verify key in hex, as entries and letters name it."""
        return self.key.verify_key().raw.hex()


@dataclass(frozen=True, slots=True)
class Desk:
    """What every act needs: who acts, when, and randomness."""

    author: Author
    now_s: int
    entropy: Entropy

    def fresh_id(self) -> str:
        """Give 16 random bytes in hex."""
        return self.entropy(16).hex()

    @property
    def day(self) -> str:
        """Today in UTC, as letters carry it: never the hour."""
        return datetime.fromtimestamp(self.now_s, UTC).date().isoformat()


def log(desk: Desk, held: Held, act: Act, *, at_least: int = 0) -> Waiting:
    """Append an act to a report's log. at_least: the length in bytes that it must look like."""
    report = bytes.fromhex(held.id)
    entry = Entry(
        id=desk.fresh_id(),
        author=desk.author.pseudonym,
        author_key=desk.author.key_hex,
        at_s=desk.now_s,
        act=act,
    )
    signed = sign_entry(entry, desk.author.key, report)
    sealed = seal_entry(
        SymmetricKey(bytes.fromhex(held.content_key)), report, signed, desk.entropy, at_least=at_least
    )
    return Waiting(
        item=desk.fresh_id(),
        made_s=desk.now_s,
        what="entry",
        group=held.group,
        report=held.id,
        payload=sealed,
        signed=signed,
    )


def padding(desk: Desk, held: Held, at_least: int) -> Waiting:
    """Append an entry that says nothing, of the size of one that does (`at_least` bytes of plaintext)."""
    return log(desk, held, Padding(), at_least=at_least)


def write_letter(
    desk: Desk,
    case: Case,
    histories: Histories,
    text: str,
    *,
    question: bool = False,
    state: State | None = None,
) -> list[Waiting]:
    """Write to the reporter: a letter, and its copy in the log for the other handlers.

    Raises Refused when the text is empty or too long, the state can't follow the present one, or nobody would be left
    to read an answer.
    """
    text = tidy(text)
    if not text and state is None:
        raise Refused("the letter is empty")
    if state is not None and state != case.state.state and not may_become(case.state.state, state):
        raise Refused(f"a case that is {case.state.state} can't become {state}")
    to = answering(case, histories, desk.author.key_hex)
    letter = Letter(
        id=desk.fresh_id(),
        group=to.roster.group.hex(),
        roster=to.roster.digest.hex(),
        author=desk.author.pseudonym,
        author_key=desk.author.key_hex,
        language=case.first.language,
        day=desk.day,
        state=state,
        question=question,
        text=text,
        recipients=to.recipients,
        handed_to=to.handed_to,
    )
    # One that can't be sent must not wait in the outbox, where it would keep everything else from going out.
    sign_letter(letter, desk.author.key, bytes.fromhex(case.mailbox_address))
    waiting = Waiting(
        item=desk.fresh_id(),
        made_s=desk.now_s,
        what="letter",
        group=case.first.group,
        report=case.first.id,
        address=case.mailbox_address,
        letter=msgspec.json.encode(letter).decode(),
    )
    copy = LetterSent(
        letter=letter.id, address=case.mailbox_address, text=text, question=question, state=state
    )
    return [waiting, log(desk, case.first, copy)]


def note(desk: Desk, case: Case, text: str) -> list[Waiting]:
    """Leave a note for the other handlers. Refused when it is empty or too long."""
    text = tidy(text)
    if not text:
        raise Refused("the note is empty")
    return [log(desk, case.first, Note(text=text))]


def triage(
    desk: Desk, case: Case, known: Collection[str], priority: Priority, issues: Iterable[str]
) -> list[Waiting]:
    """Set a priority, and say what it is about; without issues that stays. known: ids of the policy's issues."""
    wanted = tuple(dict.fromkeys(issues))
    if unknown := [one for one in wanted if one not in known]:
        raise Refused(f"the group's policy has no issue {unknown[0]!r}; it has: {', '.join(known)}")
    return [log(desk, case.first, Triaged(priority=priority, issues=wanted))]


def set_state(
    desk: Desk, case: Case, histories: Histories, state: State, *, tell: bool = True
) -> list[Waiting]:
    """Move the case; the reporter is told by a letter unless `tell` is False."""
    if state == case.state.state:
        raise Refused(f"the case is {state} already")
    if not may_become(case.state.state, state):
        raise Refused(f"a case that is {case.state.state} can't become {state}")
    if tell:
        return write_letter(desk, case, histories, "", state=state)
    return [log(desk, case.first, StateSet(state=state))]


def recuse(desk: Desk, case: Case, reason: str) -> list[Waiting]:
    """Step out of a report: the last entry this handler writes on it. Access ends when the desk syncs."""
    own = [case.first, *case.follow_ups, *case.doubtful]
    return [
        log(desk, case.first, Recused(reason=tidy(reason))),
        *(
            Waiting(item=desk.fresh_id(), made_s=desk.now_s, what="recusal", group=one.group, report=one.id)
            for one in own
        ),
    ]


def handed_to(
    case: Case, histories: Histories, to: RosterHistory, wanted: Sequence[Handler] | None
) -> tuple[Handler, ...]:
    """Give those who would get a report by `forward`: those of them who can't open all of it yet.

    to: of the other group; wanted: None for all its recipients but those left out. Refused as `readers.may_be_told`
    refuses, when somebody wanted can open all of it already, and when nobody is left.
    """
    handlers = may_be_told(case, histories, to, wanted)
    if not handlers:
        raise Refused("nobody is left to forward it to")
    wanting = _wanting(case, histories, to, handlers)
    lacking = [one for one in handlers if any(one == person for _, person in wanting)]
    if not lacking or (wanted is not None and len(lacking) < len(handlers)):
        raise Refused("it was sent to these people, or to one of them, by the reporter already")
    return tuple(lacking)


def _wanting(
    case: Case, histories: Histories, to: RosterHistory, handlers: Sequence[Handler]
) -> list[tuple[Held, Handler]]:
    """Give each envelope of a case with each handler who lacks it."""
    # Of an answer from another list than this desk has, nobody can tell: outbox.grant_follow_ups hands it on later.
    envelopes = [one for one in (case.first, *case.follow_ups) if knows_left_out(one, histories)]
    return [
        (held, one)
        for held in envelopes
        for one in not_left_out(held, histories, handlers)
        if _lacks(held, to.latest.group, one)
    ]


def forward(
    desk: Desk,
    case: Case,
    histories: Histories,
    to: RosterHistory,
    wanted: Sequence[Handler] | None,
    reason: str,
) -> list[Waiting]:
    """Hand a report, with what followed, to members of a group by sealing its content keys to them.

    to, wanted: as for `handed_to`. Whom the reporter left out of an answer gets the rest. Refused as `handed_to`
    refuses, and when so many would have it that nobody could write to its reporter any more.
    """
    handlers = handed_to(case, histories, to, wanted)
    wanting = _wanting(case, histories, to, handlers)
    told = Forwarded(
        group=to.latest.group.hex(),
        handlers=tuple(handler.pseudonym for handler in handlers),
        key_ids=tuple(handler.key_id.hex() for handler in handlers),
        reason=tidy(reason),
    )
    entry = log(desk, case.first, told)
    after = replace(case, state=replace(case.state, forwarded=(*case.state.forwarded, told)))
    check_named(after, {**histories, told.group: to}, desk.author.key_hex)
    grants = [grant_to(desk, held, to.latest.group.hex(), one.seal_key) for held, one in wanting]
    return [entry, *grants]


def _lacks(held: Held, group: bytes, handler: Handler) -> bool:
    """Whether an envelope is not sealed to the key that a handler of `group` has now: a former one may be lost."""
    return held.group != group.hex() or handler.key_id.hex() not in held.recipients


def grant_to(desk: Desk, held: Held, to_group: str, key: PublicKey) -> Waiting:
    """Seal the content key of one envelope to one more handler."""
    sealed = grant(SymmetricKey(bytes.fromhex(held.content_key)), key, bytes.fromhex(held.id))
    return Waiting(
        item=desk.fresh_id(),
        made_s=desk.now_s,
        what="grant",
        group=held.group,
        report=held.id,
        key_id=key.key_id.hex(),
        to_group=to_group,
        payload=sealed,
    )
