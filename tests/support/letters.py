"""Letters for tests: honest ones, and what a rogue recipient puts into a mailbox beside them."""

from __future__ import annotations

from collections.abc import Sequence

from crypto.codes import ReplyCode, address_of, claim_of, mailbox_of
from crypto.entropy import system
from crypto.letters import LETTER_SIZE, seal_letter
from service.cases.letters import HandedTo, Letter, sign_letter
from service.wire import shapes
from tests.support.groups import Group, Member


def sealed_letter(
    code: ReplyCode,
    group: Group,
    author: str,
    text: str,
    recipients: Sequence[Member] | None = None,
    *,
    told: Group | None = None,
) -> bytes:
    """Write a letter to the mailbox of a code. recipients: whom it names; all handlers when none are given.

    told: another group, the author's, to all of whom the report was forwarded.
    """
    member = (told or group).member(author)
    handed = () if told is None else (HandedTo(told.id.hex(), tuple(m.key_id.hex() for m in told.handlers)),)
    letter = Letter(
        id=system(16).hex(),
        group=group.id.hex(),
        roster=group.roster.digest.hex(),
        author=author,
        author_key=member.signing.verify_key().raw.hex(),
        language="en",
        day="2027-01-15",
        state=None,
        question=False,
        text=text,
        recipients=tuple(m.key_id.hex() for m in (group.handlers if recipients is None else recipients)),
        handed_to=handed,
    )
    raw = sign_letter(letter, member.signing, address_of(claim_of(code)))
    return seal_letter(mailbox_of(code).public_key(), raw)


def junk() -> bytes:
    """Make what no code opens."""
    return system(LETTER_SIZE)


def posting(code: ReplyCode, letters: Sequence[bytes]) -> list[shapes.Action]:
    """Make the batch that puts letters into the mailbox of a code, in this order."""
    address = address_of(claim_of(code)).hex()
    return [shapes.PostLetter(system(16).hex(), address, letter) for letter in letters]
