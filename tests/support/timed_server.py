"""The real server in a process of its own, whose clock the test moves: for polls, which take weeks.

    with timed_server(tmp_path) as server:                 # SQLite, or redis_url=…
        with Client(server.base, clock=server.clock) as client: ...
        server.forward(86_400)

Everything is the product's but the clock, that of the store too: the real time and what a file says is added.
tests.support.timed_service is what runs in that process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.server import RunningServer
from tests.support.timed_service import SHIFT, shifted


class TimedServer(RunningServer):
    """A running server and its clock."""

    @property
    def shift(self) -> Path:
        """The file that says how far ahead its clock is."""
        return self.folder / "shift"

    def clock(self) -> float:
        """Its time, seconds since 1970."""
        return shifted(self.shift)()

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        ahead = float(self.shift.read_text(encoding="ascii")) + seconds
        fresh = self.shift.with_suffix(".new")
        fresh.write_text(repr(ahead), encoding="ascii")
        fresh.replace(self.shift)


@contextmanager
def timed_server(
    folder: Path,
    *,
    redis_url: str | None = None,
    settings: Mapping[str, object] | None = None,
) -> Iterator[TimedServer]:
    """Start a server with its data in `folder`, and end it afterwards."""
    extra: dict[str, object] = dict(settings or {})
    variables = {SHIFT: str(folder / "shift")}
    if redis_url is not None:
        extra["store"] = "redis"
        variables["SOTTOVOCE_REDIS_URL"] = redis_url
    server = TimedServer(folder, extra, variables)
    server.shift.write_text("0", encoding="ascii")
    server.program = ("tests.support.timed_service", str(server.config))
    server.start()
    try:
        yield server
    finally:
        server.stop()
