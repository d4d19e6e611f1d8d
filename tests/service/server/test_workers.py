"""Several workers over one Redis: one that ends or starts while Redis is away does not end the server."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import httpx
import pytest

from service.wire.client import Client
from service.wire.failures import Declined
from service.wire.problems import Kind
from tests.support.groups import Group
from tests.support.redis_server import redis_server, wait_until
from tests.support.server import NO_TLS, RunningServer, running_server

pytestmark = [pytest.mark.redis, pytest.mark.slow]


def up(server: RunningServer) -> bool:
    """Say whether it answers."""
    try:
        return (
            httpx.get(f"{server.base}/v1/server", timeout=2, verify=NO_TLS, trust_env=False).status_code
            == 200
        )
    except httpx.HTTPError:
        return False


def test_a_worker_that_starts_while_redis_is_away_waits_for_it(tmp_path: Path) -> None:
    """One worker is killed, and Redis: the one in its place waits. Granian ends all when a worker fails twice."""
    with (
        redis_server(tmp_path / "redis") as redis,
        running_server(tmp_path / "server", redis_url=redis.url, settings={"workers": 2}) as server,
    ):
        wait_until(lambda: len(server.pids) >= 3, what="two workers")
        before = set(server.pids)
        redis.kill9()
        os.kill(max(before), signal.SIGKILL)
        wait_until(lambda: "waiting-at-start-up StoreUnavailable" in server.log, what="the new worker waits")
        time.sleep(8)  # longer than two starts and what Granian takes for a loop of crashes
        assert server.process is not None
        assert server.process.poll() is None, server.log
        redis.start()
        os.kill(
            min(set(server.pids) & before - {server.process.pid}), signal.SIGKILL
        )  # so the waiting one answers
        wait_until(lambda: up(server), what="the server answers")
        assert len(set(server.pids) - before) >= 1
        assert server.stop() == 0


def test_the_log_says_what_the_store_lacks(tmp_path: Path) -> None:
    """In the words that the start has for it: whoever looks there can't read the source. Its password isn't said."""
    with (
        redis_server(tmp_path / "redis", {"requirepass": "hunter2"}) as redis,
        running_server(tmp_path / "server", redis_url=redis.url) as server,
        Client(server.base) as client,
    ):
        group = Group.draw()
        group.found(client)
        redis.configure(appendfsync="everysec")
        with pytest.raises(Declined) as refused:
            group.file(client)
        assert refused.value.kind is Kind.UNAVAILABLE
        wait_until(lambda: "store-unavailable" in server.log, what="a line of the log")
        line = next(line for line in server.log.splitlines() if "store-unavailable" in line)
        assert "Set `appendfsync always` in redis.conf" in line
        assert "hunter2" not in server.log
        redis.configure(appendfsync="always")
        group.file(client)
