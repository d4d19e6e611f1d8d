"""What a made-up evidence file costs who verifies it: no more than its length."""

from __future__ import annotations

import re
import tracemalloc

import pytest

from crypto.errors import Refused
from polls import evidence
from polls.evidence import read_electorate, read_evidence
from tests.support.poll_world import World, vote_all

SIZE = 2 << 20


@pytest.fixture(scope="module")
def genuine() -> bytes:
    """An evidence file that holds."""
    world = World(voters=6)
    vote_all(world)
    return world.evidence()


@pytest.mark.parametrize(("name", "item"), [("rings", b"[]"), ("pages", b'{"salt":"","ballots":[]}')])
def test_a_list_of_empty_things_takes_no_memory_of_its_own(genuine: bytes, name: str, item: bytes) -> None:
    """64 MiB of empty rings took 1.6 GB and ten seconds before they were refused, and of empty pages 0.5 GB."""
    many = b",".join([item] * (SIZE // (len(item) + 1)))
    raw = re.sub(rb'(?<="%s":\[).*?(?=\],"(pages|head)")' % name.encode(), lambda _: many, genuine)
    assert len(raw) > SIZE
    tracemalloc.start()
    with pytest.raises(Refused):
        read_evidence(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < SIZE


def test_no_more_voters_are_looked_at_than_a_record_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a million keys that are good points each takes its time: they are counted before."""
    monkeypatch.setattr(evidence, "Point", lambda _: pytest.fail("a key was looked at"))
    with pytest.raises(Refused, match="more voters"):
        read_electorate([["ab" * 32] * 250] * 201)
