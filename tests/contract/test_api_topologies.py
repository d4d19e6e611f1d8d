"""The real server over Redis under a Sentinel and over a Redis cluster: a report goes in, and comes out the same."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from crypto.entropy import system
from service.cases.receipts import envelope_digest
from service.storage.addresses import open_store
from service.wire import calls, shapes
from service.wire.client import Client
from service.wire.failures import Declined
from service.wire.problems import Kind
from tests.support import inprocess
from tests.support.groups import Group, admitted, server_key
from tests.support.redis_topologies import redis_cluster, redis_sentinel
from tests.support.server import RunningServer, running_server

T = TypeVar("T")

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module", params=["sentinel", "cluster"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    if request.param == "sentinel":
        with (
            redis_sentinel(folder / "redis") as sentinel,
            running_server(
                folder / "server", redis_url=sentinel.url, settings={"redis_replicas": 1}
            ) as running,
        ):
            yield running
        return
    with (
        redis_cluster(folder / "redis") as cluster,
        running_server(folder / "server", redis_url=cluster.url) as running,
    ):
        yield running


def test_a_report_is_filed_and_fetched(server: RunningServer) -> None:
    """The envelope that is fetched is the one that was filed, byte for byte, and its token is spent."""
    group = Group.draw()
    envelope = group.seal()
    with Client(server.base) as client:
        group.found(client)
        key, token = server_key(client), admitted(client, group.id)
        client.do(calls.submit(group.id, envelope, key, admission=token))
        (entry,) = client.do(calls.feed(group.signer("Ada"))).entries
        report = bytes.fromhex(entry.report)
        assert client.do(calls.fetch_report(group.signer("Bo"), group.id, report)) == envelope
        with pytest.raises(Declined) as declined:
            client.do(calls.submit(group.id, group.seal(b"another"), key, admission=token))
        assert declined.value.kind is Kind.ADMISSION_SPENT


def test_many_groups_each_keep_their_own_report(server: RunningServer) -> None:
    """Eight groups, each a partition: a feed holds just its group's report, and fetching gives its bytes."""
    groups = [Group.draw() for _ in range(8)]
    sealed = {group.id: group.seal(group.id) for group in groups}
    with Client(server.base) as client:
        key = server_key(client)
        for group in groups:
            group.found(client)
            token = admitted(client, group.id)
            client.do(calls.submit(group.id, sealed[group.id], key, admission=token))
        for group in groups:
            (entry,) = client.do(calls.feed(group.signer("Ada"))).entries
            fetched = calls.fetch_report(group.signer("Bo"), group.id, bytes.fromhex(entry.report))
            assert client.do(fetched) == sealed[group.id]


async def test_no_receipt_is_given_for_what_no_replica_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report that only the master has stays refused when it is sent again, and so does a letter; then both go in."""
    monkeypatch.setattr(inprocess, "open_store", functools.partial(open_store, replicas=1))
    with redis_sentinel(tmp_path / "redis") as setup:
        folder = tmp_path / "server"
        async with inprocess.in_process(folder, url=f"redis://{setup.master.address}") as world:
            group = Group.draw()
            await world.found(group)
            setup.replicas[0].kill9()
            envelope, address = group.seal(b"someone is in danger"), system(32)
            submit = calls.submit(group.id, envelope, world.server_key, admission=await world.token(group))
            letter = shapes.PostLetter(system(16).hex(), address.hex(), bytes(shapes.LETTER_SIZE))
            for _ in range(2):
                for again in (submit, calls.batch(group.signer("Ada"), [letter])):
                    with pytest.raises(Declined) as declined:
                        await world.client.do(again)
                    assert declined.value.kind is Kind.UNAVAILABLE
            setup.replicas[0].start()
            receipt = await patient(world, submit)
            assert receipt.envelope == envelope_digest(envelope)
            answer = await world.client.do(calls.batch(group.signer("Ada"), [letter]))
            assert [each.outcome for each in answer.outcomes] == ["done"]


async def patient(world: inprocess.World, call: calls.Call[T]) -> T:
    """Repeat a call until the replica is in step again."""
    for _ in range(50):
        try:
            return await world.client.do(call)
        except Declined as declined:
            if declined.kind is not Kind.UNAVAILABLE:
                raise
        await asyncio.sleep(0.2)
    raise AssertionError("the replica never came back")
