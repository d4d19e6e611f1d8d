"""A report's sealed log: what its handlers did. What follows from it for the case says service.cases.case_state.

An entry's plaintext is u32 length ‖ JSON ‖ Ed25519 signature 64 by its author over (report id, JSON), label LOG_ENTRY.
Entries are only ever appended, so two handlers who act at once both keep what they wrote.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from crypto.errors import Refused
from crypto.framing import Reader, part
from crypto.labels import Label
from crypto.secrets import Unshown
from crypto.signatures import SIGNATURE_SIZE, SigningKey, VerifyKey, sign, verify
from service.cases.letters import Hex16, Hex32, State
from service.cases.policies import Slug
from service.cases.receipts import MAX_DAY
from service.cases.texts import LINE, MAX_ITEMS, SHORT_TEXT, checked_text

MAX_NOTE = 4_000  # characters of an internal note: it must fit the larger entry class (16 KiB)
MAX_FORWARDED = 32
MAX_ASKED = 32  # people of one group who are consulted at once
MAX_CONSULTED = (
    3_000  # characters of a question to them, or of an answer: both fit the file and the log in any script
)
MAX_ENTRY = 16 * 1024 - 64
LAST_SECOND = 253_402_300_799  # the end of the year 9999: no calendar that a desk writes by goes further

Priority = Literal["P1", "P2", "P3", "P4"]
Finding = Literal["verified", "contradicted", "unclear", "gone", "withdrawn"]
Note_ = Annotated[str, Meta(max_length=MAX_NOTE)]
Short = Annotated[str, Meta(max_length=SHORT_TEXT)]
Line = Annotated[str, Meta(max_length=LINE)]


class LetterSent(Unshown, Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="letter"):
    """A letter that was written to the reporter's mailbox, in full, so that all handlers see the conversation."""

    letter: Hex16
    address: Hex32
    text: Annotated[str, Meta(max_length=5_000)]
    question: bool
    state: State | None


class Note(Unshown, Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="note"):
    """An internal note."""

    text: Note_


class Recused(Unshown, Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="recused"):
    """The author steps out of this report."""

    reason: Short


class Forwarded(Unshown, Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="forwarded"):
    """The content key was sealed to members of another group."""

    group: Hex16
    handlers: Annotated[tuple[Line, ...], Meta(min_length=1, max_length=MAX_FORWARDED)]
    key_ids: Annotated[tuple[Hex16, ...], Meta(min_length=1, max_length=MAX_FORWARDED)]
    reason: Short


class Consulted(Unshown, Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="consulted"):
    """People of another group were asked, and shown `text` and nothing else of the report.

    consultation: its id, 16 random bytes. asking: the author's group; group, group_name: theirs. day: as the question
    has it. answer_seed: of the key to which answers are sealed, for all who have the case.
    """

    consultation: Hex16
    asking: Hex16
    group: Hex16
    group_name: Line
    handlers: Annotated[tuple[Line, ...], Meta(min_length=1, max_length=MAX_ASKED)]
    key_ids: Annotated[tuple[Hex16, ...], Meta(min_length=1, max_length=MAX_ASKED)]
    day: Annotated[int, Meta(ge=0, le=MAX_DAY)]
    answer_seed: Hex32
    text: Annotated[str, Meta(max_length=MAX_CONSULTED)]


class Advised(Unshown, Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="advised"):
    """What somebody answered to a consultation, with their signature: 64 bytes, over the answer (SPEC.md §7).

    asker_key: of who asked. A consultation is named by both: others who have the case can write one of the same id.
    adviser: the name of who answered, on the word of this entry's author alone. day: as the answer has it.
    """

    consultation: Hex16
    asker_key: Hex32
    adviser: Line
    adviser_key: Hex32
    day: Annotated[int, Meta(ge=0, le=MAX_DAY)]
    text: Annotated[str, Meta(min_length=1, max_length=MAX_CONSULTED)]
    signature: Annotated[bytes, Meta(min_length=SIGNATURE_SIZE, max_length=SIGNATURE_SIZE)]


class StateSet(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="state"):
    """The case moves to another state."""

    state: State


class Triaged(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="do", tag="triage"
):
    """The case gets a priority, P1 (safety) to P4, and the published conduct issues that it is about.

    issues: their ids in the group's policy; none leaves what was said before.
    """

    priority: Priority
    issues: Annotated[tuple[Slug, ...], Meta(max_length=MAX_ITEMS)] = ()


class Checked(Unshown, Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="checked"):
    """A handler looked at a piece of evidence (a link, a file, a witness) and says what was found."""

    item: Annotated[str, Meta(max_length=SHORT_TEXT)]
    finding: Finding
    note: Note_


class SubjectMerged(Unshown, Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="merge"):
    """Two subjects are one person; undone by `SubjectSplit`."""

    subject: Line
    other: Line


class SubjectSplit(Unshown, Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="split"):
    """A merge is undone."""

    subject: Line
    other: Line


class Padding(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="padding"):
    """Nothing: written so that the server can't tell which report a letter answers."""


Act = (
    LetterSent
    | Note
    | Recused
    | Forwarded
    | Consulted
    | Advised
    | StateSet
    | Triaged
    | Checked
    | SubjectMerged
    | SubjectSplit
    | Padding
)


class Entry(Unshown, Struct, frozen=True, forbid_unknown_fields=True):
    """One act, by whom and when (the author's clock, seconds since 1970 UTC)."""

    id: Hex16
    author: Line
    author_key: Hex32
    at_s: Annotated[int, Meta(ge=0, le=2**40)]
    """To LAST_SECOND, which `read_entry` sees to: stores of older desks hold later ones and have to open."""
    act: Act


def sign_entry(entry: Entry, key: SigningKey, report_id: bytes) -> bytes:
    """Encode and sign an entry for crypto.opening.seal_entry.

    Refused when the key isn't the author's, and for all that `read_entry` refuses, naming the text that is too long.
    """
    if key.verify_key().raw.hex() != entry.author_key:
        raise Refused("the entry names another author")
    _check_texts(entry)
    body = msgspec.json.encode(entry)
    raw = part(body) + sign(key, Label.LOG_ENTRY, report_id, body)
    if len(raw) > MAX_ENTRY:
        raise Refused("the text is too long for the log: write two")
    read_entry(raw, report_id)  # Structs check sizes only when decoding: never store what nobody could read
    return raw


def read_entry(raw: bytes, report_id: bytes) -> Entry:
    """Parse an entry and check its author's signature. Refused on anything else."""
    entry, body, signature = _parsed(raw)
    verify(VerifyKey(bytes.fromhex(entry.author_key)), Label.LOG_ENTRY, signature, report_id, body)
    if entry.at_s > LAST_SECOND:
        raise Refused("log entry: its time can't be")
    _check_texts(entry)
    return entry


def _check_texts(entry: Entry) -> None:
    """Refuse control characters anywhere and lengths over the limits, saying of what."""
    checked_text(entry.author, LINE, "the author's name")
    match entry.act:
        case LetterSent(text=text):
            checked_text(text, 5_000, "the letter")
        case Note(text=text):
            checked_text(text, MAX_NOTE, "the note")
        case Checked(item=item, note=note):
            checked_text(item, SHORT_TEXT, "what was checked")
            checked_text(note, MAX_NOTE, "the note")
        case Recused(reason=reason):
            checked_text(reason, SHORT_TEXT, "the reason")
        case Forwarded(handlers=handlers, reason=reason):
            checked_text(reason, SHORT_TEXT, "the reason")
            if len(handlers) > MAX_FORWARDED:
                raise Refused(
                    f"a report is forwarded to at most {MAX_FORWARDED} people at once: name some of them"
                )
            for name in handlers:
                checked_text(name, LINE, "a handler's name")
        case Consulted(group_name=group, handlers=handlers, text=text):
            checked_text(text, MAX_CONSULTED, "the question")
            for name in (group, *handlers):
                checked_text(name, LINE, "a name")
        case Advised(adviser=name, text=text):
            checked_text(text, MAX_CONSULTED, "the advice")
            checked_text(name, LINE, "a name")
        case SubjectMerged(subject=subject, other=other) | SubjectSplit(subject=subject, other=other):
            checked_text(subject, LINE, "an account")
            checked_text(other, LINE, "an account")
        case _:
            pass


def known_entry(raw: bytes) -> Entry:
    """Parse an entry that `read_entry` has passed before, such as one from the desk's own sealed store."""
    return _parsed(raw)[0]


_DECODER = msgspec.json.Decoder(Entry)


def _parsed(raw: bytes) -> tuple[Entry, bytes, bytes]:
    reader = Reader(raw, "log entry")
    body = reader.prefixed(MAX_ENTRY)
    signature = reader.take(64)
    reader.finish()
    try:
        return _DECODER.decode(body), body, signature
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused("log entry: not an entry") from None
