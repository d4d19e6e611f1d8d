"""What handlers write to a reporter's mailbox.

Plaintext of a letter: u32 length ‖ JSON ‖ Ed25519 signature 64 by the handler over (mailbox address, JSON), label
LETTER. The public key of the mailbox is known only to who opened the report, so the server can't write letters; the
signature tells the reporter which handler of the pinned roster did. A letter carries the list of recipients, so that
what the reporter answers keeps out whoever was left out, and it names everybody who will read that answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from crypto.errors import Refused
from crypto.framing import Reader, part
from crypto.labels import Label
from crypto.letters import MAX_LETTER
from crypto.secrets import Unshown
from crypto.signatures import SigningKey, VerifyKey, sign, verify
from service.cases.choosing import without
from service.cases.reports import Language
from service.cases.roster_history import Handler, Roster
from service.cases.texts import LINE, checked_text

State = Literal["received", "looking", "mediation", "decided", "closed"]
MAX_READERS = 32
MAX_HANDED_TO = 8  # groups
MAX_LETTER_TEXT = 5_000  # characters; the bytes must fit one letter as well

Hex16 = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
Hex32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class HandedTo(Struct, frozen=True, forbid_unknown_fields=True):
    """People of one group to whom the report was forwarded, and to whom an answer is handed on."""

    group: Hex16
    recipients: Annotated[tuple[Hex16, ...], Meta(min_length=1, max_length=MAX_READERS)]
    """Key ids."""


class Letter(Unshown, Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One letter. `state` is set when it tells of a change of the case; `text` says so in the reporter's language."""

    id: Hex16
    group: Hex16
    roster: Hex32
    author: Annotated[str, Meta(max_length=LINE)]
    author_key: Hex32
    language: Language
    day: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
    state: State | None
    question: bool
    text: Annotated[str, Meta(max_length=MAX_LETTER_TEXT)]
    recipients: Annotated[tuple[Hex16, ...], Meta(min_length=1, max_length=MAX_READERS)]
    """Key ids of those in `group` to whom an answer is sealed."""
    handed_to: Annotated[tuple[HandedTo, ...], Meta(max_length=MAX_HANDED_TO)] = ()
    """Who else reads it. The author is in `group` or in one of these groups."""


def reach_of(letter: Letter) -> dict[str, frozenset[str]]:
    """Give the key ids of all who read the answer to a letter by group, in hex; the letter's own first."""
    found = {letter.group: frozenset(letter.recipients)}
    for told in letter.handed_to:
        found[told.group] = found.get(told.group, frozenset()) | set(told.recipients)
    return found


def handed_on(
    letter: Letter, theirs: Roster, answered: Roster, kept: Sequence[Handler]
) -> tuple[Handler, ...]:
    """Find those of one group to whom the answer to a letter is handed on, by the letter's word.

    theirs: that group's roster. answered: the roster of the group that is answered. kept: to whom of it the answer is
    sealed. Not named is whom the server hands nothing, as left out of the answer: whoever has the name, or a key, of a
    recipient in `answered` who is not kept.
    """
    key_ids = reach_of(letter).get(theirs.group.hex(), frozenset())
    named = [one for one in theirs.active if not key_ids.isdisjoint(key.hex() for key in one.key_ids)]
    found = without(named, [one for one in answered.recipients if one not in kept])
    return tuple(one for one in found if theirs.group != answered.group or one not in kept)


def sign_letter(letter: Letter, key: SigningKey, mailbox_address: bytes) -> bytes:
    """Encode and sign a letter for crypto.letters.seal_letter.

    Refused when the text is too long for one letter (about 6,000 bytes are left for it), or the key isn't the author's.
    """
    if key.verify_key().raw.hex() != letter.author_key:
        raise Refused("the letter names another author")
    checked_text(letter.text, MAX_LETTER_TEXT, "the letter")
    body = msgspec.json.encode(letter)
    raw = part(body) + sign(key, Label.LETTER, mailbox_address, body)
    if len(raw) > MAX_LETTER:
        raise Refused("the letter is too long: write two")
    read_letter(
        raw, mailbox_address
    )  # Structs check sizes only when decoding: never send what nobody could read
    return raw


def read_letter(raw: bytes, mailbox_address: bytes) -> Letter:
    """Parse a letter and check its author's signature; whether the author is in the roster is the caller's to check."""
    reader = Reader(raw, "letter")
    body = reader.prefixed(MAX_LETTER)
    signature = reader.take(64)
    reader.finish()
    try:
        letter = msgspec.json.decode(body, type=Letter)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused("letter: not a letter") from None
    checked_text(letter.text, MAX_LETTER_TEXT, "the letter")
    checked_text(letter.author, LINE, "the author")
    verify(VerifyKey(bytes.fromhex(letter.author_key)), Label.LETTER, signature, mailbox_address, body)
    return letter
