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
from service.cases.asking import Ask, AskJoin, AskLeave, AskRotate, ask_digest, encode_ask
from service.cases.joining import consent_to_leave, consent_to_replace, invite
from service.cases.registry import GrowingRegistry
from service.cases.registry_statements import (
    ByInvitation,
    ByRegistrar,
    BySsh,
    Join,
    Leave,
    Registrars,
    Statement,
    encode_statement,
)
from service.member_keys import MemberKeys
from service.server import records, registry_requests
from service.server.records import registry_partition
from service.server.registries import Registries
from service.wire import calls, registry_calls, registry_shapes
from service.wire.calls import BadAnswer
from service.wire.client import Client, Declined
from service.wire.problems import Kind
from service.wire.puzzles import solve
from service.wire.registry_pins import download
from tests.support.inprocess import World, in_process
from tests.support.members import DAY, UNTIL, Keeper, account, make_keeper
from tests.support.redis_server import redis_server
from tests.support.server import running_server
from tests.support.ssh import SshSigner

draw = seeded(b"registries over http")


@pytest.fixture
async def kept(world: World) -> Keeper:
    keeper = make_keeper(3)
    await keeper.publish_async(world.client)
    return keeper


async def declined(world: World, call: calls.Call[Any]) -> Kind | None:
    with pytest.raises(Declined) as raised:
        await world.client.do(call)
    return raised.value.kind


async def token(world: World) -> str:
    return solve(await world.client.do(calls.challenge(bytes(16), "mailbox")))


async def send(world: World, registry: bytes, ask: Ask) -> bytes:
    return await world.client.do(registry_calls.ask(registry, ask, admission=await token(world)))


async def refused(world: World, registry: bytes, ask: Ask) -> Kind | None:
    return await declined(world, registry_calls.ask(registry, ask, admission=await token(world)))


async def waiting(world: World, registry: bytes) -> dict[bytes, Ask]:
    found: dict[bytes, Ask] = {}
    after, more = None, True
    while more:
        page, more = await world.client.do(registry_calls.waiting(registry, after))
        found.update(page)
        after = page[-1][0] if page else None
    return found


def by_ssh(keeper: Keeper, name: str, ssh: SshSigner, keys: MemberKeys | None = None) -> AskJoin:
    application = keeper.application(name, keys or MemberKeys.draw(draw))
    return AskJoin(application, ssh.identity(application, f"https://{name}.keys"))


def by_invitation(keeper: Keeper, name: str, by: SigningKey | None = None) -> AskJoin:
    invitation = invite(by or keeper.root, keeper.id, name, until=UNTIL, entropy=draw)
    return AskJoin(keeper.application(name, MemberKeys.draw(draw)), invitation)


# --- chains -----------------------------------------------------------------------------------------


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
    assert await declined(world, registry_calls.append_statements(kept.id, sent(kept))) is kind
    assert await world.rows(registry_partition(kept.id)) == before
    assert await world.deps.registries.registry(kept.id) == registry


async def test_founding_needs_the_operators_leave(tmp_path: Path) -> None:
    """A server that is not open founds only the registries its settings name; others leave no trace."""
    keeper = make_keeper(2)
    async with in_process(tmp_path, open_groups=False) as world:
        call = registry_calls.append_statements(keeper.id, keeper.statements)
        assert await declined(world, call) is Kind.REGISTRY_CLOSED
        assert await world.rows("server") == {}
        allowed = msgspec.structs.replace(world.deps.settings, registries=(keeper.id.hex(),))
        object.__setattr__(world.deps, "settings", allowed)
        await world.client.do(call)
        other = Keeper.start(b"other")
        closed = registry_calls.append_statements(other.id, other.statements)
        assert await declined(world, closed) is Kind.REGISTRY_CLOSED


async def test_a_registry_is_founded_under_its_own_id(world: World, kept: Keeper) -> None:
    """A chain sent to another id, or one that begins later: refused."""
    for statements in (kept.statements, kept.statements[1:]):
        call = registry_calls.append_statements(bytes(32), statements)
        assert await declined(world, call) is Kind.REGISTRY_REFUSED
    assert len(await world.deps.registries.listed()) == 1


# --- requests ---------------------------------------------------------------------------------------


async def test_requests_wait_until_they_are_granted(world: World, kept: Keeper, ssh: SshSigner) -> None:
    """Join by SSH key or invitation, rotate, leave: each waits for the keeper, and goes when its account is settled."""
    joins = by_ssh(kept, "github.com/dana", ssh)
    invited = by_invitation(kept, "gitlab.com/eli")
    keys = MemberKeys.draw(draw)
    application = kept.application(account(0), keys)
    rotates = AskRotate(
        application, consent_to_replace(kept.keys[account(0)].member, application, entropy=draw)
    )
    leaves = AskLeave(
        account(1), consent_to_leave(kept.keys[account(1)].member, kept.id, account(1), entropy=draw)
    )
    asks: tuple[Ask, ...] = (joins, invited, rotates, leaves)
    for ask in asks:
        assert await send(world, kept.id, ask) == ask_digest(encode_ask(ask))
    assert await waiting(world, kept.id) == {ask_digest(encode_ask(ask)): ask for ask in asks}
    kept.say(Join(DAY, joins.application, joins.identity))
    await kept.publish_async(world.client)
    assert list((await waiting(world, kept.id)).values()).count(joins) == 0
    kept.say(Leave(DAY, account(1), leaves.consent))
    await kept.publish_async(world.client)
    left = await waiting(world, kept.id)
    assert set(left.values()) == {invited, rotates}
    grown = GrowingRegistry.start(kept.statements, kept.root.verify_key())
    assert grown.registry.member("github.com/dana")


async def test_the_same_request_waits_once(world: World, kept: Keeper, ssh: SshSigner) -> None:
    """A repeat is answered as the first time, also with the token that is spent; it takes no second place."""
    ask = by_ssh(kept, "github.com/dana", ssh)
    spent = await token(world)
    for _ in range(3):
        await world.client.do(registry_calls.ask(kept.id, ask, admission=spent))
    assert len(await waiting(world, kept.id)) == 1
    raw = (await world.rows(registry_partition(kept.id)))[b"waiting"]
    assert len(records.decode(raw, records.Waiting).waiters) == 1


async def test_a_request_needs_admission(world: World, kept: Keeper, ssh: SshSigner) -> None:
    """An empty token, junk, an altered one, a spent one: each has its answer, and nothing waits."""
    altered = (await world.client.do(calls.challenge(bytes(16), "mailbox"))).ticket[:-2] + "AA"
    ask = by_ssh(kept, "github.com/dana", ssh)
    for given, kind in (("", Kind.ADMISSION_REFUSED), ("x" * 600, Kind.ADMISSION_REFUSED)):
        assert await declined(world, registry_calls.ask(kept.id, ask, admission=given)) is kind
    call = registry_calls.ask(kept.id, ask, admission=altered)
    assert await declined(world, call) is Kind.ADMISSION_REFUSED
    spent = await token(world)
    await world.client.do(registry_calls.ask(kept.id, by_ssh(kept, "a.org/x", ssh), admission=spent))
    assert await declined(world, registry_calls.ask(kept.id, ask, admission=spent)) is Kind.ADMISSION_SPENT
    assert len(await waiting(world, kept.id)) == 1


async def test_requests_that_could_not_be_granted_do_not_wait(
    world: World, kept: Keeper, ssh: SshSigner
) -> None:
    """Evidence for another registry or account, for no member, used, foreign, overdue: refused, nothing waits."""
    other = Keeper.start(b"another registry")
    await other.publish_async(world.client)
    good = by_ssh(kept, "github.com/dana", ssh)
    eli = by_invitation(kept, "gitlab.com/eli")
    assert isinstance(eli.identity, ByInvitation)
    assert isinstance(good.identity, BySsh)
    replace = msgspec.structs.replace
    overdue = invite(kept.root, kept.id, "a.org/x", until="2026-03-01", entropy=draw)
    keys = kept.keys[account(0)].member
    bad: list[tuple[str, bytes, Ask]] = [
        ("another registry", other.id, good),
        (
            "another account",
            kept.id,
            AskJoin(replace(good.application, account="github.com/core-dev"), good.identity),
        ),
        ("a member already", kept.id, by_ssh(kept, account(0), ssh)),
        ("a key of a member", kept.id, by_ssh(kept, "a.org/x", ssh, kept.keys[account(0)])),
        ("another's invitation", kept.id, AskJoin(good.application, eli.identity)),
        ("no registrar", kept.id, by_invitation(kept, "a.org/x", SigningKey(draw(32)))),
        ("overdue", kept.id, AskJoin(kept.application("a.org/x", MemberKeys.draw(draw)), overdue)),
        (
            "a key published otherwise",
            kept.id,
            AskJoin(good.application, replace(good.identity, key=good.identity.key + " me@home")),
        ),
        (
            "another's consent",
            kept.id,
            AskLeave(account(1), consent_to_leave(keys, kept.id, account(1), entropy=draw)),
        ),
        (
            "a consent for another registry",
            kept.id,
            AskLeave(account(0), consent_to_leave(keys, other.id, account(0), entropy=draw)),
        ),
        ("no member", kept.id, AskLeave("a.org/x", consent_to_leave(keys, kept.id, "a.org/x", entropy=draw))),
        ("no member", kept.id, AskRotate(good.application, good.identity)),
    ]
    for why, registry, ask in bad:
        assert await refused(world, registry, ask) is Kind.REQUEST_REFUSED, why
    assert await waiting(world, kept.id) == await waiting(world, other.id) == {}
    assert await refused(world, bytes(32), good) is Kind.NOT_FOUND


async def test_a_flood_of_requests_is_bounded_and_keeps_nobody_vouched_for_out(
    world: World, kept: Keeper, ssh: SshSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strangers fill their own places only; who is invited or a member gets in; one account takes one place."""
    monkeypatch.setattr(registry_requests, "MAX_WAITING", 5)
    for number in range(5):
        await send(world, kept.id, by_ssh(kept, f"github.com/flood-{number}", ssh))
    late = by_ssh(kept, "github.com/late", ssh)
    assert await refused(world, kept.id, late) is Kind.REQUESTS_FULL
    invited = [by_invitation(kept, "gitlab.com/eli") for _ in range(4)]
    for ask in invited:
        await send(world, kept.id, ask)
    found = await waiting(world, kept.id)
    assert len(found) == 6
    assert set(found.values()) >= {invited[-1]}
    # Dismissed by the keeper, there is room again.
    flood = [d for d, ask in found.items() if isinstance(ask, AskJoin) and isinstance(ask.identity, BySsh)]
    assert await world.client.do(registry_calls.dismiss(kept.id, flood, kept.root)) == 5
    await send(world, kept.id, late)
    assert set((await waiting(world, kept.id)).values()) == {invited[-1], late}


async def test_a_replaced_request_comes_back_by_nobodys_hand(world: World, kept: Keeper) -> None:
    """It is public, so a stranger has it; the keys in it may be lost. After its time it may be handed in again."""
    invitation = invite(kept.root, kept.id, "github.com/eli", until=UNTIL, entropy=draw)
    asks = [AskJoin(kept.application("github.com/eli", MemberKeys.draw(draw)), invitation) for _ in range(3)]
    other = by_invitation(kept, "github.com/fay")
    await send(world, kept.id, other)
    for ask in asks:
        await send(world, kept.id, ask)
    for ask in asks[:2]:
        assert await refused(world, kept.id, ask) is Kind.REQUEST_REFUSED
    assert set(await waiting(world, kept.id)) == {ask_digest(encode_ask(each)) for each in (asks[2], other)}
    await send(world, kept.id, asks[2])  # a repeat of what waits is none
    world.clock.forward(15 * 86_400)
    await send(world, kept.id, asks[0])
    assert ask_digest(encode_ask(asks[0])) in await waiting(world, kept.id)


async def test_requests_go_by_themselves(world: World, kept: Keeper, ssh: SshSigner) -> None:
    """After fourteen days, at the end of a day, nothing is left of a request, nor of the list of them.

    What is stored says the day on which it came, not the second.
    """
    await send(world, kept.id, by_ssh(kept, "github.com/dana", ssh))
    world.clock.forward(registry_requests.LIVES_S - 1)
    await world.deps.store.sweep(world.deps.now_s())
    assert len(await waiting(world, kept.id)) == 1
    world.clock.forward(86_400 - (world.deps.now_s() + 1) % 86_400 + 1)  # to midnight
    assert world.deps.now_s() % 86_400 == 0
    await world.deps.store.sweep(world.deps.now_s())
    assert await waiting(world, kept.id) == {}
    assert b"waiting" not in await world.rows(registry_partition(kept.id))


async def test_only_a_registrar_dismisses(world: World, kept: Keeper, ssh: SshSigner) -> None:
    """A stranger, a registrar of another registry, a signature moved to other digests: refused, all still wait."""
    registrar, stranger = SigningKey(draw(32)), SigningKey(draw(32))
    kept.say(Registrars(DAY, (registrar.verify_key().raw,)))
    await kept.publish_async(world.client)
    digests = [await send(world, kept.id, by_ssh(kept, f"a.org/{n}", ssh)) for n in ("x", "y")]
    assert await declined(world, registry_calls.dismiss(kept.id, digests, stranger)) is Kind.REGISTRAR
    other = Keeper.start(b"another registry")
    await other.publish_async(world.client)
    assert await declined(world, registry_calls.dismiss(other.id, digests, registrar)) is Kind.REGISTRAR
    mine = msgspec.json.decode(registry_calls.dismiss(kept.id, digests[:1], registrar).body)
    for changed in ({"digests": [digests[1].hex()]}, {"key": mine["key"][::-1]}):
        answer = await world.http.post(
            f"/v1/registries/{kept.id.hex()}/applications/dismissals", json={**mine, **changed}
        )
        assert answer.status_code in {400, 403}
    assert len(await waiting(world, kept.id)) == 2
    assert await world.client.do(registry_calls.dismiss(kept.id, [*digests, bytes(32)], registrar)) == 2
    assert await world.client.do(registry_calls.dismiss(kept.id, digests, registrar)) == 0


async def test_many_at_once_all_wait(world: World, kept: Keeper, ssh: SshSigner) -> None:
    """Requests that come at the same moment don't push each other out of the list."""
    asks = [by_ssh(kept, f"github.com/many-{number}", ssh) for number in range(12)]
    await asyncio.gather(*(send(world, kept.id, ask) for ask in asks))
    assert set((await waiting(world, kept.id)).values()) == set(asks)
    raw = (await world.rows(registry_partition(kept.id)))[b"waiting"]
    assert len(records.decode(raw, records.Waiting).waiters) == 12


async def test_everything_stored_is_registered(world: World, kept: Keeper, ssh: SshSigner) -> None:
    """Every row of a registry has a registered name, and its shape."""
    await send(world, kept.id, by_ssh(kept, "github.com/dana", ssh))
    seen = set()
    for partition, kind in ((registry_partition(kept.id), "registry"), ("server", "server")):
        for name, value in (await world.rows(partition)).items():
            found = [k for k in records.REGISTRY if k.partition == kind and name.startswith(k.prefix)]
            assert len(found) == 1, name
            seen.add(found[0].name)
            if found[0].shape is not None:
                records.decode(value, found[0].shape)
    assert {"last", "statement/<number>", "waiting", "request/<digest>", "registry/<registry>"} <= seen


@pytest.mark.redis
def test_all_of_it_works_on_redis_with_two_workers(tmp_path: Path, ssh: SshSigner) -> None:
    """What one worker stored, the other one sees; requests come, go and are counted over both."""
    keeper = make_keeper(40)
    with (
        redis_server(tmp_path / "redis") as redis,
        running_server(tmp_path / "server", redis_url=redis.url, settings={"workers": 2}) as server,
    ):
        for number in range(12):
            with Client(server.base) as client:  # a connection each, so that both workers get some
                if number < 3:
                    keeper.join(f"github.com/late-{number}")
                    keeper.publish(client)
                token = solve(client.do(calls.challenge(bytes(16), "mailbox")))
                client.do(
                    registry_calls.ask(keeper.id, by_ssh(keeper, f"a.org/{number}", ssh), admission=token)
                )
                assert download(client, keeper.id).registry == keeper.registry
        with Client(server.base) as client:
            found, more = client.do(registry_calls.waiting(keeper.id))
            assert (len(found), more) == (12, False)
            assert client.do(registry_calls.dismiss(keeper.id, [d for d, _ in found], keeper.root)) == 12
            assert client.do(registry_calls.waiting(keeper.id)) == ((), False)


# --- malformed --------------------------------------------------------------------------------------

GOOD = "ab" * 32


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
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
    ],
)
async def test_malformed_requests_have_their_answer(
    world: World, kept: Keeper, method: str, path: str, body: object, status: int
) -> None:
    """A problem of the table, which repeats nothing of what was sent; and nothing is stored."""
    before = await world.rows(registry_partition(kept.id))
    path = path.replace("REGISTRY", kept.id.hex())
    answer = (
        await world.http.request(method, path, json=body) if body else await world.http.request(method, path)
    )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert b"A" * 20 not in answer.content
    assert await world.rows(registry_partition(kept.id)) == before


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
