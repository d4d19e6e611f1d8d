"""The real server for tests: `sottovoce serve` in a process of its own, on a free port, over SQLite or a real Redis.

    with running_server(tmp_path) as server:                      # SQLite
        with Client(server.base) as client: ...
        server.kill9(); server.start()                            # over the same data

    with running_server(tmp_path, redis_url=redis.url) as server: # tests.support.redis_server

Limits are wide and puzzles easy, batches are released at once, anyone may found a group; pass `settings` to change any
of that. `server.log` holds all it wrote.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.redis_server import free_port

STARTS_WITHIN_S = 40.0
ROOT = Path(__file__).resolve().parents[2]
ADMISSION: Mapping[str, int] = {
    "reports_per_hour": 30_000_000,
    "reports_burst": 4_096,
    "group_reports_per_hour": 20_000_000,
    "group_reports_burst": 3_000,
    "group_bulk_per_hour": 10_000_000,
    "group_bulk_burst": 1_000,
    "mailbox_opens_per_hour": 36_000_000,
    "mailbox_opens_burst": 4_096,
    "handler_letters_per_hour": 36_000_000,
    "handler_letters_burst": 4_096,
    "handler_entries_per_hour": 36_000_000,
    "handler_entries_burst": 4_096,
    "casts_per_hour": 36_000_000,
    "casts_burst": 4_096,
    "report_work": 4,
    "mailbox_work": 4,
    "cast_work": 4,
    "report_wait_s": 0,
    "mailbox_wait_s": 0,
    "cast_wait_s": 0,
}
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody: reading whom to trust takes 0.1 s
_running: set[subprocess.Popen[bytes]] = set()


class ServerDidNotStart(RuntimeError):
    """The process ended or did not answer in time; the message holds its log."""


@atexit.register
def _kill_leftovers() -> None:
    for process in list(_running):
        _signal(process, signal.SIGKILL)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)  # the session we started: Granian and its workers


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                yield from _family(int(child))


def ending(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `sottovoce serve` where it is expected to end by itself. Not in this process: it starts itself again."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "service.cli", "serve", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def toml_of(settings: Mapping[str, object]) -> str:
    """Write a settings file: plain values first, then tables."""

    def value(it: object) -> str:
        if isinstance(it, bool):
            return "true" if it else "false"
        if isinstance(it, (list, tuple)):
            return "[" + ", ".join(value(piece) for piece in it) + "]"
        return (
            str(it) if isinstance(it, int) else '"' + str(it).replace("\\", "\\\\").replace('"', '\\"') + '"'
        )

    plain = [f"{name} = {value(it)}" for name, it in settings.items() if not isinstance(it, Mapping)]
    tables = [
        "\n".join([f"[{name}]", *(f"{key} = {value(inner)}" for key, inner in it.items())])
        for name, it in settings.items()
        if isinstance(it, Mapping)
    ]
    return "\n".join([*plain, *tables]) + "\n"


class RunningServer:
    """One server, which can be stopped, killed and started again over the same data."""

    def __init__(self, folder: Path, settings: Mapping[str, object], environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.log_file = folder / "server.log"
        self.config = folder / "server.toml"
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        folder.mkdir(parents=True, exist_ok=True)
        values = {
            "data": str(self.data),
            "port": self.port,
            "open_groups": True,
            "batch_seconds": 0,
            "admission": ADMISSION,
            **settings,
        }
        self.config.write_text(toml_of(values), encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None
        self.program: tuple[str, ...] = ("service.cli", "serve", "--config", str(self.config))

    @property
    def log(self) -> str:
        """All it wrote so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace") if self.log_file.exists() else ""

    @property
    def pids(self) -> list[int]:
        """Process ids of the server, its workers, and theirs."""
        return [] if self.process is None else list(_family(self.process.pid))

    def begin(self) -> subprocess.Popen[bytes]:
        """Start its process, and wait for nothing."""
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", *self.program],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment,
                start_new_session=True,
            )
        _running.add(self.process)
        return self.process

    def start(self) -> None:
        """Start it and wait until it answers."""
        process = self.begin()
        until = time.monotonic() + STARTS_WITHIN_S
        with httpx.Client(base_url=self.base, timeout=2, trust_env=False, verify=NO_TLS) as client:
            while time.monotonic() < until:
                if process.poll() is not None:
                    raise ServerDidNotStart(self.log[-4_000:])
                try:
                    if client.get("/v1/server").status_code == 200:
                        return
                except httpx.HTTPError:
                    time.sleep(0.05)
        self.kill9()
        raise ServerDidNotStart(self.log[-4_000:])

    def stop(self) -> int:
        """End it gracefully (SIGTERM) and give its exit code."""
        return self._end(signal.SIGTERM)

    def kill9(self) -> int:
        """End it and its workers without warning."""
        return self._end(signal.SIGKILL)

    def _end(self, number: int) -> int:
        process = self.process
        if process is None:
            return 0
        if number == signal.SIGTERM:
            process.terminate()
        else:
            _signal(process, number)
        try:
            code = process.wait(30)
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)
            code = process.wait(10)
        _signal(process, signal.SIGKILL)  # workers that outlived their parent
        _running.discard(process)
        self.process = None
        return code


@contextmanager
def running_server(
    folder: Path,
    *,
    redis_url: str | None = None,
    settings: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[RunningServer]:
    """Start a server with its data in `folder`, and end it afterwards. redis_url: use that Redis for a store."""
    extra: dict[str, object] = dict(settings or {})
    variables = dict(environment or {})
    if redis_url is not None:
        extra["store"] = "redis"
        variables["SOTTOVOCE_REDIS_URL"] = redis_url
    server = RunningServer(folder, extra, variables)
    server.start()
    try:
        yield server
    finally:
        server.stop()
