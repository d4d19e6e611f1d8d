"""Requests to be in a registry: how long they wait, for whom, how many, and who takes them out."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from crypto.entropy import seeded
from crypto.signatures import SigningKey
from service.cases.asking import Ask, AskJoin, AskLeave, AskRotate, ask_digest, encode_ask
from service.cases.joining import consent_to_leave, consent_to_replace, invite
from service.cases.registry import GrowingRegistry
from service.cases.registry_statements import (
    ByInvitation,
    BySsh,
    Join,
    Leave,
    Registrars,
)
from service.member_keys import MemberKeys
from service.server import records, registry_requests
from service.server.records import registry_partition
from service.wire import calls, registry_calls
from service.wire.client import Client
from service.wire.problems import Kind
from service.wire.puzzles import solve
from service.wire.registry_pins import download
from tests.support.inprocess import World
from tests.support.members import DAY, UNTIL, Keeper, account, make_keeper
from tests.support.server import RunningServer
from tests.support.ssh import SshSigner

draw = seeded(b"requests over http")


async def token(world: World) -> str:
    return solve(await world.client.do(calls.challenge(bytes(16), "mailbox")))


async def send(world: World, registry: bytes, ask: Ask) -> bytes:
    return await world.client.do(registry_calls.ask(registry, ask, admission=await token(world)))


async def refused(world: World, registry: bytes, ask: Ask) -> Kind | None:
    return await world.declined(registry_calls.ask(registry, ask, admission=await token(world)))


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
    ticket = (await world.client.do(calls.challenge(bytes(16), "mailbox"))).ticket
    altered = ticket[:-2] + ("BA" if ticket.endswith("AA") else "AA")
    ask = by_ssh(kept, "github.com/dana", ssh)
    for given, kind in (("", Kind.ADMISSION_REFUSED), ("x" * 600, Kind.ADMISSION_REFUSED)):
        assert await world.declined(registry_calls.ask(kept.id, ask, admission=given)) is kind
    call = registry_calls.ask(kept.id, ask, admission=altered)
    assert await world.declined(call) is Kind.ADMISSION_REFUSED
    spent = await token(world)
    await world.client.do(registry_calls.ask(kept.id, by_ssh(kept, "a.org/x", ssh), admission=spent))
    assert await world.declined(registry_calls.ask(kept.id, ask, admission=spent)) is Kind.ADMISSION_SPENT
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
    assert await world.declined(registry_calls.dismiss(kept.id, digests, stranger)) is Kind.REGISTRAR
    other = Keeper.start(b"another registry")
    await other.publish_async(world.client)
    assert await world.declined(registry_calls.dismiss(other.id, digests, registrar)) is Kind.REGISTRAR
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
def test_all_of_it_works_on_redis_with_two_workers(
    redis_backed_server: RunningServer, ssh: SshSigner
) -> None:
    """What one worker stored, the other one sees; requests come, go and are counted over both."""
    keeper = make_keeper(40, b"with two workers")
    for number in range(12):
        with Client(redis_backed_server.base) as client:  # a connection each, so that both workers get some
            if number < 3:
                keeper.join(f"github.com/late-{number}")
                keeper.publish(client)
            token = solve(client.do(calls.challenge(bytes(16), "mailbox")))
            client.do(registry_calls.ask(keeper.id, by_ssh(keeper, f"a.org/{number}", ssh), admission=token))
            assert download(client, keeper.id).registry == keeper.registry
    with Client(redis_backed_server.base) as client:
        found, more = client.do(registry_calls.waiting(keeper.id))
        assert (len(found), more) == (12, False)
        assert client.do(registry_calls.dismiss(keeper.id, [d for d, _ in found], keeper.root)) == 12
        assert client.do(registry_calls.waiting(keeper.id)) == ((), False)
