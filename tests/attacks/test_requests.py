"""Malformed requests, one by one: each has its status and problem type, repeats no input, and changes nothing.

design.md §12: field splicing, replay across route and group, giant and deeply nested bodies, header spoofing.
The rows are in tests/support/malformed_reports.py and malformed_calls.py.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from service.wire.problems import Kind
from tests.support.groups import Group
from tests.support.inprocess import in_process
from tests.support.malformed import CANARY, Make, Scene
from tests.support.malformed_calls import CALLS
from tests.support.malformed_reports import REPORTS

CASES = [*REPORTS.rows, *CALLS.rows]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("requests")
    async with in_process(folder) as world:
        group = Group.draw(council=["Zoe"])
        other = Group.draw("Borealis", ["Pat", "Quin"])
        await world.found(group)
        await world.found(other)
        await world.file(group)
        yield Scene(world, group, other)


def test_the_table_is_long_enough() -> None:
    """At least 60 rows, each with a name of its own."""
    assert len(CASES) >= 60
    assert len({name for name, _, _ in CASES}) == len(CASES)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("kind", "make"), [pytest.param(kind, make, id=name) for name, kind, make in CASES])
async def test_malformed(scene: Scene, kind: Kind, make: Make) -> None:
    """Its status, its problem type, no input in the answer, and the store unchanged."""
    sent = await make(scene)
    before = await scene.world.everything(scene.group, scene.other)
    headers = dict(sent.headers)
    if sent.content_type is not None:
        headers["Content-Type"] = sent.content_type
    answer = await scene.world.http.request(sent.method, sent.path, content=sent.body, headers=headers)
    problem = json.loads(answer.content)
    assert (problem["type"], answer.status_code) == (kind.type, kind.status)
    assert problem == {"type": kind.type, "title": kind.title, "status": kind.status}
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert CANARY not in answer.text
    assert CANARY not in str(answer.headers)
    assert await scene.world.everything(scene.group, scene.other) == before
