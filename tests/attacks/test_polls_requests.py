"""Malformed requests about polls, one by one: each has its problem, repeats no input, and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from crypto.entropy import system
from service.server.records import board_partition, poll_partition
from service.wire import poll_closing_shapes as closing_shapes
from service.wire import poll_shapes as shapes
from service.wire.problems import Kind
from service.wire.signing import Signer, headers_for
from tests.support.communities import Community
from tests.support.inprocess import World, in_process
from tests.support.server_polls import ServerPoll

CANARY = "canary-7f3a"
JSON = "application/json"
BYTES = "application/octet-stream"


class Scene:
    """An open poll, and another group and board."""

    def __init__(self, world: World, poll: ServerPoll, other: ServerPoll) -> None:
        self.world, self.poll, self.other = world, poll, other
        self.phi, self.group, self.board = poll.phi.hex(), poll.group.id.hex(), poll.board.hex()

    async def send(
        self, method: str, path: str, body: bytes = b"", kind: str | None = None, signer: Signer | None = None
    ) -> tuple[int, dict[str, object], str]:
        headers = {} if kind is None else {"Content-Type": kind}
        if signer is not None:
            now = int(self.world.clock())
            headers |= headers_for(signer, method, path, body, now_s=now, nonce=system(16))
        answer = await self.world.http.request(method, path, content=body, headers=headers)
        return answer.status_code, answer.json(), answer.text


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("requests")
    community = Community.draw(7)
    async with in_process(folder) as world:
        await world.know(community)
        polls = []
        for name in ("Aurora", "Borealis"):
            group = community.group(name)
            await world.found(group)
            polls.append(await ServerPoll.ready(world.client, world.clock, group, community))
        world.clock.forward(61)
        await polls[0].cast("github.com/m1", 1)
        yield Scene(world, *polls)


def refusals(s: Scene) -> list[tuple[Kind, tuple[object, ...]]]:
    """Every route, spoiled: the problem, and what is sent."""
    zoe, one = s.poll.signer, s.poll.trustee(1)
    elsewhere, stranger = s.other.signer, s.other.trustee(1)
    poll, group = f"/v1/polls/{s.phi}", f"/v1/groups/{s.group}"
    unknown = f"/v1/polls/{'ab' * 32}"
    proof = msgspec.json.encode(closing_shapes.ProveShare(b"{}"))
    deep = b'{"proof":' + b"[" * 40 + b"]" * 40 + b"}"
    found: list[tuple[Kind, tuple[object, ...]]] = []
    reads = ("", "/electorate", "/summary", "/heads", "/board", "/ballots", "/certificates", "/reports")
    for what in reads:
        found += [
            (Kind.NOT_FOUND, ("GET", unknown + what)),
            (Kind.MALFORMED_PATH, ("GET", f"/v1/polls/{s.phi[:-1]}{what}")),
            (Kind.MALFORMED_PATH, ("GET", f"/v1/polls/{s.phi.upper()}{what}")),
            (Kind.MALFORMED_QUERY, ("GET", f"{poll}{what}?{CANARY}=1")),
            (Kind.METHOD, ("DELETE", poll + what)),
        ]
    found += [
        (Kind.MALFORMED_QUERY, ("GET", f"{poll}/heads?after=-1")),
        (Kind.MALFORMED_QUERY, ("GET", f"{poll}/heads?after=0&after=1")),
        (Kind.MALFORMED_QUERY, ("GET", f"{poll}/ballots?after={CANARY}")),
        (Kind.MALFORMED_QUERY, ("GET", f"{group}/polls?after=00")),
        (Kind.NOT_FOUND, ("GET", f"/v1/groups/{'ab' * 16}/polls")),
        (Kind.NOT_FOUND, ("GET", f"/v1/boards/{'ab' * 16}")),
        (Kind.MALFORMED_PATH, ("GET", f"/v1/boards/{CANARY}")),
        (Kind.MEDIA_TYPE, ("POST", f"{poll}/casts", b"{}", JSON)),
        (Kind.ADMISSION_MISSING, ("POST", f"{poll}/casts", b"{}", BYTES)),
    ]
    signed_by_trustees = ("shares", "agreements", "decryptions", "statements", "result")
    signed_by_council = ("acknowledgement", "implementation", "reports")
    for what in (*signed_by_trustees, *signed_by_council):
        mine, theirs = (one, zoe) if what in signed_by_trustees else (zoe, one)
        target = f"{poll}/{what}"
        found += [
            (Kind.SIGNATURE, ("POST", target, b"{}", JSON)),
            (Kind.SIGNATURE, ("POST", target, b"{}", JSON, theirs)),
            (Kind.MEDIA_TYPE, ("POST", target, b"{}", BYTES, mine)),
            (Kind.MALFORMED_JSON, ("POST", target, b"{}", JSON, mine)),
            (Kind.MALFORMED_JSON, ("POST", target, CANARY.encode(), JSON, mine)),
            (Kind.MALFORMED_QUERY, ("POST", f"{target}?{CANARY}", b"{}", JSON, mine)),
            (Kind.TOO_LARGE, ("POST", target, bytes(3 * 1_024 * 1_024), JSON, mine)),
        ]
    found += [
        (Kind.TOO_DEEP, ("POST", f"{poll}/shares", deep, JSON, one)),
        (Kind.NOT_FOUND, ("POST", f"{poll}/shares", proof, JSON, stranger)),
        (Kind.NOT_FOUND, ("POST", f"{unknown}/shares", proof, JSON, one)),
        (Kind.NOT_FOUND, ("GET", f"{poll}/decryptions", b"", None, stranger)),
        (Kind.SIGNATURE, ("GET", f"{poll}/decryptions", b"", None, zoe)),
        (Kind.NOT_FOUND, ("GET", f"{poll}/agreements", b"", None, stranger)),
        (Kind.SIGNATURE, ("GET", f"{poll}/agreements", b"", None, zoe)),
        (Kind.SIGNATURE, ("GET", f"{poll}/agreements")),
        (Kind.POLL_NOT_CLOSED, ("GET", f"{poll}/agreements", b"", None, one)),
        (Kind.NOT_FOUND, ("GET", f"{poll}/result", b"", None, elsewhere)),
        (Kind.SIGNATURE, ("GET", f"{poll}/result", b"", None, one)),
        (Kind.SIGNATURE, ("POST", f"{group}/boards", b"{}", JSON, elsewhere)),
        (Kind.SIGNATURE, ("POST", f"{group}/polls", b"{}", JSON, elsewhere)),
        (Kind.MALFORMED_JSON, ("POST", f"{group}/polls", b'{"manifest":1}', JSON, zoe)),
        (Kind.MALFORMED_JSON, ("POST", f"{group}/boards", b'{"name":"' + b"x" * 121 + b'"}', JSON, zoe)),
        (Kind.TOO_LARGE, ("POST", f"{group}/polls", bytes(shapes.MAX_CREATE_JSON + 1), JSON, zoe)),
        (Kind.SIGNATURE, ("POST", f"/v1/boards/{s.board}/messages", b"{}", JSON, zoe)),
        (Kind.SIGNATURE, ("POST", f"/v1/boards/{s.board}/messages", b"{}", JSON, stranger)),
    ]
    return found


async def state(s: Scene) -> dict[str, dict[bytes, bytes]]:
    """All rows but marks of spent signatures."""
    rows = await s.world.everything(s.poll.group, s.other.group)
    for each in (s.poll, s.other):
        for partition in (poll_partition(each.phi), board_partition(each.board)):
            kept = await s.world.rows(partition)
            rows[partition] = {k: v for k, v in kept.items() if not k.startswith(b"trustee-nonce/")}
    return rows


@pytest.mark.asyncio(loop_scope="module")
async def test_every_malformed_request_has_its_problem_and_changes_nothing(scene: Scene) -> None:
    """Over a hundred requests; the store is the same afterwards, and no answer repeats what was sent."""
    for each in (scene.poll, scene.other):
        await each.view()  # what is due by the clock is done before the rows are compared
    before, tried = await state(scene), 0
    for kind, sent in refusals(scene):
        status, problem, text = await scene.send(*sent)  # type: ignore[arg-type]
        assert (status, problem.get("type")) == (kind.status, kind.type), sent[:2]
        assert CANARY not in text
        tried += 1
    assert tried > 100
    assert await state(scene) == before
