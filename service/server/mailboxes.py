"""Mailboxes: letters in, eight slots out, and burning with a follow-up in one atomic change.

Guarantees: an open, an empty, a burned and an unknown mailbox answer with the same bytes' worth of the same reads; a
lost response never loses a letter or a follow-up, because every step may be repeated; after burning nothing of the
letters is left. The follow-up waits in an outbox of this partition until it is in its group's, as no commit spans two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, overload

from crypto.codes import Claim, address_of
from crypto.filler import filler
from crypto.hashing import keyed
from crypto.labels import Label
from service.cases.receipts import Receipt, day_of, issue
from service.server import events, intake
from service.server.deps import Deps
from service.server.records import MAIL, MARK, Box, Outgoing, decode, encode
from service.storage.protocol import (
    Change,
    Conflict,
    Delete,
    Insert,
    Replace,
    StoreRefused,
    StoreUnavailable,
    entry_name,
)
from service.wire.problems import Kind, ProblemError
from service.wire.shapes import LETTER_SLOTS, MAX_LETTERS, Outcome

_ATTEMPTS: Final = 8


@dataclass(frozen=True, slots=True)
class Burned:
    """The mailbox is burned and the follow-up is durable."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Unread:
    """Letters came that were not seen. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Used:
    """The mailbox had been burned before. Nothing was changed."""


async def post(deps: Deps, address: bytes, item: bytes, letter: bytes) -> Outcome:
    """Put a letter into a mailbox; the same item is put once."""
    box_name, posted = b"box/" + address, b"posted/" + address + item
    for _ in range(_ATTEMPTS):
        raw, before = await deps.store.read_many(MAIL, [box_name, posted])
        box = Box(False, 0) if raw is None else decode(raw, Box)
        if box.burned:
            return "burned"
        if before is not None:
            if await intake.lasts(deps, MAIL, posted):
                return "done"
            continue
        if box.count >= MAX_LETTERS:
            return "full"
        grown = encode(Box(False, box.count + 1))
        changes: list[Change] = [
            Insert(box_name, grown, scattered=True) if raw is None else Replace(box_name, raw, grown),
            # Scattered, or its place beside the entries that came with it would tell which report it answers.
            Insert(posted, MARK, scattered=True),
            Insert(entry_name(b"letter/" + address, box.count + 1), letter, scattered=True),
        ]
        if not isinstance(await deps.store.commit(MAIL, changes), Conflict):
            return "done"
    raise ProblemError(Kind.UNAVAILABLE, retry_after_s=1)


async def slots(deps: Deps, claim: Claim, page: int) -> bytes:
    """Give eight slots, each as long as a letter, oldest letters first, noise where there is none.

    All eight pieces of noise are made every time, and one scan is done, whatever there is.
    """
    letters = await letters_on(deps, claim, page)
    noise = [_noise(deps, address_of(claim), page, slot) for slot in range(LETTER_SLOTS)]
    return b"".join(letters + noise[len(letters) :])


async def letters_on(deps: Deps, claim: Claim, page: int) -> list[bytes]:
    """Give the letters alone of one page, oldest first: for who doesn't hand them on."""
    log = b"letter/" + address_of(claim)
    start = entry_name(log, page * LETTER_SLOTS)
    return [value for _, value in await deps.store.scan(MAIL, log + b"/", start, LETTER_SLOTS)]


@overload
async def burn(deps: Deps, claim: Claim, letters_seen: int, accepted: intake.Accepted) -> Burned | Unread: ...


@overload
async def burn(
    deps: Deps, claim: Claim, letters_seen: int, accepted: intake.Accepted, answered: Insert
) -> Burned | Unread | Used: ...


async def burn(
    deps: Deps, claim: Claim, letters_seen: int, accepted: intake.Accepted, answered: Insert | None = None
) -> Burned | Unread | Used:
    """Burn a mailbox and store the follow-up. Repeating with the same envelope changes nothing more.

    answered: a record that comes into the store in the same step. With it nothing is stored for a mailbox that was
    burned before: it is Used. Without it such a follow-up is stored, marked as the repeat that it is.
    """
    address = address_of(claim)
    box_name, outbox = b"box/" + address, b"outbox/" + accepted.digest
    day = day_of(deps.clock())
    for _ in range(_ATTEMPTS):
        raw = await deps.store.read(MAIL, box_name)
        box = Box(False, 0) if raw is None else decode(raw, Box)
        if not box.burned and box.count > letters_seen:
            return Unread()
        if box.burned and answered is not None:
            return Used()
        earlier = await intake.known(deps, accepted.group, accepted.digest)
        if earlier is not None and box.burned and await intake.lasts(deps, MAIL, box_name):
            return Burned(earlier)
        follow_up = encode(Outgoing(accepted.group, day, not box.burned, accepted.raw))
        changes: list[Change] = [Insert(outbox, follow_up)]
        if not box.burned:
            ashes = encode(Box(True, 0))
            changes += [
                Insert(box_name, ashes, scattered=True) if raw is None else Replace(box_name, raw, ashes),
                *await _letters_of(deps, address),
                *([] if answered is None else [answered]),
            ]
        outcome = await deps.store.commit(MAIL, changes)
        if isinstance(outcome, Conflict) and outcome.name == box_name:
            continue
        # A conflict on the outbox means that this very follow-up is there already: relay what is there.
        if isinstance(outcome, Conflict) and not box.burned:
            continue
        try:
            receipt = await relay(deps, accepted.digest) or await _stored(deps, accepted)
        except (StoreUnavailable, StoreRefused) as error:
            if isinstance(outcome, Conflict):
                raise
            # The burn can't be taken back, and the follow-up lies in the outbox for good: housekeeping relays it.
            events.failure("relay", error)
            receipt = issue(deps.keys.receipts, accepted.digest, day, accepted.group)
        return Burned(receipt)
    raise ProblemError(Kind.UNAVAILABLE, retry_after_s=1)


async def unread(deps: Deps, claim: Claim, letters_seen: int) -> bool:
    """Whether letters came that were not seen, so that a burn would change nothing."""
    raw = await deps.store.read(MAIL, b"box/" + address_of(claim))
    box = Box(False, 0) if raw is None else decode(raw, Box)
    return not box.burned and box.count > letters_seen


async def repeated(deps: Deps, claim: Claim, accepted: intake.Accepted) -> Burned | None:
    """Give the answer of a burn that was made before with this same envelope; None when there was none."""
    name = b"box/" + address_of(claim)
    raw = await deps.store.read(MAIL, name)
    if raw is None or not decode(raw, Box).burned or not await intake.lasts(deps, MAIL, name):
        return None
    receipt = await relay(deps, accepted.digest) or await intake.known(deps, accepted.group, accepted.digest)
    return None if receipt is None else Burned(receipt)


async def relay(deps: Deps, digest: bytes) -> Receipt | None:
    """Carry a follow-up from the outbox to its group; None when it isn't in the outbox (any more)."""
    name = b"outbox/" + digest
    raw = await deps.store.read(MAIL, name)
    if raw is None:
        return None
    outgoing = decode(raw, Outgoing)
    try:
        accepted = await intake.check(deps, outgoing.group, outgoing.envelope, follow_up=True)
    except ProblemError:
        # All its recipients have left since it was accepted; the receipt stands, the follow-up waits.
        if not await intake.lasts(deps, MAIL, name):
            return None
        return issue(deps.keys.receipts, digest, outgoing.day, outgoing.group)
    mark = intake.FIRST_USE if outgoing.first_use else intake.REPEATED_USE
    receipt = await intake.store(deps, accepted, follow_up=mark, day=outgoing.day)
    await deps.store.commit(MAIL, [Delete(name)])
    return receipt


async def relay_all(deps: Deps) -> int:
    """Carry over everything that a crash or an absent store left in the outbox. Returns how many were carried."""
    carried, after = 0, b""
    while page := await deps.store.scan(MAIL, b"outbox/", after, 20):
        for name, _ in page:
            with events.one_of_many("relay"):
                carried += await relay(deps, name[len(b"outbox/") :]) is not None
        after = page[-1][0]
    return carried


async def _stored(deps: Deps, accepted: intake.Accepted) -> Receipt:
    """The receipt of a follow-up that another worker relayed just now."""
    receipt = await intake.known(deps, accepted.group, accepted.digest)
    if receipt is None:
        raise ProblemError(Kind.UNAVAILABLE, retry_after_s=1)
    return receipt


async def _letters_of(deps: Deps, address: bytes) -> list[Change]:
    """Deletions of a mailbox's letters and of the marks that they were posted."""
    doomed: list[Change] = []
    for prefix in (b"letter/" + address + b"/", b"posted/" + address):
        after = b""
        while page := await deps.store.scan(MAIL, prefix, after, 100):
            doomed.extend(Delete(name) for name, _ in page)
            after = page[-1][0]
    return doomed


def _noise(deps: Deps, address: bytes, page: int, slot: int) -> bytes:
    """Bytes that look like a sealed letter, the same every time: repeating a request tells nothing new."""
    return filler(keyed(deps.keys.filler.reveal(), Label.FILLER, address, bytes((page, slot))))
