"""What a report and a follow-up say, and how they become the bytes that are sealed.

Plaintext of an envelope: u8 version 1 ‖ mailbox address 32 ‖ mailbox public key 1216 ‖ u32 length ‖ JSON ‖ the
attachments' bytes in the order the JSON lists them. The JSON is the Struct below in its declared field order
without white space; the browser's code writes the same bytes (tests/vectors/reports.json).

Guarantees: an `Unsealed` can't exist with a text over its limit, a control character, or attachments that
don't match their list. Leaves to crypto.envelope: padding, sealing, who may open.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from crypto.codes import Proof, address_of, claim_from
from crypto.errors import Refused
from crypto.framing import Reader
from crypto.hashing import digest
from crypto.labels import Label
from crypto.padding import SIZE_CLASSES
from crypto.seal import PublicKey
from crypto.secrets import Unshown
from service.cases.texts import LINE, LONG_TEXT, MAX_ITEMS, SHORT_TEXT, checked_text

VERSION = 1
PUBLIC_KEY_SIZE = 1216
MAX_PLAINTEXT = SIZE_CLASSES[-1] - 4  # the padding needs four bytes
MAX_JSON = 1024 * 1024
MAX_TYPED = MAX_JSON - 192 * 1024
"""Bytes of the JSON that may be typed: the rest is room for a voice (90,000) and the list of 50 files."""

Kind = Literal["conduct", "help", "record"]
Urgency = Literal["danger", "soon", "normal"]
Line = Annotated[str, Meta(max_length=LINE)]
Short = Annotated[str, Meta(max_length=SHORT_TEXT)]
Long = Annotated[str, Meta(max_length=LONG_TEXT)]
LANGUAGE_TAG = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}\Z"
Language = Annotated[str, Meta(pattern=LANGUAGE_TAG)]
Digest32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Voices = Annotated[str, Meta(max_length=90_000)]  # eight voices by rings of 255, in base64url


class Person(Unshown, Struct, frozen=True, forbid_unknown_fields=True):
    """Someone the report is about: a platform and a handle as written (canonicalised by abuse.subjects)."""

    platform: Line
    handle: Line


class Attachment(Unshown, Struct, frozen=True, forbid_unknown_fields=True):
    """One attached file. `original` says that its metadata was kept on the reporter's wish."""

    name: Line
    media_type: Annotated[str, Meta(pattern=r"^[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,80}\Z")]
    size: Annotated[int, Meta(ge=0, le=MAX_PLAINTEXT)]
    sha256: Digest32
    original: bool = False


class Report(Unshown, Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="report"):
    """A first report. Every text field may be empty but `what`."""

    kind: Kind
    what: Long
    when: Short
    where: Short
    who: Annotated[tuple[Person, ...], Meta(max_length=MAX_ITEMS)]
    links: Annotated[tuple[Short, ...], Meta(max_length=MAX_ITEMS)]
    witnesses: Annotated[tuple[Line, ...], Meta(max_length=MAX_ITEMS)]
    urgency: Urgency
    language: Language
    wants: Short
    fears: Short
    recorded: bool
    """True when a handler wrote it down for someone who came by another way."""
    filed_on: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
    attachments: Annotated[tuple[Attachment, ...], Meta(max_length=MAX_ITEMS)]
    voice: Voices | None
    """Voices of `service.cases.voices`, one for each person named, in base64url; or null."""


class FollowUp(Unshown, Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="followup"):
    """What comes with the burning of a mailbox: the proof of having owned it, the new mailbox, any message.

    Until it is stored its proof is live: whoever has that can burn the mailbox.
    """

    proof: Digest32
    message: Long
    language: Language
    filed_on: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
    attachments: Annotated[tuple[Attachment, ...], Meta(max_length=MAX_ITEMS)]

    def address(self) -> bytes:
        """Address of the mailbox that this follow-up proves to have owned."""
        return address_of(claim_from(Proof(bytes.fromhex(self.proof))))


Content = Report | FollowUp


@dataclass(frozen=True, slots=True, repr=False)
class File(Unshown):
    """An attachment's bytes with what the reporter calls it."""

    name: str
    media_type: str
    content: bytes
    original: bool = False

    def described(self) -> Attachment:
        """Describe the file as the JSON lists it."""
        return Attachment(
            name=self.name,
            media_type=self.media_type,
            size=len(self.content),
            sha256=hashlib.sha256(self.content).hexdigest(),
            original=self.original,
        )


@dataclass(frozen=True, slots=True, repr=False)
class Unsealed(Unshown):
    """A whole plaintext: the content, its files, and the mailbox to answer to."""

    content: Content
    files: tuple[File, ...]
    mailbox_address: bytes
    mailbox_key: PublicKey

    def __post_init__(self) -> None:
        if len(self.mailbox_address) != 32:
            raise Refused("a mailbox address is 32 bytes")
        if tuple(file.described() for file in self.files) != self.content.attachments:
            raise Refused("the attachments don't match their list")
        _check_texts(self.content)

    def to_bytes(self) -> bytes:
        """Encode for sealing. Refused when the texts are over 1 MiB, or all is over MAX_PLAINTEXT."""
        body = msgspec.json.encode(self.content)
        if len(body) > MAX_JSON:
            raise Refused("all texts together are over 1 MiB: shorten what happened, or name fewer links")
        raw = b"".join(
            (
                bytes([VERSION]),
                self.mailbox_address,
                self.mailbox_key.raw,
                len(body).to_bytes(4, "big"),
                body,
                *(file.content for file in self.files),
            )
        )
        if len(raw) > MAX_PLAINTEXT:
            raise Refused("the report with its files is larger than 8 MiB")
        decode_content(body)  # Structs check patterns only when decoding: never seal what nobody could read
        return raw

    @classmethod
    def from_bytes(cls, raw: bytes) -> Unsealed:
        """Parse what was sealed. Refused on anything that `to_bytes` can't have written."""
        reader = Reader(raw, "report")
        if reader.u8() != VERSION:
            raise Refused("report: unknown version")
        address = reader.take(32)
        key = PublicKey(reader.take(PUBLIC_KEY_SIZE))
        body = reader.prefixed(MAX_JSON)
        content = decode_content(body)
        files = []
        for listed in content.attachments:
            piece = reader.take(listed.size)
            files.append(File(listed.name, listed.media_type, piece, listed.original))
        reader.finish()
        return cls(content, tuple(files), address, key)


def decode_content(body: bytes) -> Content:
    """Parse the JSON of a report or follow-up. Refused when it is not exactly one."""
    try:
        content: Content = msgspec.json.decode(body, type=Content)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused("report: the content is not a report") from None
    _check_texts(content)
    return content


def voice_binding(report: Report, mailbox_address: bytes, mailbox_key: PublicKey) -> bytes:
    """Give the 32 bytes that a voice signs: this report, with this mailbox, and no other.

    The report is taken with `voice` null, so that the voice can be put into what it signs.
    """
    bare = msgspec.structs.replace(report, voice=None)
    return digest(Label.VOICE, mailbox_address, mailbox_key.raw, msgspec.json.encode(bare))


def _check_texts(content: Content) -> None:
    """Refuse control characters anywhere and lengths over the limits; the file names may hold no path."""
    match content:
        case Report():
            checked_text(content.what, LONG_TEXT, "what happened")
            for text, what in (
                (content.when, "when"),
                (content.where, "where"),
                (content.wants, "what you want"),
                (content.fears, "what you fear"),
            ):
                checked_text(text, SHORT_TEXT, what)
            for person in content.who:
                checked_text(person.platform, LINE, "a platform")
                checked_text(person.handle, LINE, "a handle")
            for link in content.links:
                checked_text(link, SHORT_TEXT, "a link")
            for witness in content.witnesses:
                checked_text(witness, LINE, "a witness")
        case FollowUp():
            checked_text(content.message, LONG_TEXT, "the message")
    if len(content.attachments) > MAX_ITEMS:
        raise Refused("too many attachments")
    for attachment in content.attachments:
        checked_text(attachment.name, LINE, "a file's name")
        if (
            not attachment.name
            or "/" in attachment.name
            or "\\" in attachment.name
            or "\n" in attachment.name
        ):
            raise Refused("a file's name may hold no path")
    try:
        date.fromisoformat(content.filed_on)
    except ValueError:
        raise Refused("report: not a date") from None
