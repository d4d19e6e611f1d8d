"""Every store does what a model of thirty lines does, whatever the commits and sweeps."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.storage import (
    Absent,
    Append,
    Committed,
    Conflict,
    Delete,
    Insert,
    Present,
    Put,
    Replace,
    Store,
    entry_name,
)
from tests.support.engines import Engine

_NAMES = st.sampled_from([b"a", b"b", b"b/", b"c\0", b"\xff"])
_VALUES = st.sampled_from([b"", b"1", b"2"])
_EXPIRIES = st.sampled_from([None, 5, 10])
_CHANGES = st.one_of(
    st.builds(Insert, _NAMES, _VALUES, _EXPIRIES),
    st.builds(Put, _NAMES, _VALUES, _EXPIRIES),
    st.builds(Replace, _NAMES, _VALUES, _VALUES, _EXPIRIES),
    st.builds(Delete, _NAMES),
    st.builds(Absent, _NAMES),
    st.builds(Present, _NAMES),
    st.builds(Append, st.just(b"log"), _VALUES, _EXPIRIES),
)
_STEPS = st.lists(
    st.one_of(
        st.lists(_CHANGES, max_size=4, unique_by=lambda c: c.name if not isinstance(c, Append) else object()),
        st.sampled_from([4, 5, 10]),
    ),
    max_size=12,
)


class Model:
    """What the protocol says, in the simplest code that says it."""

    def __init__(self) -> None:
        self.records: dict[bytes, tuple[bytes, int | None]] = {}
        self.last = 0

    def commit(self, changes: list[object]) -> Committed | Conflict:
        number = self.last
        for change in changes:
            match change:
                case Insert(name) | Absent(name) if name in self.records:
                    return Conflict(name)
                case Present(name) if name not in self.records:
                    return Conflict(name)
                case Replace(name, expected) if self.records.get(name, (None,))[0] != expected:
                    return Conflict(name)
        positions = []
        for change in changes:
            match change:
                case (
                    Insert(name, value, expires)
                    | Put(name, value, expires)
                    | Replace(name, _, value, expires)
                ):
                    self.records[name] = (value, expires)
                case Delete(name):
                    self.records.pop(name, None)
                case Append(_, value, expires):
                    number += 1
                    positions.append(number)
                    self.records[entry_name(b"log", number)] = (value, expires)
        self.last = number
        return Committed(tuple(positions))

    def sweep(self, now: int) -> int:
        dead = [n for n, (_, expires) in self.records.items() if expires is not None and expires <= now]
        for name in dead:
            del self.records[name]
        return len(dead)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
async def test_every_store_does_what_the_model_does(
    engine: Engine, store: Store, steps: list[object]
) -> None:
    """Any sequence of commits and sweeps ends in the same outcomes and the same records."""
    partition = f"model:{os.urandom(6).hex()}"
    model = Model()
    for step in steps:
        if isinstance(step, int):
            await store.sweep(step)
            model.sweep(step)
        else:
            assert await store.commit(partition, step) == model.commit(step)  # type: ignore[arg-type]
        assert await store.scan(partition, b"") == sorted((n, v) for n, (v, _) in model.records.items())
