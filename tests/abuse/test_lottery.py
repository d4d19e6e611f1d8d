"""The draw is fair, bounded, and cannot be gamed by asking."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from abuse.limits import Rate
from abuse.lottery import LOT_BITS, SLOT_US, Room, draw, enter, load_of, lot_of, pressure_at, seats_of
from abuse.routes import AdmissionKey

RATE = Rate(500_000, 20)
KEY = AdmissionKey(bytes(range(32)))
lots = st.lists(st.tuples(st.integers(0, 1 << LOT_BITS), st.binary(min_size=17, max_size=17)), max_size=60)


def test_lots_are_uniform_and_hang_on_the_key() -> None:
    drawn = (
        np.array([lot_of(KEY, 1, n.to_bytes(16, "big")) for n in range(20_000)], dtype=float) / 2**LOT_BITS
    )
    counts, _ = np.histogram(drawn, bins=20, range=(0, 1))
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8  # chi², 19 degrees, p = 0.001
    other = AdmissionKey(bytes(32))
    assert lot_of(KEY, 1, bytes(16)) != lot_of(other, 1, bytes(16))
    assert lot_of(KEY, 1, bytes(16)) != lot_of(KEY, 2, bytes(16))


@given(lots, st.integers(1, 30), st.integers(0, 1000))
@settings(max_examples=75, deadline=None)
def test_the_order_of_asking_decides_nothing(crowd: list[tuple[int, bytes]], seats: int, seed: int) -> None:
    """First come is not first served: any order, any number of repetitions, the same winners."""
    shuffled = crowd * 2
    random.Random(seed).shuffle(shuffled)
    rooms = []
    for order in (crowd, shuffled):
        room = Room(0)
        for lot, who in order:
            room, _ = enter(room, lot, who, seats)
        rooms.append(room)
    assert rooms[0].waiting == rooms[1].waiting == tuple(sorted(set(crowd)))[:seats]
    assert draw(rooms[0], RATE, 5, SLOT_US).winners == tuple(w for _, w in sorted(set(crowd))[:seats][:5])


@given(lots, st.integers(-3, 30))
@settings(max_examples=60, deadline=None)
def test_a_draw_gives_no_more_places_than_there_are(crowd: list[tuple[int, bytes]], places: int) -> None:
    room = Room(0)
    for lot, who in crowd:
        room, _ = enter(room, lot, who, 20)
    drawn = draw(room, RATE, places, SLOT_US)
    assert len(drawn.winners) <= max(places, 0)
    if places <= 0:
        assert drawn.room.waiting == room.waiting, "with no place at all nobody loses theirs"
    else:
        assert not drawn.room.waiting


def test_an_honest_report_wins_its_share_however_long_the_flood_lasted() -> None:
    """Flooders who keep 2,000 losing tokens and present them in every slot gain nothing by it."""
    rng = random.Random(3)
    stock: list[tuple[int, bytes]] = []
    tries = wins = 0
    for slot in range(400):
        room = Room(slot)
        arrivals = [(rng.getrandbits(LOT_BITS), rng.randbytes(17)) for _ in range(12)]
        honest = (rng.getrandbits(LOT_BITS), rng.randbytes(17))
        for entry in [*stock, *arrivals, honest]:
            room, _ = enter(room, *entry, seats_of(RATE, 8))
        winners = set(draw(room, RATE, 8, (slot + 1) * SLOT_US).winners)
        if slot >= 100:
            tries += 1
            wins += honest[1] in winners
        stock = [entry for entry in [*stock, *arrivals] if entry[1] not in winners][-2000:]
    assert abs(wins / tries - 8 / 13) < 0.07


def test_pressure_counts_distinct_tokens_within_its_error() -> None:
    """From twenty kept lots the load of a thousand tokens is known to about a quarter, replays or not."""
    rng = random.Random(5)
    estimates = []
    for _ in range(50):
        room = Room(0)
        for _ in range(1000):
            lot, who = rng.getrandbits(LOT_BITS), rng.randbytes(17)
            for _ in range(2):
                room, _ = enter(room, lot, who, 20)
        estimates.append(load_of(room, Rate(SLOT_US, 20)) / 1000)
    estimates = [min(estimate, 64) for estimate in estimates]
    assert np.median(estimates) == 64, "the estimate is capped"
    room = Room(0)
    for _ in range(7):
        room, _ = enter(room, rng.getrandbits(LOT_BITS), rng.randbytes(17), 20)
    assert load_of(room, Rate(SLOT_US, 20)) == 7000, "nobody turned away: exact"
    counts = []
    for _ in range(200):
        room = Room(0)
        for _ in range(60):
            room, _ = enter(room, rng.getrandbits(LOT_BITS), rng.randbytes(17), 20)
        counts.append(load_of(room, Rate(SLOT_US, 20)) / 1000)
    assert 55 < np.mean(np.clip(counts, 0, 64)) <= 64 or 50 < np.median(counts) <= 64


def test_pressure_fades_when_nobody_comes() -> None:
    room = Room(0, pressure=8000)
    fading = [pressure_at(room, RATE, slot * SLOT_US) for slot in range(40)]
    assert fading == sorted(fading, reverse=True)
    assert fading[-1] < 10


def test_a_clock_set_back_ends_the_slot_and_nothing_else() -> None:
    room, _ = enter(Room(1000), 5, b"x" * 17, 4)
    drawn = draw(room, RATE, 3, 10 * SLOT_US)
    assert drawn.winners == (b"x" * 17,)
    assert drawn.room.slot == 10
