"""Voting, on the voter's own machine: what a voter checks before, what is sent, and the receipts that are kept.

Guarantees: nothing is cast before manifest, trustees and electorate were held against φ and against the registry that
this voter downloads and pins; no login and no address of the voter's making goes with a cast; a receipt is kept before
the voter is told. The choice itself is kept nowhere. polls/SPEC.md §3.4, design.md §9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from crypto.entropy import system
from crypto.errors import Refused
from polls.board import Found, check_receipt
from polls.casting import Receipt as BallotReceipt
from polls.casting import make_cast, page_due, read_receipt
from polls.election import Election
from polls.electorate import Electorate
from polls.manifest import Manifest, election_of
from service.cases.summaries import open_summary
from service.chain_files import read_whole, write_whole
from service.member_keys import MemberKeys
from service.wire import poll_calls
from service.wire.admitting import Admission
from service.wire.client import Client
from service.wire.patience import patiently
from service.wire.poll_views import PollView, ballot_hash, left_out_of
from service.wire.registry_pins import fetch

RECEIPTS: Final = "receipts"
_MAX: Final = 1_024 * 1_024


class NotAVoter(Refused):
    """This member's key is not in the poll's electorate: left out, or registered after it was frozen."""


class Kept(Struct, frozen=True, forbid_unknown_fields=True):
    """The receipts of one poll, oldest first, with the manifest that they are about."""

    manifest: bytes
    receipts: tuple[bytes, ...]


@dataclass(frozen=True)
class Checked:
    """A poll of which everything was checked that a voter can check before the close."""

    view: PollView
    electorate: Electorate
    election: Election[Any, Any]

    @property
    def manifest(self) -> Manifest:
        """What the poll is about."""
        return self.view.manifest


def check_poll(client: Client, phi: bytes, folder: Path) -> Checked:
    """Fetch a poll and hold it against φ and the registry, pinned in `folder`. Raises Refused, naming what fails."""
    view = client.do(poll_calls.poll(phi))
    found = client.do(poll_calls.electorate(view.manifest))
    registry = fetch(client, bytes.fromhex(found.shape.registry), folder)
    left_out_of(found, registry)
    return Checked(view, found.electorate, election_of(view.manifest, view.trustees))


def check_voter(checked: Checked, keys: MemberKeys) -> None:
    """Raise NotAVoter unless this member may vote in the poll."""
    if keys.member.public() not in checked.electorate.members:
        raise NotAVoter("this key is not among the poll's voters: it was left out, or registered too late")


def read_summary(client: Client, checked: Checked, keys: MemberKeys) -> str | None:
    """Fetch and open the mediator's summary; None for an urgent poll that has none."""
    if checked.view.shape.state != "open":
        return None
    sealed = client.do(poll_calls.summary(checked.manifest))
    if not sealed:
        return None
    group, matter = bytes.fromhex(checked.manifest.group_id), bytes.fromhex(checked.manifest.matter)
    return open_summary(sealed, keys.sealing, group=group, matter=matter)


def cast(
    client: Client, checked: Checked, keys: MemberKeys, option: int, admission: Admission, folder: Path
) -> BallotReceipt:
    """Cast a ballot and keep its receipt in `folder`. Again replaces: the later one counts.

    option: a place in the manifest's options. Raises Refused or Declined; a lost answer is asked for again with the
    same bytes, which changes nothing.
    """
    if checked.view.state != "open":
        raise Refused(f"the poll is {checked.view.state}: nobody can vote in it now")
    raw = make_cast(checked.manifest, checked.election, checked.electorate, keys.member, option, system)
    answer = patiently(
        client, admission, lambda token: poll_calls.cast(checked.manifest, raw, admission=token)
    )
    keep_receipt(folder, checked.manifest, answer)
    receipt = read_receipt(checked.manifest, answer)
    if receipt.ballot != ballot_hash(raw):
        raise Refused("the server's receipt is for another ballot")
    return receipt


def keep_receipt(folder: Path, manifest: Manifest, receipt: bytes) -> None:
    """Keep a receipt beside the earlier ones of its poll. The file says that a ballot was cast, never for what."""
    before = kept_receipts(folder, manifest.phi)
    receipts = () if before is None else before.receipts
    if receipt not in receipts:
        kept = Kept(manifest.raw, (*receipts, receipt))
        write_whole(_file(folder, manifest.phi), msgspec.json.encode(kept))


def kept_receipts(folder: Path, phi: bytes) -> Kept | None:
    """Read what was kept of a poll; None when nothing was. Refused when the file is damaged."""
    path = _file(folder, phi)
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(read_whole(path, _MAX), type=Kept)
    except msgspec.MsgspecError:
        raise Refused("the file of receipts is damaged") from None


def check_receipts(
    client: Client, manifest: Manifest, receipts: Sequence[bytes]
) -> list[tuple[BallotReceipt, str]]:
    """Say what became of the ballots of these receipts, oldest first.

    While the poll is open only the pages' heads are public: then whether the page's head was signed yet. After the
    close the page is opened: counted, replaced, or dropped, which proves that the server broke its word.
    """
    read = [read_receipt(manifest, raw) for raw in receipts]
    view = client.do(poll_calls.poll(manifest.phi))
    if view.state in {"waiting", "open"}:
        due = [page_due(manifest, receipt.page) for receipt in read]
        return [
            (receipt, "its page is sealed" if at <= view.shape.now else "its page is not sealed yet")
            for receipt, at in zip(read, due, strict=True)
        ]
    if view.state == "archived":
        return [(receipt, "the board was destroyed after the cooling-off") for receipt in read]
    board = client.do(poll_calls.opened_board(manifest)).board
    found = [check_receipt(board, receipt, read[at + 1 :]) for at, receipt in enumerate(read)]
    return [(receipt, each.value) for receipt, each in zip(read, found, strict=True)]


def broken(outcomes: Sequence[tuple[BallotReceipt, str]]) -> bool:
    """Whether a receipt proves that the server dropped a ballot."""
    return any(said == Found.DROPPED.value for _, said in outcomes)


def _file(folder: Path, phi: bytes) -> Path:
    return folder / RECEIPTS / f"{phi.hex()}.json"
