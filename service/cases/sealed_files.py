"""Sealed files: what people of one group tell people of another in a file that is carried by whatever means.

Its content is sealed to each person who is told, and signed by the one who tells, for that group alone.
Guarantees: whoever carries a file learns the two groups and the keys of those told, and nothing else; what is opened
was signed by the key that it names, and in its written form, so that its fields and its signature are all that there is
to keep of it. Leaves to the faces whose key that is, by a roster they have verified.
SPEC.md §6 and §7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import msgspec

from crypto.errors import Refused
from crypto.framing import Reader, part
from crypto.labels import Label
from crypto.padding import LENGTH_SIZE, pad_to, unpad
from crypto.seal import KEY_ID_SIZE, SEAL_OVERHEAD, DoesNotOpen, PublicKey, SealingKey, seal, unseal
from crypto.secrets import Unshown
from crypto.signatures import SigningKey, VerifyKey, sign, verify


class Told(Protocol):
    """What such a file holds. All three in hex."""

    @property
    def group(self) -> str:
        """Id of the group that tells."""
        ...

    @property
    def to(self) -> str:
        """Id of the group that is told."""
        ...

    @property
    def author_key(self) -> str:
        """Verify key of who signed it."""
        ...


T = TypeVar("T", bound=Told)


@dataclass(frozen=True, slots=True, repr=False)
class Signed(Unshown, Generic[T]):
    """A content, and the 64 bytes by which its author signed its written form."""

    content: T
    signature: bytes


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of sealed file. name, title: how its errors call it; whose, too_long: what they say besides."""

    name: str
    title: str
    magic: bytes
    signing: Label
    sealing: Label
    padded: int
    """Bytes of the content in each copy: always as many, so that its length tells nothing."""
    most: int
    """People who are told; stops a file made to fill memory. At most 255."""
    whose: str
    too_long: str

    @property
    def max_file(self) -> int:
        """Bytes of the largest file."""
        return len(self.magic) + 2 * 16 + 1 + self.most * (KEY_ID_SIZE + self.padded + SEAL_OVERHEAD)


def sign_content(kind: Kind, content: Told, key: SigningKey) -> bytes:
    """Encode and sign. Refused when the key isn't its author's."""
    if key.verify_key().raw.hex() != content.author_key:
        raise Refused(f"the {kind.name} is signed by the key of its author")
    body = msgspec.json.encode(content)
    return part(body) + sign(key, kind.signing, body)


def check_content(kind: Kind, signed: Signed[T]) -> None:
    """Check who signed a content. Refused unless it was its author, for this use."""
    body = msgspec.json.encode(signed.content)
    verify(VerifyKey(bytes.fromhex(signed.content.author_key)), kind.signing, signed.signature, body)


def read_content(kind: Kind, raw: bytes, as_type: type[T]) -> Signed[T]:
    """Parse what `sign_content` wrote, and check its signature. Refused on anything else, and in another form."""
    reader = Reader(raw, kind.name)
    body = reader.prefixed(kind.padded)
    signature = reader.take(64)
    reader.finish()
    try:
        content = msgspec.json.decode(body, type=as_type)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused(f"{kind.name}: its content is of another form") from None
    # Whoever keeps the fields and the signature can check it again: a case's log does (SPEC.md §7).
    if msgspec.json.encode(content) != body:
        raise Refused(f"{kind.name}: its content is of another form")
    signed = Signed(content, signature)
    check_content(kind, signed)
    return signed


def seal_file(kind: Kind, raw: bytes, group: bytes, to: bytes, people: Sequence[PublicKey]) -> bytes:
    """Make the file of a signed content. group, to: ids of who tells and who is told; people: keys of the latter.

    Refused when it is too long, or when there is nobody to be told, or more than the kind allows.
    """
    if not 1 <= len(people) <= kind.most:
        raise Refused(f"a {kind.name} is for 1 to {kind.most} people")
    if len(raw) > kind.padded - LENGTH_SIZE:
        raise Refused(f"the {kind.name} is too long: {kind.too_long}")
    padded = pad_to(raw, kind.padded)
    copies = (
        key.key_id + seal(key, padded, label=kind.sealing, context=group + to)
        for key in sorted(people, key=lambda each: each.key_id)
    )
    return b"".join((kind.magic, group, to, bytes([len(people)]), *copies))


def open_file(kind: Kind, raw: bytes, keys: Sequence[SealingKey], as_type: type[T]) -> Signed[T]:
    """Open a file with one of our keys, and read its content. Refused unless it is one, whole, and for us."""
    if not raw:
        raise Refused(f"the file is empty, so it is no {kind.title}: have it sent again")
    if not raw.startswith(kind.magic):
        raise Refused(f"that is no {kind.title}")
    reader = Reader(raw[len(kind.magic) :], kind.name)
    group, to = reader.take(16), reader.take(16)
    size = kind.padded + SEAL_OVERHEAD
    people = reader.u8()
    if not 1 <= people <= kind.most:
        raise Refused(f"{kind.name}: it is for {people} people")
    copies = {reader.take(KEY_ID_SIZE): reader.take(size) for _ in range(people)}
    reader.finish()
    key = next((key for key in keys if key.key_id in copies), None)
    if key is None:
        raise Refused(f"this {kind.name} is sealed to others: {kind.whose}")
    try:
        opened = unseal(key, copies[key.key_id], label=kind.sealing, context=group + to)
    except DoesNotOpen:
        raise Refused(f"this {kind.name} is damaged: ask for it again") from None
    signed = read_content(kind, unpad(opened), as_type)
    if (signed.content.group, signed.content.to) != (group.hex(), to.hex()):
        raise Refused(f"this {kind.name} was made for another group, and sealed anew by somebody else")
    return signed
