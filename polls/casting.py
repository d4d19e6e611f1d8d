"""Casting: what a voter sends, what makes it acceptable, and the receipt. SPEC.md §3.4.

A cast is a ballot and its credential's certificate. `check_cast` does all that can be checked of it alone (about
a second's thousandth per ballot and a quarter per member of the ring: keep it off an event loop); `admit` is the
pure function for the one atomic change: given what is kept under the voter's tag and under the credential, what
to keep now and which page of the board the ballot goes on. Nothing here knows who the voter is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic

from msgspec import Struct

from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.labels import Label
from crypto.members import MemberKey
from crypto.signatures import SigningKey, VerifyKey, sign, verify
from polls import ballots
from polls.ballots import Ballot
from polls.election import Election
from polls.electorate import Electorate
from polls.encoding import HashHex, Wire, decode, encode, hash_hex
from polls.group import E, S
from polls.manifest import Manifest
from polls.membership import (
    CertificateWire,
    Certified,
    certify,
    check_certificate,
    private_credential,
    voter_entropy,
)

MAX_CAST: Final = 128 * 1024
LATE_PAGES: Final = 8
"""Pages after the last interval, for those who vote again within the last one."""


class CastWire(Wire, frozen=True):
    """What a voter posts: the ballot's text and the certificate."""

    ballot: str
    certificate: CertificateWire


@dataclass(frozen=True)
class Cast(Generic[E, S]):
    """A valid cast: whose it is only as a tag, which credential signed, which ballot."""

    tag: bytes
    certified: Certified[E]
    ballot: Ballot[E, S]

    @property
    def ballot_hash(self) -> str:
        """The ballot's SHA-256, hexadecimal: what board and receipt name it by."""
        return hash_hex(self.ballot.raw)


class TooLate(Refused):
    """The poll is not open now."""


class NotOpen(TooLate):
    """The poll has not opened yet."""


def make_cast(
    manifest: Manifest,
    election: Election[E, S],
    electorate: Electorate,
    key: MemberKey,
    option: int,
    entropy: Entropy,
) -> bytes:
    """Make what a voter posts for `option`, its place in the manifest. On the voter's own machine."""
    if not 0 <= option < len(manifest.options):
        raise Refused("vote: no such option")
    phi = manifest.phi
    chosen = [int(place == option) for place in range(len(manifest.options))]
    randomness = voter_entropy(key, phi, entropy)
    ballot = ballots.make(election, private_credential(key, phi), [chosen], randomness)
    certificate = certify(election, electorate, key, phi, entropy)
    return encode(CastWire(ballot=ballot.decode(), certificate=certificate))


def check_cast(
    manifest: Manifest, election: Election[E, S], electorate: Electorate, raw: bytes
) -> Cast[E, S]:
    """Check a cast by itself; Refused, naming what fails. Pure and slow: 4 ms and 0.27 ms per ring member."""
    if len(raw) > MAX_CAST:
        raise Refused("cast: too long")
    wire = decode(raw, CastWire, "cast")
    ballot = ballots.parse(election.group, wire.ballot.encode())
    if ballot.credential_text != wire.certificate.credential:
        raise Refused("cast: the certificate is for another credential")
    ballots.check(election, ballot)
    certified = check_certificate(election.group, electorate.rings, manifest.phi, wire.certificate)
    return Cast(certified.tag, certified, ballot)


class Placed(Struct, frozen=True, forbid_unknown_fields=True):
    """A ballot's hash and the page it goes on."""

    ballot: str
    page: int


class Slot(Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept under a voter's tag: the one credential, and its ballots in the order they came."""

    credential: str
    placed: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class Admitted:
    """What to keep under the tag now, the ballot's page, and whether the ballot is new (else: said again)."""

    slot: Slot
    page: int
    new: bool


def page_at(manifest: Manifest, now: int) -> int:
    """Give the page that is being filled at `now`, from 0; raises NotOpen or TooLate outside the poll."""
    if now < manifest.opens_at:
        raise NotOpen("poll: not open yet")
    if now >= manifest.closes_at:
        raise TooLate("poll: closed")
    return (now - manifest.opens_at) // manifest.page_s


def last_page(manifest: Manifest) -> int:
    """Give the last page that any ballot can be on."""
    return (manifest.closes_at - 1 - manifest.opens_at) // manifest.page_s + LATE_PAGES


def page_due(manifest: Manifest, page: int) -> int:
    """Give when a page is complete and to be flushed: at the end of its interval, at latest at closing."""
    return min(manifest.opens_at + (page + 1) * manifest.page_s, manifest.closes_at)


def admit(
    manifest: Manifest, cast: Cast[E, S], now: int, under_tag: Slot | None, tag_of_credential: bytes | None
) -> Admitted:
    """Decide on a valid cast, given what the store keeps under its tag and under its credential.

    A ballot that was admitted before gives the same page again and changes nothing, so that a lost response, a
    replay or an attempt to bring an earlier ballot back is harmless. A voter's next ballot goes on a later page
    than the one before, so that the board's order is the order of voting.
    """
    credential = cast.certified.credential
    if under_tag is not None and under_tag.credential != credential:
        raise Refused("cast: this voter has another credential in this poll")
    if tag_of_credential is not None and tag_of_credential != cast.tag:
        raise Refused("cast: this credential belongs to another voter")
    placed = under_tag.placed if under_tag is not None else ()
    for known in placed:
        if known.ballot == cast.ballot_hash:
            return Admitted(Slot(credential, placed), known.page, new=False)
    page = page_at(manifest, now)
    if placed:
        page = max(page, placed[-1].page + 1)
    if page > last_page(manifest):
        raise Refused("cast: voted again too often in this interval; wait for the next")
    return Admitted(Slot(credential, (*placed, Placed(cast.ballot_hash, page))), page, new=True)


class Receipt(Wire, frozen=True):
    """The server's signed word: this ballot will be on this page of this poll's board."""

    poll: str
    ballot: HashHex
    page: int
    signature: str


def give_receipt(key: SigningKey, manifest: Manifest, ballot_hash: str, page: int) -> bytes:
    """Sign a receipt, once the ballot is stored durably. It says nothing of voter, choice or turnout."""
    signature = sign(key, Label.BALLOT_RECEIPT, *_receipt_parts(manifest.phi, ballot_hash, page))
    return encode(Receipt(poll=manifest.phi.hex(), ballot=ballot_hash, page=page, signature=signature.hex()))


def read_receipt(manifest: Manifest, raw: bytes) -> Receipt:
    """Read a receipt and check that this poll's server signed it."""
    receipt = decode(raw, Receipt, "receipt")
    if receipt.poll != manifest.phi.hex():
        raise Refused("receipt: for another poll")
    try:
        signature = bytes.fromhex(receipt.signature)
    except ValueError:
        raise Refused("receipt: not well formed") from None
    if not 0 <= receipt.page <= last_page(manifest):
        raise Refused("receipt: no such page")
    verify(
        VerifyKey(bytes.fromhex(manifest.server_key)),
        Label.BALLOT_RECEIPT,
        signature,
        *_receipt_parts(manifest.phi, receipt.ballot, receipt.page),
    )
    return receipt


def _receipt_parts(phi: bytes, ballot_hash: str, page: int) -> tuple[bytes, ...]:
    return phi, ballot_hash.encode(), page.to_bytes(4, "big")
