"""Notices: what one group's council tells another's of a measure in force, so that nobody is invited back unnoticed.

A sealed file (service.cases.sealed_files), signed by a member of the council that tells; a later notice of the same
name takes the earlier one's place. Leaves to the faces whether its author is on that council. SPEC.md §6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct

from crypto.labels import Label
from crypto.padding import KIB
from crypto.seal import PublicKey, SealingKey
from crypto.secrets import Unshown
from crypto.signatures import SigningKey
from service.cases.letters import Hex16, Hex32
from service.cases.policies import Slug
from service.cases.receipts import MAX_DAY
from service.cases.sealed_files import Kind, open_file, read_content, seal_file, sign_content
from service.cases.texts import LINE, SHORT_TEXT, checked_text

PADDED: Final = 8 * KIB
MAX_TOLD: Final = 64  # council members of one group
MAX_ACCOUNTS: Final = 16
_KIND: Final = Kind(
    name="notice",
    title="notice of a measure",
    magic=b"svnotice\x01",
    signing=Label.NOTICE,
    sealing=Label.SEAL_NOTICE,
    padded=PADDED,
    most=MAX_TOLD,
    whose="it is for the council as the sender's list had it",
    too_long="name fewer accounts, or say where it holds in fewer words",
)
MAX_FILE: Final = _KIND.max_file

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
    raw = sign_content(_KIND, notice, key)
    read_notice(raw)
    return raw


def read_notice(raw: bytes) -> Notice:
    """Parse a notice and check its author's signature. Refused on anything else."""
    return _checked(read_content(_KIND, raw, Notice).content)


def seal_notice(raw: bytes, group: bytes, to: bytes, council: Sequence[PublicKey]) -> bytes:
    """Make the file of a signed notice. group, to: ids of who tells and who is told; council: keys of the latter.

    Refused when it is too long, or when there is nobody to be told, or more than MAX_TOLD.
    """
    return seal_file(_KIND, raw, group, to, council)


def open_notice(raw: bytes, keys: Sequence[SealingKey]) -> Notice:
    """Open a file with one of our keys, and read the notice. Refused unless it is one, whole, and for us."""
    return _checked(open_file(_KIND, raw, keys, Notice).content)


def _checked(notice: Notice) -> Notice:
    for text, what in ((notice.author, "the author's name"), (notice.measure, "the measure")):
        checked_text(text, LINE, what)
    for account in notice.about:
        checked_text(account, LINE, "an account")
    checked_text(notice.where, SHORT_TEXT, "where it holds")
    return notice
