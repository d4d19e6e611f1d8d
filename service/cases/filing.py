"""Filing a report and burning a mailbox, from the reporter's side: what all three of its faces do alike.

The command line, the server for pages without script, and (in TypeScript) the browser do exactly this, so that nobody
can tell from an envelope how it was made. Holds the reply code only while the call lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from crypto.codes import ReplyCode, address_of, claim_of, mailbox_of, prove
from crypto.entropy import Entropy
from crypto.envelope import seal_envelope
from crypto.errors import Refused
from crypto.seal import PublicKey
from service.cases.reports import File, FollowUp, Report, Unsealed

MAX_LETTERS_SEEN = 0xFFFF


@dataclass(frozen=True, slots=True)
class Recipients:
    """To whom a report is sealed, of which group and which state of its roster."""

    group_id: bytes
    roster_digest: bytes
    keys: tuple[PublicKey, ...]

    def __post_init__(self) -> None:
        if not self.keys:
            raise Refused("a report needs at least one recipient")
        if len({key.raw for key in self.keys}) != len(self.keys):
            raise Refused("a recipient is named twice")


@dataclass(frozen=True, slots=True)
class Filed:
    """A sealed report or follow-up, and the code that will open the answers to it."""

    envelope: bytes
    code: ReplyCode


@dataclass(frozen=True, slots=True)
class Burning:
    """The body of the request that burns a mailbox and stores a follow-up in one step."""

    # It begins with the live claim, and whoever has that can burn the mailbox.
    body: bytes = field(repr=False)
    filed: Filed


def file_report(
    report: Report, files: Sequence[File], to: Recipients, code: ReplyCode, entropy: Entropy
) -> Filed:
    """Seal a report that answers to the mailbox of `code`.

    Raises Refused when a text is too long, the files don't match their list, or all is over 8 MiB.
    """
    mailbox = mailbox_of(code)
    plaintext = Unsealed(report, tuple(files), address_of(claim_of(code)), mailbox.public_key()).to_bytes()
    envelope = seal_envelope(plaintext, to.keys, to.group_id, to.roster_digest, entropy)
    return Filed(envelope, code)


def burn_mailbox(
    used: ReplyCode,
    new: ReplyCode,
    letters_seen: int,
    follow_up: FollowUp,
    files: Sequence[File],
    to: Recipients,
    entropy: Entropy,
) -> Burning:
    """Make the request that burns the mailbox of `used` and answers to the one of `new` from now on.

    letters_seen: how many letters were shown, so that one that came meanwhile is not burned unread.
    Body: claim 32 ‖ u16 letters_seen ‖ envelope. design.md §5.
    """
    if follow_up.proof != proof_of(used):
        raise Refused("the follow-up proves another mailbox")
    if not 0 <= letters_seen <= MAX_LETTERS_SEEN:
        raise Refused("too many letters")
    mailbox = mailbox_of(new)
    plaintext = Unsealed(follow_up, tuple(files), address_of(claim_of(new)), mailbox.public_key()).to_bytes()
    envelope = seal_envelope(plaintext, to.keys, to.group_id, to.roster_digest, entropy)
    body = claim_of(used).reveal() + letters_seen.to_bytes(2, "big") + envelope
    return Burning(body, Filed(envelope, new))


def proof_of(used: ReplyCode) -> str:
    """Give the hex of what a follow-up carries to prove to handlers that its author owned the mailbox."""
    return prove(used).reveal().hex()
