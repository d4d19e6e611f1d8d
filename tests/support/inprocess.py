"""The application in this process, over a real SQLite file, with a clock that the test moves.

async with in_process(tmp_path) as world:
    await world.found(group)
    await world.client.do(calls.feed(group.signer("Ada")))
    world.clock.forward(900)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import httpx
import msgspec
import pytest

from crypto.codes import Claim
from crypto.entropy import system
from crypto.envelope import parse_envelope
from crypto.opening import open_report
from crypto.signatures import VerifyKey
from service.cases.receipts import Receipt
from service.cases.reports import Unsealed
from service.server import housekeeping
from service.server.admission import Admission
from service.server.app import create_app
from service.server.deps import Deps
from service.server.gate import Gate, limits_of
from service.server.keys import load_or_make
from service.server.settings import AdmissionSettings, Settings
from service.storage.addresses import open_store
from service.storage.limiter import InProcessLimiter, steady_clock
from service.storage.protocol import Store
from service.wire import calls
from service.wire.calls import Call
from service.wire.client import AsyncClient
from service.wire.failures import Declined
from service.wire.problems import Kind
from service.wire.puzzles import solve
from tests.support.communities import Community
from tests.support.groups import Group, Member
from tests.support.server import ADMISSION
from tests.support.timed_service import Timed


class Clock:
    """Seconds since 1970 that only the test moves."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


class Patience:
    """The time of admission: the machine's own, in which what a page waits for is there at once."""

    def __init__(self) -> None:
        self._steady = steady_clock()
        self._waited_us = 0

    def __call__(self) -> int:
        """Give microseconds, for the limiter."""
        return self._steady() + self._waited_us

    async def wait(self, seconds: float) -> None:
        """Let others go on, then be there."""
        until = self() + round(seconds * 1_000_000)
        await asyncio.sleep(0)
        self._waited_us += max(0, until - self())


@dataclass
class World:
    """The application's parts and a client of it."""

    deps: Deps
    clock: Clock
    client: AsyncClient
    http: httpx.AsyncClient

    async def found(self, group: Group) -> None:
        """Send all statements that the server doesn't have yet."""
        await group.found_async(self.client)

    async def declined(self, call: Call[Any]) -> Kind | None:
        """Send what the server is to decline; give its reason."""
        with pytest.raises(Declined) as raised:
            await self.client.do(call)
        return raised.value.kind

    async def know(self, community: Community) -> None:
        """Let the server know a registry of members."""
        await community.publish(self.client)

    async def keep_house(self) -> None:
        """Do what the server does by itself every minute."""
        await housekeeping.once(self.deps)

    async def token(self, group: Group) -> str:
        """Get a token for a report or a burn."""
        return solve(await self.client.do(calls.challenge(group.id, "reports")))

    @property
    def server_key(self) -> VerifyKey:
        return self.deps.keys.receipts.verify_key()

    async def submit(self, group: Group, envelope: bytes, *, urgent: bool = False) -> Receipt:
        """File an envelope."""
        token = await self.token(group)
        call = calls.submit(group.id, envelope, self.server_key, admission=token, urgent=urgent)
        return await self.client.do(call)

    async def file(
        self, group: Group, plaintext: bytes = b"what happened", handlers: Sequence[Member] | None = None
    ) -> Receipt:
        """Seal and file a report."""
        return await self.submit(group, group.seal(plaintext, handlers))

    async def fetched(self, group: Group, name: str, report: str) -> bytes:
        """Fetch one envelope as a handler, by the report's id in hex."""
        return await self.client.do(calls.fetch_report(group.signer(name), group.id, bytes.fromhex(report)))

    async def opened(self, group: Group, name: str = "Ada") -> list[Unsealed]:
        """Open everything that a handler can read, in the feed's order."""
        found = []
        for entry in (await self.client.do(calls.feed(group.signer(name)))).entries:
            envelope = parse_envelope(await self.fetched(group, name, entry.report))
            found.append(Unsealed.from_bytes(open_report(envelope, group.member(name).sealing).plaintext))
        return found

    async def slots(self, claim: Claim, page: int = 0) -> tuple[bytes, ...]:
        """Open a mailbox."""
        token = solve(await self.client.do(calls.challenge(bytes(16), "mailbox")))
        return await self.client.do(calls.open_mailbox(claim, page, admission=token))

    async def burn(self, group: Group, claim: Claim, seen: int, envelope: bytes) -> Receipt | None:
        """Burn a mailbox with a follow-up."""
        token = await self.token(group)
        return await self.client.do(
            calls.burn_mailbox(claim, seen, envelope, group.id, self.server_key, admission=token)
        )

    async def rows(self, partition: str) -> dict[bytes, bytes]:
        """Everything in a partition."""
        found: dict[bytes, bytes] = {}
        after = b""
        while page := await self.deps.store.scan(partition, b"", after, 500):
            found.update(page)
            after = page[-1][0]
        return found

    async def everything(self, *groups: Group) -> dict[str, dict[bytes, bytes]]:
        """All rows of the server, of the mailboxes and of some groups, without the nonces of signed requests."""
        partitions = ["server", "mail", *(f"g:{group.id.hex()}" for group in groups)]
        return {
            name: {k: v for k, v in (await self.rows(name)).items() if not k.startswith(b"nonce/")}
            for name in partitions
        }


class Application:
    """The real application, which serves one world after another: to put all its routes together takes 80 ms.

    All that it knows comes in as `Deps`, in whose place stands what looks them up in the world that is served now.
    Pages alone hold more, such as what belongs to one event loop: whoever showed any serves no other world.
    """

    _idle: ClassVar[list[Application]] = []

    def __init__(self) -> None:
        self.deps: Deps | None = None
        self._again = True
        self._app: Any = create_app(cast("Deps", _Served(self)))

    @classmethod
    @contextmanager
    def of(cls, deps: Deps) -> Iterator[Application]:
        """Take one to serve a world, and let it go at the end."""
        application = cls._idle.pop() if cls._idle else cls()
        application.deps = deps
        try:
            yield application
        finally:
            application.deps = None
            if application._again:
                cls._idle.append(application)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        self._again = self._again and scope["path"].startswith("/v1/")
        await self._app(scope, receive, send)


class _Served:
    def __init__(self, application: Application) -> None:
        self._application = application

    def __getattr__(self, name: str) -> Any:
        return getattr(self._application.deps, name)


@asynccontextmanager
async def in_process(
    folder: Path,
    *,
    batch_seconds: int = 0,
    open_groups: bool = True,
    url: str | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[World]:
    """Open the application's parts in `folder`. url: of another store.

    With the folder and the clock of another one: a second server of the same service.
    """
    clock = clock or Clock()
    settings = Settings(
        data=str(folder),
        batch_seconds=batch_seconds,
        open_groups=open_groups,
        admission=msgspec.convert(dict(ADMISSION), type=AdmissionSettings),
    )
    keys = load_or_make(folder, system)
    opened = await open_store(url or f"sqlite://{folder / 'store.db'}", clock=clock)
    store = cast("Store", Timed(opened, clock))
    patience = Patience()
    limiter = InProcessLimiter(patience, system)
    limits = limits_of(settings.admission)
    gate = Gate(
        Admission(
            keys.admission,
            limiter,
            limits,
            monotonic_s=lambda: patience() / 1_000_000,
            sleep=patience.wait,
        )
    )
    deps = Deps(settings, store, keys, gate, clock, system)
    try:
        with Application.of(deps) as application:
            transport = httpx.ASGITransport(app=application, raise_app_exceptions=False)
            async with (
                AsyncClient("http://localhost", clock=clock, transport=transport) as client,
                httpx.AsyncClient(transport=transport, base_url="http://localhost") as http,
            ):
                yield World(deps, clock, client, http)
    finally:
        await limiter.close()
        await store.close()
