"""Registries over HTTP: founded when allowed, grown by their root alone, and requests that wait in bounded number."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crypto import chains
from crypto.entropy import seeded
from crypto.labels import Label
from crypto.signatures import SigningKey
from service.cases.joining import invite
from service.cases.registry_statements import (
    ByRegistrar,
    Join,
    Leave,
    Registrars,
    Statement,
    encode_statement,
)
from service.member_keys import MemberKeys
from service.server.records import registry_partition
from service.server.registries import Registries
from service.wire import calls, registry_calls, registry_shapes
from service.wire.calls import BadAnswer
from service.wire.failures import Declined
from service.wire.problems import Kind
from tests.support.inprocess import World, in_process
from tests.support.members import DAY, UNTIL, Keeper, account, make_keeper

draw = seeded(b"registries over http")


async def test_a_registry_is_founded_grown_and_read_back(world: World) -> None:
    """What was sent is what anybody downloads; it is listed by name; the server folds the same registry."""
    keeper = make_keeper(3)
    await keeper.publish_async(world.client)
    listed = (await world.client.do(registry_calls.registries())).registries
    assert [(head.registry, head.name) for head in listed] == [(keeper.id.hex(), "Example project")]
    page = await world.client.do(registry_calls.statements(keeper.id))
    assert (list(page.statements), page.more) == (keeper.statements, False)
    keeper.leave(account(1))
    keeper.rotate(account(2))
    await keeper.publish_async(world.client)
    assert await world.deps.registries.registry(keeper.id) == keeper.registry
    # Another process, which knows nothing, and one that knew an older head.
    assert await Registries(world.deps.store).registry(keeper.id) == keeper.registry


async def test_another_process_reads_on(world: World, kept: Keeper) -> None:
    """A head that moved elsewhere is noticed, and only what is new is read."""
    other = Registries(world.deps.store)
    assert await other.registry(kept.id) == kept.registry
    kept.join("github.com/late")
    await kept.publish_async(world.client)
    assert await other.registry(kept.id) == kept.registry


async def test_a_long_chain_comes_in_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is full or the last; from any number on."""
    monkeypatch.setattr("service.server.registries.STATEMENTS_PAGE", 4)
    keeper = make_keeper(7)  # 10 statements
    await keeper.publish_async(world.client)
    got: list[bytes] = []
    sizes = []
    more = True
    while more:
        page = await world.client.do(registry_calls.statements(keeper.id, len(got)))
        got += page.statements
        sizes.append(len(page.statements))
        more = page.more
    assert (got, sizes) == (keeper.statements, [4, 4, 2])
    page = await world.client.do(registry_calls.statements(keeper.id, 9))
    assert (list(page.statements), page.more) == (keeper.statements[9:], False)
    for beyond in (10, 99_999):
        page = await world.client.do(registry_calls.statements(keeper.id, beyond))
        assert (page.statements, page.more) == ((), False)


async def test_repeating_is_harmless(world: World, kept: Keeper) -> None:
    """The same statements again, all, some, or with new ones after them: added once."""
    raw = kept.statements
    for batch in (raw, raw[2:4], raw[-1:]):
        appended = await world.client.do(registry_calls.append_statements(kept.id, batch))
        assert appended.seq == raw.index(batch[-1])
    kept.join("github.com/late")
    await world.client.do(registry_calls.append_statements(kept.id, kept.statements[1:]))
    assert await Registries(world.deps.store).registry(kept.id) == kept.registry


async def test_of_two_statements_at_once_one_is_added(world: World, kept: Keeper) -> None:
    """Two keepers sign on the same head: one is added, the other is told to load the chain again."""
    mine, theirs = make_keeper(3), make_keeper(3)
    assert mine.statements == kept.statements
    mine.join("github.com/mine")
    theirs.join("github.com/theirs")
    sent = [registry_calls.append_statements(kept.id, k.statements[-1:]) for k in (mine, theirs)]
    outcomes = await asyncio.gather(*map(world.client.do, sent), return_exceptions=True)
    lost = [outcome for outcome in outcomes if isinstance(outcome, Declined)]
    assert len(lost) == 1
    assert lost[0].kind is Kind.REGISTRY_CONFLICT
    found = await world.deps.registries.registry(kept.id)
    assert found is not None
    assert len(found.members) == 4


def operators(kept: Keeper) -> bytes:
    """A join that the server's operator signs with a key of their own."""
    rogue = SigningKey(bytes(32))
    chain = chains.VerifiedChain(Label.REGISTRY, rogue.verify_key(), kept.chain.statements)
    application = kept.application("github.com/sock", MemberKeys.draw(draw))
    join = Join(DAY, application, invite(rogue, kept.id, "github.com/sock", until=UNTIL, entropy=draw))
    return chains.append(chain, encode_statement(join), rogue).statements[-1].raw


def _said(kept: Keeper, statement: Statement) -> list[bytes]:
    kept.say(statement)
    return kept.statements[-1:]


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (lambda kept: [operators(kept)], Kind.REGISTRY_REFUSED),
        (lambda kept: [b"x"], Kind.REGISTRY_REFUSED),
        (lambda kept: [kept.statements[-1] + b"x"], Kind.REGISTRY_REFUSED),
        (lambda kept: [kept.statements[0][:-1] + b"x"], Kind.REGISTRY_CONFLICT),
        (lambda kept: _said(kept, Leave(DAY, "github.com/nobody", ByRegistrar("x"))), Kind.REGISTRY_REFUSED),
        (lambda kept: _said(kept, Leave("2020-01-01", account(0), ByRegistrar("x"))), Kind.REGISTRY_REFUSED),
        (lambda kept: _said(kept, Registrars(DAY, (b"\1" + bytes(31),))), Kind.REGISTRY_REFUSED),
        (
            lambda kept: (_said(kept, Registrars(DAY, ())), _said(kept, Registrars(DAY, ())))[1],
            Kind.REGISTRY_CONFLICT,
        ),
        (lambda kept: Keeper.start(b"another").statements, Kind.REGISTRY_CONFLICT),
        (
            lambda kept: [
                *_said(kept, Registrars(DAY, ())),
                *_said(kept, Leave(DAY, "a.org/x", ByRegistrar("x"))),
            ],
            Kind.REGISTRY_REFUSED,
        ),
    ],
    ids=["operator", "junk", "longer", "altered", "nobody", "backdated", "bad key", "gap", "another", "half"],
)
async def test_what_cannot_follow_is_not_stored(
    world: World, kept: Keeper, sent: Callable[[Keeper], list[bytes]], kind: Kind
) -> None:
    """Forged (a member whom the operator adds), malformed, impossible, with a gap: refused, and nothing changes."""
    before, registry = await world.rows(registry_partition(kept.id)), kept.registry
    assert await world.declined(registry_calls.append_statements(kept.id, sent(kept))) is kind
    assert await world.rows(registry_partition(kept.id)) == before
    assert await world.deps.registries.registry(kept.id) == registry


async def test_founding_needs_the_operators_leave(tmp_path: Path) -> None:
    """A server that is not open founds only the registries its settings name; others leave no trace."""
    keeper = make_keeper(2)
    async with in_process(tmp_path, open_groups=False) as world:
        call = registry_calls.append_statements(keeper.id, keeper.statements)
        assert await world.declined(call) is Kind.REGISTRY_CLOSED
        assert await world.rows("server") == {}
        allowed = msgspec.structs.replace(world.deps.settings, registries=(keeper.id.hex(),))
        object.__setattr__(world.deps, "settings", allowed)
        await world.client.do(call)
        other = Keeper.start(b"other")
        closed = registry_calls.append_statements(other.id, other.statements)
        assert await world.declined(closed) is Kind.REGISTRY_CLOSED


async def test_a_registry_is_founded_under_its_own_id(world: World, kept: Keeper) -> None:
    """A chain sent to another id, or one that begins later: refused."""
    for statements in (kept.statements, kept.statements[1:]):
        call = registry_calls.append_statements(bytes(32), statements)
        assert await world.declined(call) is Kind.REGISTRY_REFUSED
    assert len(await world.deps.registries.listed()) == 1


# --- malformed --------------------------------------------------------------------------------------

GOOD = "ab" * 32


MALFORMED: tuple[tuple[str, str, object, int], ...] = (
    ("GET", "/v1/registries?x=1", None, 400),
    ("GET", f"/v1/registries/{GOOD.upper()}", None, 404),
    ("GET", f"/v1/registries/{GOOD[:-1]}", None, 404),
    ("GET", f"/v1/registries/{GOOD}", None, 404),
    ("GET", "/v1/registries/REGISTRY?after=-1", None, 400),
    ("GET", "/v1/registries/REGISTRY?after=01", None, 400),
    ("GET", "/v1/registries/REGISTRY?after=100000", None, 400),
    ("GET", "/v1/registries/REGISTRY?after=1&after=2", None, 400),
    ("GET", "/v1/registries/REGISTRY?after=%D9%A1", None, 400),
    ("GET", "/v1/registries/REGISTRY?before=1", None, 400),
    ("GET", "/v1/registries/REGISTRY/applications?after=ab", None, 400),
    ("GET", f"/v1/registries/REGISTRY/applications?after={GOOD.upper()}", None, 400),
    ("GET", f"/v1/registries/{GOOD}/applications", None, 404),
    ("POST", "/v1/registries/REGISTRY/statements", {"statements": []}, 400),
    ("POST", "/v1/registries/REGISTRY/statements", {"statements": ["eA=="] * 33}, 400),
    ("POST", "/v1/registries/REGISTRY/statements", {"statements": ["!"]}, 400),
    ("POST", "/v1/registries/REGISTRY/statements", {"statements": ["eA=="], "x": 1}, 400),
    ("POST", "/v1/registries/REGISTRY/statements?x=1", {"statements": ["eA=="]}, 400),
    ("POST", "/v1/registries/REGISTRY/statements", {"statements": ["A" * 45_060]}, 400),
    ("POST", "/v1/registries/REGISTRY/statements", {"x": "x" * 2_000_000}, 413),
    ("POST", "/v1/registries/REGISTRY/applications", {"request": ""}, 400),
    ("POST", "/v1/registries/REGISTRY/applications", {"request": "eA=="}, 422),
    ("POST", "/v1/registries/REGISTRY/applications", {"request": "e30="}, 422),
    ("POST", "/v1/registries/REGISTRY/applications", {"request": "A" * 41_004}, 400),
    ("POST", "/v1/registries/REGISTRY/applications", {"request": "A" * 60_000}, 413),
    ("POST", f"/v1/registries/{GOOD}/applications", {"request": "eA=="}, 404),
    ("POST", "/v1/registries/REGISTRY/applications/dismissals", {"digests": []}, 400),
    (
        "POST",
        "/v1/registries/REGISTRY/applications/dismissals",
        {"digests": [GOOD], "key": "A" * 43 + "=", "signature": "A" * 86 + "=="},
        403,
    ),
    (
        "POST",
        f"/v1/registries/{GOOD}/applications/dismissals",
        {"digests": [GOOD], "key": "A" * 43 + "=", "signature": "A" * 86 + "=="},
        404,
    ),
    ("DELETE", "/v1/registries/REGISTRY", None, 405),
)


async def test_malformed_requests_have_their_answer(world: World, kept: Keeper) -> None:
    """A problem of the table, which repeats nothing of what was sent; and nothing is stored."""
    before = await world.rows(registry_partition(kept.id))
    for method, at, body, status in MALFORMED:
        path = at.replace("REGISTRY", kept.id.hex())
        answer = (
            await world.http.request(method, path, json=body)
            if body
            else await world.http.request(method, path)
        )
        asked = (method, path, str(body)[:80])
        assert answer.status_code == status, asked
        assert answer.headers["content-type"] == "application/problem+json", asked
        assert b"A" * 20 not in answer.content, asked
        assert await world.rows(registry_partition(kept.id)) == before, asked


def answer_of(shape: object) -> bytes:
    return msgspec.json.encode(shape)


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (
            registry_calls.statements(bytes(32)),
            registry_shapes.StatementsPage("11" * 32, 0, (), more=False),
        ),
        (
            registry_calls.statements(bytes(32), 3),
            registry_shapes.StatementsPage("00" * 32, 2, (b"x",), more=False),
        ),
        (registry_calls.statements(bytes(32)), registry_shapes.StatementsPage("00" * 32, 0, (), more=True)),
        (registry_calls.waiting(bytes(32)), registry_shapes.RequestsPage("11" * 32, (), more=False)),
        (registry_calls.waiting(bytes(32)), registry_shapes.RequestsPage("00" * 32, (), more=True)),
        (
            registry_calls.waiting(bytes(32)),
            registry_shapes.RequestsPage(
                "00" * 32, (registry_shapes.WaitingRequest("11" * 32, b"{}"),), more=False
            ),
        ),
        (registry_calls.registries(), registry_shapes.Waits("00" * 32)),
    ],
)
def test_lying_answers_are_refused(call: calls.Call[Any], answer: object) -> None:
    """Another registry, another part, circles, misnamed requests, another shape: the server's answer is bad."""
    with pytest.raises(BadAnswer):
        call.parse(answer_of(answer))
