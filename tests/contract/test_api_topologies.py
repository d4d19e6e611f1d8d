"""The real server over Redis under a Sentinel and over a Redis cluster: a report goes in, and comes out the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.wire import calls
from service.wire.client import Client, Declined
from service.wire.problems import Kind
from tests.support.groups import Group, admitted, server_key
from tests.support.redis_server import redis_cluster, redis_sentinel
from tests.support.server import RunningServer, running_server

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
