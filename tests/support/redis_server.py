"""Real Redis servers for tests; several that belong together are in redis_topologies.py.

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

    def configure(self, **settings: str) -> None:
        """Change settings while it runs: underscores in their names stand for hyphens."""
        with self.client() as client:
            for name, value in settings.items():
                client.config_set(name.replace("_", "-"), value)

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
