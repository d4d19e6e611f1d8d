"""Real Redis servers for tests: single, replicated under a Sentinel, and a three-node cluster.

Each server listens on a free loopback port and lives in a folder of its own, so that it can be stopped,
killed without warning, started again over the same files, and its files searched. Nothing is imitated; where
`redis-server` is not installed the tests fail and say how to install it, they are never skipped.

    with redis_server(tmp_path) as server:
        store = await open_store(server.url)
        server.kill9()
        server.start()
"""

from __future__ import annotations

import atexit
import contextlib
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import redis

INSTALL_HINT = (
    "redis-server is not installed, and these tests run against a real one. "
    "Debian, Ubuntu: apt-get install redis-server. Fedora: dnf install redis. macOS: brew install redis."
)

DURABLE: Mapping[str, str] = {
    "appendonly": "yes",
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
    "save": "",
    "rdbcompression": "no",  # as compose.yaml; and a search of the files finds what is there
}

_STARTS_WITHIN_S = 20.0
_running: set[subprocess.Popen[bytes]] = set()


class RedisNotInstalled(RuntimeError):
    """There is no redis-server on this machine."""


class RedisDidNotStart(RuntimeError):
    """A server ended, or did not answer in time; the message holds the end of its log."""


@atexit.register
def _kill_leftovers() -> None:
    for process in list(_running):
        process.kill()


def free_port() -> int:
    """A loopback TCP port nobody listens on at this moment.

    Below those that systems give to outgoing connections (from 32,768 on): one of these could take it first.
    """
    while True:
        port = secrets.choice(range(20_000, 32_000))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(
    holds: Callable[[], bool], within_s: float = _STARTS_WITHIN_S, what: str = "condition"
) -> None:
    """Return as soon as `holds()` is true; TimeoutError naming `what` otherwise."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within_s} s")
        time.sleep(0.02)


class RedisServer:
    """One redis-server process over one folder; `start` after `kill9` or `stop` reads the same files."""

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, str] | None = None,
        *,
        port: int | None = None,
        sentinel: bool = False,
        directives: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.config = dict(config or {}) if sentinel else {**DURABLE, **(config or {})}
        self._sentinel = sentinel
        self._directives = directives
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "server.log"
        self._log_from = 0
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def address(self) -> str:
        """`127.0.0.1:port`."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The address as a URL, with the password if one is configured."""
        password = self.config.get("requirepass")
        return f"redis://:{password}@{self.address}" if password else f"redis://{self.address}"

    @property
    def pid(self) -> int:
        """Of the running process."""
        if self._process is None:
            raise RedisDidNotStart("not running")
        return self._process.pid

    @property
    def files(self) -> list[Path]:
        """Every file the server keeps its data in: append-only files, manifest and dump."""
        return [p for p in self.folder.rglob("*") if p.is_file() and p.suffix not in {".conf", ".log"}]

    def client(self) -> redis.Redis:
        """A plain blocking client, to look at and change the server behind the tested code's back."""
        return redis.Redis(
            host="127.0.0.1", port=self.port, password=self.config.get("requirepass"), socket_timeout=20
        )

    def start(self) -> None:
        """Start, and return when commands are answered (the append-only file is loaded)."""
        program = shutil.which("redis-server")
        if program is None:
            raise RedisNotInstalled(INSTALL_HINT)
        if self._process is not None:
            raise RedisDidNotStart("already running")
        conf = self.folder / "server.conf"
        if not (self._sentinel and conf.exists()):  # a Sentinel keeps its state in its configuration file
            lines = [
                "bind 127.0.0.1",
                f"port {self.port}",
                f'dir "{self.folder}"',
                'logfile "server.log"',
                "daemonize no",
                *(f'{name} "{value}"' for name, value in self.config.items()),
                *self._directives,
            ]
            conf.write_text("\n".join(lines) + "\n")
        self._log_from = self._log.stat().st_size if self._log.exists() else 0
        self._process = subprocess.Popen(
            [program, str(conf), *(["--sentinel"] if self._sentinel else [])],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _running.add(self._process)
        try:
            wait_until(self._answers, what="redis-server answers")
        except TimeoutError as late:
            self.kill9()
            raise RedisDidNotStart(self._log_tail()) from late

    def stop(self) -> None:
        """Stop in good order (SIGTERM)."""
        self._end(kill=False)

    def kill9(self) -> None:
        """Kill without warning (SIGKILL), as a crash would. Does nothing if it is not running."""
        self._end(kill=True)

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill() if kill else process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)
        _running.discard(process)

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RedisDidNotStart(self._log_tail())
        # Its own word first: the port may have been taken, and another's Redis answer there.
        said = self._log.read_bytes()[self._log_from :] if self._log.exists() else b""
        if (b"Sentinel ID" if self._sentinel else b"Ready to accept connections") not in said:
            return False
        try:
            # By hand: a client library leaves its socket open when the server goes away at the wrong moment.
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))  # and not -LOADING
        except OSError:
            return False

    def _log_tail(self) -> str:
        return (
            self._log.read_text(errors="replace")[-2000:]
            if self._log.exists()
            else "redis-server left no log"
        )


@contextlib.contextmanager
def redis_server(folder: Path, config: Mapping[str, str] | None = None) -> Iterator[RedisServer]:
    """A running server with `config` over DURABLE; killed at the end if it still runs.

    config: redis.conf directives, for example {"appendonly": "no"} or {"requirepass": "…"}.
    """
    server = RedisServer(folder, config)
    # Another process may take the free port between our look and the bind.
    for attempts_left in (2, 1, 0):
        try:
            server.start()
            break
        except RedisDidNotStart:
            if not attempts_left:
                raise
            server.kill9()
            server.port = free_port()
    try:
        yield server
    finally:
        server.kill9()


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
