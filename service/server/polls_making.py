"""Taking in a new poll: what a mediator or the council proposes, held against everything this server can know.

Guarantees: a poll that exists has "No action" and "Abstain" (polls.manifest), a finished board of its group, the exact
electorate of its registry's snapshot without those left out, a summary sealed to exactly these, and no poll of the same
matter among nearly the same people within the cooling-off, whatever comes at once. Repeating is harmless.
"""

from __future__ import annotations

import asyncio
from typing import Final

from crypto.errors import Refused
from crypto.group import POINT_SIZE, Point
from polls import electorate as electorates
from polls.casting import last_page
from polls.electorate import Electorate
from polls.manifest import Manifest, Urgent, check_electorate, check_summary, election_of, parse_manifest
from service.cases import summaries
from service.server import polls_boards
from service.server.deps import Deps
from service.server.polls import LAPSED, PROGRESS, rings_of
from service.server.polls_closing import COUNCIL
from service.server.polls_members import staying
from service.server.polls_records import EarlierPoll, Matter, PollRecord, Progress
from service.server.records import MARK, SERVER, decode, encode, group_partition, poll_partition
from service.server.signed import Caller
from service.storage.protocol import Change, Conflict, Insert, Put, Replace
from service.wire.poll_shapes import MAX_POLL_PAGES, MAX_VOTERS, CreatePoll
from service.wire.problems import Kind, ProblemError

_ATTEMPTS: Final = 16
ROLES: Final = ("mediator", "council")


async def create(deps: Deps, caller: Caller, sent: CreatePoll) -> bytes:
    """Keep a poll and give φ. Raises the ProblemError that names what is wrong with it."""
    manifest = _manifest(deps, caller, sent)
    if await deps.store.read(poll_partition(manifest.phi), b"poll") is not None:
        return manifest.phi
    if await deps.polls.now_s() >= manifest.opens_at:
        raise ProblemError(Kind.MANIFEST_ELSEWHERE)
    transcript = await polls_boards.finished(deps, caller.group, bytes.fromhex(sent.board))
    trustees = await asyncio.to_thread(transcript.board)
    try:
        election_of(manifest, trustees)
    except Refused:
        raise ProblemError(Kind.MANIFEST_ELSEWHERE) from None
    if not any(handler.role == COUNCIL for handler in caller.roster.active):
        raise ProblemError(Kind.NO_COUNCIL)
    # Whose members decide is the root key's to say: a council could else poll people of its own making.
    if caller.roster.registry is None or caller.roster.registry.hex() != sent.registry:
        raise ProblemError(Kind.REGISTRY)
    electorate = await _electorate(deps, manifest, sent)
    await _reserve(deps, caller.group, manifest, electorate)
    # The lists first: what they name and doesn't exist is passed over, what exists and isn't listed would be lost.
    await deps.store.commit(SERVER, [Put(b"poll/" + manifest.phi, MARK)])
    await deps.store.commit(group_partition(caller.group), [Put(b"polled/" + manifest.phi, MARK)])
    record = PollRecord(caller.group, bytes.fromhex(sent.board), bytes.fromhex(sent.registry), sent.snapshot)
    changes: list[Change] = [
        Insert(b"poll", encode(record)),
        Insert(b"manifest", manifest.raw),
        Insert(b"trustees", trustees.raw),
        Insert(b"rings", encode(rings_of(electorate))),
        Insert(b"summary", sent.summary),
        Insert(PROGRESS, encode(Progress())),
    ]
    # A conflict means that the same poll was created by the same request sent twice.
    await deps.store.commit(poll_partition(manifest.phi), changes)
    return manifest.phi


def _manifest(deps: Deps, caller: Caller, sent: CreatePoll) -> Manifest:
    if caller.handler.role not in ROLES:
        raise ProblemError(Kind.ROLE)
    try:
        manifest = parse_manifest(sent.manifest)
    except Refused:
        raise ProblemError(Kind.MANIFEST_REFUSED) from None
    if last_page(manifest) >= MAX_POLL_PAGES:
        raise ProblemError(Kind.MANIFEST_REFUSED)
    ours = deps.keys.receipts.verify_key().raw.hex()
    if manifest.group_id != caller.group.hex() or manifest.server_key != ours:
        raise ProblemError(Kind.MANIFEST_ELSEWHERE)
    return manifest


async def _electorate(deps: Deps, manifest: Manifest, sent: CreatePoll) -> Electorate:
    """Make the electorate from the registry, and hold manifest and summary against it."""
    found = await staying(deps, bytes.fromhex(sent.registry), sent.snapshot, sent.left_out)
    try:
        electorate = await asyncio.to_thread(Electorate, found.rings)
        check_electorate(manifest, electorate)
        if electorate.size > MAX_VOTERS:
            raise Refused("electorate: more voters than a poll here can have")
    except Refused:
        raise ProblemError(Kind.ELECTORATE) from None
    try:
        check_summary(manifest, sent.summary)
        needed = bool(sent.summary) or not isinstance(manifest.basis, Urgent)
        # Everybody who votes can read it, and nobody else: the accused are left out of both.
        if needed and summaries.recipients_of(sent.summary) != found.seal_key_ids:
            raise ProblemError(Kind.SUMMARY)
    except Refused:
        raise ProblemError(Kind.SUMMARY) from None
    return electorate


async def _reserve(deps: Deps, group: bytes, manifest: Manifest, electorate: Electorate) -> None:
    """Note that this matter is polled among these members; POLL_REPEATED if it was among nearly the same."""
    partition, name = group_partition(group), b"matter/" + bytes.fromhex(manifest.matter)
    until_s = manifest.closes_at + manifest.cooling_off_s
    members = b"".join(sorted(member.raw for member in electorate.members))
    own = EarlierPoll(manifest.phi, members, manifest.opens_at, until_s)
    for _ in range(_ATTEMPTS):
        raw = await deps.store.read(partition, name)
        now_s = await deps.polls.now_s()
        known = () if raw is None else decode(raw, Matter).polls
        counting = [each for each in known if await _counts(deps, each, manifest.phi, now_s)]
        matter = bytes.fromhex(manifest.matter)
        try:
            await asyncio.to_thread(_check_repeat, matter, electorate, now_s, counting)
        except Refused:
            raise ProblemError(Kind.POLL_REPEATED) from None
        grown = encode(Matter((*counting, own)))
        expires_s = max(each.until_s for each in (*counting, own))
        change = (
            Insert(name, grown, expires_s) if raw is None else Replace(name, raw, grown, expires_s=expires_s)
        )
        if not isinstance(await deps.store.commit(partition, [change]), Conflict):
            return
    raise ProblemError(Kind.UNAVAILABLE, retry_after_s=1)


async def _counts(deps: Deps, earlier: EarlierPoll, phi: bytes, now_s: int) -> bool:
    """Whether an earlier poll may still give, or has given, a result to compare with."""
    if earlier.phi == phi or now_s >= earlier.until_s:
        return False
    raw = await deps.store.read(poll_partition(earlier.phi), PROGRESS)
    if raw is None:
        # Reserved, and not made: by now it can't be any more, or it would lapse at once.
        return now_s < earlier.opens_s
    opened = decode(raw, Progress).opened
    return opened != LAPSED and not (
        opened == 0 and (await deps.polls.standing(earlier.phi)).state == "lapsed"
    )


def _check_repeat(matter: bytes, electorate: Electorate, now_s: int, earlier: list[EarlierPoll]) -> None:
    polled = [
        electorates.EarlierPoll(
            matter,
            frozenset(
                Point(each.members[at : at + POINT_SIZE]) for at in range(0, len(each.members), POINT_SIZE)
            ),
            each.until_s,
        )
        for each in earlier
    ]
    electorates.check_repeat(matter, electorate.members, now_s, polled)
