"""Receipts of ballots, kept on the voter's machine, and what became of those ballots. polls/SPEC.md §3.4, §3.5.

A receipt says that a ballot will be on a page; the server signs a head for every page when it is sealed, before anybody
can see what is on it. Guarantees: heads are fetched, checked, and remembered with their signatures, so that a server
that later shows another board contradicts itself in its own hand. What is kept says that a ballot was cast, never for
what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from crypto.errors import Refused
from polls.board import Found, HeadWire, check_head, check_receipt, credentials_on
from polls.casting import Receipt, read_receipt
from polls.manifest import Manifest
from service.chain_files import alone, read_whole, write_whole
from service.wire import poll_calls
from service.wire.client import Client
from service.wire.poll_records import gather_ballots
from service.wire.poll_views import PollView, signed_board

RECEIPTS: Final = "receipts"
LOCK_FILE: Final = "receipts.lock"
MAX_FILE: Final = 16 * 1_024 * 1_024
_HEAD: Final = 64  # hexadecimal digits
SLACK_S: Final = 600
"""How far this machine's clock and the server's may be apart."""
ARCHIVED: Final = "the board was destroyed after the cooling-off"
SEALED: Final = "the head of its page is signed"
NOT_SEALED: Final = "its page is not sealed yet"


class BoardChanged(Refused):
    """The server signed two different heads for one page: what was kept proves it."""

    def __init__(self) -> None:
        super().__init__("the server showed another board before: keep the file of receipts, it proves that")


class StateDenied(Refused):
    """The state that the server shows can't be: the manifest, this machine's clock or a receipt says so."""

    def __init__(self, said: str) -> None:
        super().__init__(
            f"{said} Nothing shows that your ballots are on the board: keep the file of receipts"
        )


class Kept(Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of one poll: its manifest, receipts oldest first, and the heads that were seen, by page.

    A head is hexadecimal, with the server's signature after it (64 and 128 digits), so that it proves what it says.
    """

    manifest: bytes
    receipts: tuple[bytes, ...]
    heads: dict[int, str] = {}


@dataclass(frozen=True)
class Outcome:
    """What became of a ballot, in words; `broken`: the receipt proves that the server dropped it."""

    receipt: Receipt
    words: str
    broken: bool = False


def file_of(folder: Path, phi: bytes) -> Path:
    """Name the file that keeps a poll's receipts."""
    return folder / RECEIPTS / f"{phi.hex()}.json"


def prepare(folder: Path, manifest: Manifest) -> int:
    """Read the file of a poll's receipts and write it back, before anything is cast: what can't be kept is said then.

    Gives the last page of which there is a receipt, -1 without one: the next ballot has to come on a later page.
    Refused when the file is damaged, or when it can't be written.
    """
    with _alone(folder):
        try:
            kept = kept_receipts(folder, manifest.phi) or Kept(manifest.raw, ())
            kept = msgspec.structs.replace(kept, manifest=manifest.raw)
        except Refused as damaged:
            raise Refused(
                f"{damaged.reason}: move {file_of(folder, manifest.phi).name} out of the folder "
                f"{RECEIPTS!r} to vote, and keep it, since it may prove what you cast before"
            ) from None
        keep(folder, manifest, kept)
    return max((each.page for each in _readable(manifest, kept.receipts)), default=-1)


def keep_receipt(folder: Path, manifest: Manifest, receipt: bytes) -> None:
    """Keep a receipt beside the earlier ones of its poll. Refused when the file is damaged or can't be written."""
    keep_more(folder, manifest, Kept(manifest.raw, (receipt,)))


def keep_more(folder: Path, manifest: Manifest, found: Kept) -> None:
    """Keep receipts and heads beside those that are in the file now: another command may have added some meanwhile.

    Raises BoardChanged when a head is another one than the file's, Refused when it is damaged or can't be written.
    """
    with _alone(folder):
        before = kept_receipts(folder, manifest.phi) or Kept(manifest.raw, ())
        _same(manifest, before.heads, {**_plain(before.heads), **_plain(found.heads)})
        more = tuple(each for each in found.receipts if each not in before.receipts)
        heads = {**before.heads, **found.heads}
        keep(folder, manifest, Kept(manifest.raw, (*before.receipts, *more), heads))


def keep(folder: Path, manifest: Manifest, kept: Kept) -> None:
    """Write what is kept of a poll, whole or not at all."""
    write_whole(file_of(folder, manifest.phi), msgspec.json.encode(kept))


def kept_receipts(folder: Path, phi: bytes) -> Kept | None:
    """Read what was kept of a poll; None when nothing was. Refused when the file is damaged."""
    path = file_of(folder, phi)
    try:
        there = path.exists()
    except OSError as error:
        raise Refused(f"the receipts can't be read: {error.strerror}") from None
    return read_kept(read_whole(path, MAX_FILE)) if there else None


def _alone(folder: Path) -> AbstractContextManager[None]:
    """Wait until no other command reads and writes receipts: of two at once, one could write over the other's."""
    return alone(folder / LOCK_FILE)


def read_kept(raw: bytes) -> Kept:
    """Read a file of receipts. Refused when it is none."""
    try:
        return msgspec.json.decode(raw, type=Kept)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refused("this is not a file of receipts, or it is damaged") from None


def check_receipts(client: Client, manifest: Manifest, kept: Kept) -> tuple[list[Outcome], Kept]:
    """Say what became of the ballots, oldest first; also gives what is to be kept from now on.

    While the poll is open: whether the head of a ballot's page is signed yet. After the close its page is opened:
    on the board, replaced by a later ballot of the same credential, which may have been cast elsewhere, or dropped; and
    counted when the trustees have signed the outcome of just this board. A damaged receipt or head is left out, and
    hides no other: see `check_whole`.
    Raises BoardChanged when a head is another one than before, StateDenied for a state of the poll that can't be,
    Refused when the trustees signed another board's outcome.
    """
    read = _readable(manifest, kept.receipts)
    view = client.do(poll_calls.poll(manifest.phi))
    check_state(view, client.now_s())
    if view.state == "archived":
        return [Outcome(each, ARCHIVED) for each in read], kept
    if view.state == "open":
        heads = {**kept.heads, **_heads(client, manifest, kept.heads)}
        outcomes = [Outcome(each, SEALED if each.page in heads else NOT_SEALED) for each in read]
        return outcomes, msgspec.structs.replace(kept, heads=heads)
    pages = client.do(poll_calls.opened_board(manifest))
    board, counted = pages.board, signed_board(view, pages)
    _same(manifest, kept.heads, {page: head.hex() for page, head in enumerate(board.heads)})
    voted = credentials_on(board, gather_ballots(client, board))
    own = {each.ballot for each in read}
    found = [check_receipt(each, voted, own) for each in read]
    return [
        Outcome(each, words_of(what, signed=counted), what is Found.DROPPED)
        for each, what in zip(read, found, strict=True)
    ], kept


def _readable(manifest: Manifest, receipts: Sequence[bytes]) -> list[Receipt]:
    read = []
    for raw in receipts:
        with suppress(Refused):
            read.append(read_receipt(manifest, raw))
    return read


def check_whole(manifest: Manifest, kept: Kept, found: Sequence[Outcome]) -> None:
    """Refuse a file of which `check_receipts` left something out."""
    damaged = len(kept.receipts) - len(found)
    if damaged:
        raise Refused(
            f"{damaged} of the {len(kept.receipts)} receipts in the file are damaged, or not by this poll's server, "
            "and prove nothing: restore the file from a backup"
        )
    unsigned = sum(not _signed(manifest, page, head) for page, head in kept.heads.items())
    if unsigned:
        raise Refused(
            f"{unsigned} of the {len(kept.heads)} heads of the board in the file of receipts lack the server's "
            "signature, so they were held against nothing. The file is damaged, or is from before signatures were "
            "kept: restore it from a backup"
        )


def check_state(view: PollView, now_s: int) -> None:
    """Hold the state that a server shows to who has a receipt against the manifest and this machine's clock.

    A server that dropped a ballot would say that the poll is still open, or that the board is destroyed already.
    now_s: seconds since 1970. Raises StateDenied.
    """
    manifest = view.manifest
    match view.state:
        case "waiting" | "lapsed":
            raise StateDenied(
                f"The server says that the poll is {view.state}, and gave a receipt of a ballot in it."
            )
        case "open" if now_s >= manifest.closes_at + SLACK_S:
            raise StateDenied(
                "The server says that the poll is open, but by this machine's clock it is over."
            )
        case "archived" if now_s < manifest.archive_at - SLACK_S:
            raise StateDenied(
                "The server says that the board is destroyed, but by this machine's clock the archive date of the "
                "poll is not reached."
            )


def words_of(found: Found, *, signed: bool) -> str:
    """Say what became of a ballot on a board; signed: whether the trustees signed the outcome of just that board."""
    if found is Found.COUNTED and not signed:
        return "on the board; the trustees have not signed its outcome yet"
    return found.value


def _heads(client: Client, manifest: Manifest, seen: Mapping[int, str]) -> dict[int, str]:
    """Fetch all signed heads so far, and hold them against those seen before."""
    found: dict[int, str] = {}
    while page := client.do(poll_calls.heads(manifest, max(found, default=-1))):
        found.update({each.page: each.head + each.signature for each in page})
    _same(manifest, seen, _plain(found))
    return found


def _plain(heads: Mapping[int, str]) -> dict[int, str]:
    return {page: head[:_HEAD] for page, head in heads.items()}


def _same(manifest: Manifest, seen: Mapping[int, str], now: Mapping[int, str]) -> None:
    """Hold heads that were kept against those that the server shows, without signatures. Raises BoardChanged.

    One that the server did not sign is no word of its: a disk changed it, so it accuses nobody; see `check_whole`.
    """
    changed = [page for page, head in _plain(seen).items() if now.get(page) != head]
    if any(_signed(manifest, page, seen[page]) for page in changed):
        raise BoardChanged


def _signed(manifest: Manifest, page: int, head: str) -> bool:
    try:
        check_head(manifest, HeadWire(page=page, head=head[:_HEAD], signature=head[_HEAD:]))
    except Refused:
        return False
    return True


def told_of(outcomes: Sequence[Outcome]) -> tuple[list[dict[str, object]], str]:
    """Give what became of ballots as JSON has it, and as lines for a person."""
    items: list[dict[str, object]] = [
        {"ballot": each.receipt.ballot, "page": each.receipt.page, "found": each.words} for each in outcomes
    ]
    lines = [f"ballot {e.receipt.ballot[:16]}…, page {e.receipt.page}: {e.words}" for e in outcomes]
    return items, "\n".join(lines) or "No receipt in the file can be read."


def broken(outcomes: Sequence[Outcome]) -> bool:
    """Whether a receipt proves that the server dropped a ballot."""
    return any(outcome.broken for outcome in outcomes)
