"""Requests that are held until they may come in: their number, their bytes and their patience are bounded."""

from __future__ import annotations

import asyncio

from abuse.admission import Why
from abuse.routes import Lane, Route
from service.server.admission import HELD_AT_ONCE, Admitted
from tests.support.doors import GROUP, SMALL, Door, why


async def test_a_page_without_scripts_is_held_and_let_in() -> None:
    """The server waits for the reader: an unripe ticket ripens, a lost draw is followed by another."""
    door = Door(SMALL, held=2)
    ticket = (await door.challenge()).ticket
    assert await door.admission.admit_patiently(GROUP, Route.REPORTS, ticket) == Admitted(Lane.SLOW)
    assert sum(door.slept) <= 50


async def test_held_requests_are_bounded() -> None:
    """With no seat left the decision comes at once, so that a flood of held connections holds nothing."""
    door = Door(SMALL, held=0)
    ticket = (await door.challenge()).ticket
    decision = await door.admission.admit_patiently(GROUP, Route.REPORTS, ticket)
    assert why(decision) is Why.EARLY
    assert not door.slept
    door = Door(SMALL, held=1)
    asleep, wake = asyncio.Event(), asyncio.Event()

    async def doze(seconds: float) -> None:
        asleep.set()
        await wake.wait()
        door.clock.pass_s(seconds)

    door.admission._sleep = doze
    tickets = [(await door.challenge()).ticket for _ in range(5)]
    first = asyncio.create_task(door.admission.admit_patiently(GROUP, Route.REPORTS, tickets[0]))
    await asleep.wait()
    for other in tickets[1:]:
        assert why(await door.admission.admit_patiently(GROUP, Route.REPORTS, other)) is Why.EARLY
    wake.set()
    assert await first == Admitted(Lane.SLOW)


async def test_held_bytes_are_bounded() -> None:
    """Large forms that wait are held up to a number of bytes together; one more is decided at once."""
    door = Door(SMALL, held=64)
    asleep, wake = asyncio.Event(), asyncio.Event()

    async def doze(seconds: float) -> None:
        asleep.set()
        await wake.wait()
        door.clock.pass_s(seconds)

    door.admission._sleep = doze
    first, second = [(await door.challenge()).ticket for _ in range(2)]
    held = door.admission.admit_patiently(GROUP, Route.REPORTS, first, size=HELD_AT_ONCE - 1_000)
    waiting = asyncio.create_task(held)
    await asleep.wait()
    more = await door.admission.admit_patiently(GROUP, Route.REPORTS, second, size=1_001)
    assert why(more) is Why.EARLY
    wake.set()
    assert await waiting == Admitted(Lane.SLOW)


async def test_impatience_ends() -> None:
    door = Door(SMALL, held=1)
    ticket = (await door.challenge()).ticket
    decision = await door.admission.admit_patiently(GROUP, Route.REPORTS, ticket, patience_s=3)
    assert why(decision) is Why.EARLY
