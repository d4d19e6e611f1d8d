"""Notices: what one group's council tells another's of a measure in force, so that nobody is invited back unnoticed.

A file, given by whatever means. Its content is sealed to each member of the council that is told, and signed by a
member of the council that tells, for that group alone; a later notice of the same name takes the earlier one's place.
Guarantees: whoever carries the file learns the two groups and the keys of those told, and nothing else; what is opened
was signed. Leaves to the faces whether its author is on that council, by a roster they have verified. SPEC.md §6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from crypto.errors import Refused
from crypto.framing import Reader, part
from crypto.labels import Label
from crypto.padding import KIB, pad_to, unpad
from crypto.seal import KEY_ID_SIZE, SEAL_OVERHEAD, DoesNotOpen, PublicKey, SealingKey, seal, unseal
from crypto.secrets import Unshown
from crypto.signatures import SigningKey, VerifyKey, sign, verify
from service.cases.letters import Hex16, Hex32
from service.cases.policies import Slug
from service.cases.receipts import MAX_DAY
from service.cases.texts import LINE, SHORT_TEXT, checked_text

MAGIC: Final = b"svnotice\x01"
PADDED: Final = 8 * KIB
MAX_TOLD: Final = 64  # council members of one group; stops a file made to fill memory
MAX_ACCOUNTS: Final = 16
MAX_FILE: Final = len(MAGIC) + 2 * 16 + 1 + MAX_TOLD * (KEY_ID_SIZE + PADDED + SEAL_OVERHEAD)
_SEALED: Final = PADDED + SEAL_OVERHEAD

Day = Annotated[int, Meta(ge=0, le=MAX_DAY)]
Line = Annotated[str, Meta(min_length=1, max_length=LINE)]


class Notice(Unshown, Struct, frozen=True, forbid_unknown_fields=True):
    """A measure as it is told. Days since 1970-01-01 UTC; until, review: None where there is none.

    name: by which the telling group knows it, whatever it is about. said_s: its author's clock. lifted: holds no more.
    """

    group: Hex16
    to: Hex16
    name: Slug
    author: Line
    author_key: Hex32
    said_s: Annotated[int, Meta(ge=0, le=2**40)]
    about: Annotated[tuple[Line, ...], Meta(min_length=1, max_length=MAX_ACCOUNTS)]
    measure: Line
    where: Annotated[str, Meta(max_length=SHORT_TEXT)]
    since: Day
    until: Day | None
    review: Day | None
    lifted: bool

    def holds(self, today: int) -> bool:
        """Whether it is in force on a day: begun or about to begin, not over, not lifted."""
        return not self.lifted and (self.until is None or today <= self.until)


def sign_notice(notice: Notice, key: SigningKey) -> bytes:
    """Encode and sign a notice. Refused when the key isn't its author's, and for all that `read_notice` refuses."""
    if key.verify_key().raw.hex() != notice.author_key:
        raise Refused("a notice is signed by the key of its author")
    body = msgspec.json.encode(notice)
    raw = part(body) + sign(key, Label.NOTICE, body)
    read_notice(raw)
    return raw


def read_notice(raw: bytes) -> Notice:
    """Parse a notice and check its author's signature. Refused on anything else."""
    reader = Reader(raw, "notice")
    body = reader.prefixed(PADDED)
    signature = reader.take(64)
    reader.finish()
    try:
        notice = msgspec.json.decode(body, type=Notice)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused("notice: not a notice") from None
    verify(VerifyKey(bytes.fromhex(notice.author_key)), Label.NOTICE, signature, body)
    for text, what in ((notice.author, "the author's name"), (notice.measure, "the measure")):
        checked_text(text, LINE, what)
    for account in notice.about:
        checked_text(account, LINE, "an account")
    checked_text(notice.where, SHORT_TEXT, "where it holds")
    return notice


def seal_notice(raw: bytes, group: bytes, to: bytes, council: Sequence[PublicKey]) -> bytes:
    """Make the file of a signed notice. group, to: ids of who tells and who is told; council: keys of the latter.

    Refused when it is too long, or when there is nobody to be told, or more than MAX_TOLD.
    """
    if not 1 <= len(council) <= MAX_TOLD:
        raise Refused(f"a notice is for a council of 1 to {MAX_TOLD} members")
    if len(raw) > PADDED - 4:
        raise Refused("the notice is too long: name fewer accounts, or say where it holds in fewer words")
    padded = pad_to(raw, PADDED)
    copies = (
        key.key_id + seal(key, padded, label=Label.SEAL_NOTICE, context=group + to)
        for key in sorted(council, key=lambda each: each.key_id)
    )
    return b"".join((MAGIC, group, to, bytes([len(council)]), *copies))


def open_notice(raw: bytes, keys: Sequence[SealingKey]) -> Notice:
    """Open a file with one of our keys, and read the notice. Refused unless it is one, whole, and for us."""
    reader = Reader(raw, "notice")
    if reader.take(len(MAGIC)) != MAGIC:
        raise Refused("that is no notice of a measure")
    group, to = reader.take(16), reader.take(16)
    copies = {reader.take(KEY_ID_SIZE): reader.take(_SEALED) for _ in range(reader.u8())}
    reader.finish()
    key = next((key for key in keys if key.public_key().key_id in copies), None)
    if key is None:
        raise Refused("this notice is sealed to others: it is for the council as the sender's list had it")
    try:
        opened = unseal(key, copies[key.public_key().key_id], label=Label.SEAL_NOTICE, context=group + to)
    except DoesNotOpen:
        raise Refused("this notice is damaged: ask for it again") from None
    notice = read_notice(unpad(opened))
    if (notice.group, notice.to) != (group.hex(), to.hex()):
        raise Refused("this notice was made for another group, and sealed anew by somebody else")
    return notice
