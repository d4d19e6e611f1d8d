"""Real Redis servers that belong together, for tests: a master with replicas under a Sentinel, and a cluster.

Each is a tests.support.redis_server. A setup of which a port was taken meanwhile is started again on others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import redis

from tests.support.redis_server import RedisDidNotStart, RedisServer, free_port, wait_until


class Setup(Protocol):
    """Several servers that belong together."""

    def start(self) -> None:
        """Start them all, and return when they are ready."""

    def kill9(self) -> None:
        """Kill those that run."""


S = TypeVar("S", bound=Setup)


def _started(make: Callable[[Path], S], folder: Path) -> S:
    """Start a setup; another on other ports, where one was taken between our look and the bind."""
    for attempt in range(3):
        setup = make(folder / f"again{attempt}" if attempt else folder)
        try:
            setup.start()
        except RedisDidNotStart:
            setup.kill9()
            if attempt == 2:
                raise
        except BaseException:
            setup.kill9()
            raise
        else:
            return setup
    raise AssertionError("the last attempt raises or returns")


class SentinelSetup:
    """A master, `replicas` replicas, and one Sentinel that watches them as service `sottovoce`.

    down_after_ms: how long a silent master is waited for. Where no failover is wanted it is long, since a busy machine
    keeps a master silent for seconds.
    """

    SERVICE = "sottovoce"

    def __init__(self, folder: Path, replicas: int = 1, down_after_ms: int = 60_000) -> None:
        self.master = RedisServer(folder / "master")
        self.replicas = [
            RedisServer(folder / f"replica{n}", directives=(f"replicaof 127.0.0.1 {self.master.port}",))
            for n in range(replicas)
        ]
        for server in (self.master, *self.replicas):
            server.config["repl-diskless-sync-delay"] = "0"
        self.sentinel = RedisServer(
            folder / "sentinel",
            sentinel=True,
            directives=(
                f"sentinel monitor {self.SERVICE} 127.0.0.1 {self.master.port} 1",
                f"sentinel down-after-milliseconds {self.SERVICE} {down_after_ms}",
                f"sentinel failover-timeout {self.SERVICE} 5000",
            ),
        )

    @property
    def url(self) -> str:
        """`redis+sentinel://host:port/service`."""
        return f"redis+sentinel://{self.sentinel.address}/{self.SERVICE}"

    def start(self) -> None:
        """Return when every replica is in step with the master and the Sentinel knows them all."""
        for server in (self.master, *self.replicas, self.sentinel):
            server.start()
        with self.master.client() as client, self.sentinel.client() as sentinel:
            wait_until(lambda: self._in_step(client), what="replicas in step")
            wait_until(
                lambda: len(sentinel.sentinel_slaves(self.SERVICE)) == len(self.replicas),
                what="Sentinel knows the replicas",
            )

    def _in_step(self, client: redis.Redis) -> bool:
        """Whether a write reaches every replica; "online" comes up to a second before that."""
        client.set("in step", "", px=1)
        return int(client.wait(len(self.replicas), 100)) == len(self.replicas)

    def kill9(self) -> None:
        """Kill all of it."""
        for server in (self.sentinel, *self.replicas, self.master):
            server.kill9()


@contextlib.contextmanager
def redis_sentinel(folder: Path, replicas: int = 1, down_after_ms: int = 60_000) -> Iterator[SentinelSetup]:
    """A running master with replicas under a Sentinel; killed at the end. See SentinelSetup."""
    setup = _started(lambda place: SentinelSetup(place, replicas, down_after_ms), folder)
    try:
        yield setup
    finally:
        setup.kill9()


class ClusterSetup:
    """A cluster of `masters` nodes without replicas, all 16,384 slots served."""

    def __init__(self, folder: Path, masters: int = 3, config: Mapping[str, str] | None = None) -> None:
        self.nodes = [
            RedisServer(
                folder / f"node{n}",
                {
                    "cluster-enabled": "yes",
                    "cluster-port": str(free_port()),  # the default, port + 10,000, may not exist
                    "cluster-node-timeout": "30000",  # a busy machine keeps a node silent for seconds
                    "cluster-allow-replica-migration": "no",
                    **(config or {}),
                },
            )
            for n in range(masters)
        ]

    @property
    def url(self) -> str:
        """`redis+cluster://host:port` of the first node."""
        return f"redis+cluster://{self.nodes[0].address}"

    def start(self) -> None:
        """Return when every node says that the cluster is complete."""
        for node in self.nodes:
            node.start()
        share = -(-16384 // len(self.nodes))
        for n, node in enumerate(self.nodes):
            with node.client() as client:
                first, last = n * share, min((n + 1) * share, 16384) - 1
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
        with self.nodes[0].client() as client:
            for node in self.nodes[1:]:
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, node.config["cluster-port"])
        wait_until(lambda: all(self._complete(node) for node in self.nodes), what="cluster is complete")

    def _complete(self, node: RedisServer) -> bool:
        with node.client() as client:
            info = client.execute_command("CLUSTER", "INFO")
            text = (
                info
                if isinstance(info, dict)
                else dict(line.split(":", 1) for line in info.decode().split("\r\n") if ":" in line)
            )
            return text["cluster_state"] == "ok" and int(text["cluster_known_nodes"]) == len(self.nodes)

    def kill9(self) -> None:
        """Kill every node."""
        for node in self.nodes:
            node.kill9()


@contextlib.contextmanager
def redis_cluster(
    folder: Path, masters: int = 3, config: Mapping[str, str] | None = None
) -> Iterator[ClusterSetup]:
    """A running cluster; killed at the end."""
    setup = _started(lambda place: ClusterSetup(place, masters, config), folder)
    try:
        yield setup
    finally:
        setup.kill9()
