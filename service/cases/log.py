"""A report's sealed log: what its handlers did, and the state of the case as a pure fold of it.

An entry's plaintext is u32 length ‖ JSON ‖ Ed25519 signature 64 by its author over (report id, JSON), label LOG_ENTRY.
Entries are only ever appended, so two handlers who act at once both keep what they wrote; the fold reads them in the
order the server stored them and never fails on one: what can't apply is kept and marked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from crypto.errors import Refused
from crypto.framing import Reader, part
from crypto.labels import Label
from crypto.secrets import Unshown
from crypto.signatures import SigningKey, VerifyKey, sign, verify
from service.cases.letters import Hex16, Hex32, State
from service.cases.policies import Slug
from service.cases.texts import LINE, MAX_ITEMS, SHORT_TEXT, checked_text

MAX_NOTE = 4_000  # characters of an internal note: it must fit the larger entry class (16 KiB)
MAX_FORWARDED = 32
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
    """A handler looked at a piece of evidence (a link, a witness) and says what was found."""

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


@dataclass(frozen=True, slots=True)
class CaseState:
    """What a log says, folded. `out_of_order` holds entries that could not apply; nothing is ever dropped."""

    state: State = "received"
    priority: Priority | None = None
    issues: tuple[str, ...] = ()
    """Ids of the conduct issues that it is about, by the last who named some."""
    entries: tuple[Entry, ...] = ()
    letters: tuple[Entry, ...] = ()
    notes: tuple[Entry, ...] = ()
    recused: frozenset[str] = frozenset()
    """Verify keys (hex) of the handlers who stepped out."""
    forwarded: tuple[Forwarded, ...] = ()
    checked: dict[str, Checked] = field(default_factory=dict)
    """The last finding for each item."""
    out_of_order: tuple[Entry, ...] = ()
    taken_up: Entry | None = None
    """What last moved it out of `closed`; None where that never happened."""


# A case can go back (a closed one is taken up again), but never to "received", which is how it begins.
_NEXT: dict[State, frozenset[State]] = {
    "received": frozenset({"looking", "mediation", "decided", "closed"}),
    "looking": frozenset({"mediation", "decided", "closed"}),
    "mediation": frozenset({"looking", "decided", "closed"}),
    "decided": frozenset({"looking", "mediation", "closed"}),
    "closed": frozenset({"looking"}),
}


def may_become(now: State, then: State) -> bool:
    """Say whether a case in state `now` may move to `then`."""
    return then in _NEXT[now]


def fold(entries: list[Entry]) -> CaseState:
    """Fold a log, in stored order, into the state of its case. An author's repeated entry (same id) counts once."""
    case = _Folding()
    # By author too: whoever takes the id of another's entry, and stores theirs first, must not make it vanish.
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        if (entry.author_key, entry.id) not in seen:
            seen.add((entry.author_key, entry.id))
            case.apply(entry)
    return case.done()


class _Folding:
    """A state while it is folded: in lists, since anybody who reads a report can make its log as long as they like."""

    def __init__(self) -> None:
        self.state: State = "received"
        self.priority: Priority | None = None
        self.issues: tuple[str, ...] = ()
        self.taken_up: Entry | None = None
        self.entries: list[Entry] = []
        self.letters: list[Entry] = []
        self.notes: list[Entry] = []
        self.out_of_order: list[Entry] = []
        self.recused: set[str] = set()
        self.forwarded: list[Forwarded] = []
        self.checked: dict[str, Checked] = {}

    def apply(self, entry: Entry) -> None:
        """Add one more entry."""
        if isinstance(entry.act, Padding):
            return
        self.entries.append(entry)
        match entry.act:
            case LetterSent(state=state):
                self.letters.append(entry)
                if state is not None:
                    self._move(state, entry)
            case Note():
                self.notes.append(entry)
            case Recused():
                self.recused.add(entry.author_key)
            case Forwarded() as told:
                self.forwarded.append(told)
            case StateSet(state=state):
                self._move(state, entry)
            case Triaged(priority=priority, issues=issues):
                self.priority = priority
                self.issues = issues or self.issues
            case Checked() as found:
                self.checked[found.item] = found
            case SubjectMerged() | SubjectSplit():
                pass

    def _move(self, then: State, entry: Entry) -> None:
        if then == self.state:
            return
        if not may_become(self.state, then):
            self.out_of_order.append(entry)
            return
        self.taken_up = entry if self.state == "closed" else self.taken_up
        self.state = then

    def done(self) -> CaseState:
        """Give the state after all of them."""
        return CaseState(
            state=self.state,
            priority=self.priority,
            issues=self.issues,
            entries=tuple(self.entries),
            letters=tuple(self.letters),
            notes=tuple(self.notes),
            recused=frozenset(self.recused),
            forwarded=tuple(self.forwarded),
            checked=self.checked,
            out_of_order=tuple(self.out_of_order),
            taken_up=self.taken_up,
        )
