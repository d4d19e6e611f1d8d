"""Signed requests: an active handler, now, once."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.entropy import system
from crypto.seal import SealingKey
from crypto.signatures import SigningKey
from service.cases import rosters
from service.wire import calls, shapes
from service.wire.failures import Declined
from service.wire.problems import Kind
from service.wire.signing import WINDOW_S, Signer
from tests.support.groups import Group
from tests.support.inprocess import World, in_process


async def kind_of(world: World, call: calls.Call[object]) -> Kind | None:
    with pytest.raises(Declined) as refused:
        await world.client.do(call)
    return refused.value.kind


async def test_a_replay_is_refused(world: World, group: Group) -> None:
    """The same signed bytes work once, also when the first answer was lost."""
    method, url, headers, body = world.client.request(calls.feed(group.signer("Ada")))
    first = await world.http.request(method, url, headers=headers, content=body)
    second = await world.http.request(method, url, headers=headers, content=body)
    assert (first.status_code, second.status_code) == (200, 409)


async def test_the_mark_of_a_request_tells_no_time_of_day(tmp_path: Path) -> None:
    """But the quarter of an hour at whose end it expires; until then it stops a replay, for as long as one counts."""
    async with in_process(tmp_path) as world:
        group = Group.draw()
        await world.found(group)
        world.clock.now = 1_800_000_000 - 241
        asked = []
        for _ in range(12):
            asked.append(int(world.clock.now))
            await world.client.do(calls.feed(group.signer("Ada")))
            world.clock.forward(107)
        database = sqlite3.connect(tmp_path / "store.db")
        told = "SELECT expires_s FROM records WHERE expires_s IS NOT NULL ORDER BY id"
        kept_until = [row[0] for row in database.execute(told)]
        database.close()
        assert [until % 900 for until in kept_until] == [0] * 12
        assert kept_until[0] == asked[0] + 241  # the first just reaches its quarter's end
        assert all(
            at + 2 * WINDOW_S < until <= at + 241 + 899 for at, until in zip(asked, kept_until, strict=True)
        )


async def test_a_replay_under_the_old_name_of_the_key_is_refused(world: World, group: Group) -> None:
    """The header with the key's id isn't signed but names the nonce: a handler has one id, that of the last key."""
    ada = group.member("Ada")
    new = replace(ada, signing=SigningKey(system(32)), sealing=SealingKey(system(32)))
    group.say(rosters.Rotate(handler=ada.id.hex(), card=new.card()))
    group.handlers[0] = new
    await world.found(group)
    method, url, headers, body = world.client.request(calls.feed(group.signer("Ada")))
    first = await world.http.request(method, url, headers=headers, content=body)
    renamed = {**headers, "Sottovoce-Key": ada.key_id.hex()}
    second = await world.http.request(method, url, headers=renamed, content=body)
    assert (first.status_code, second.status_code) == (200, 401)
    assert Kind.SIGNATURE.type.encode() in second.content


@pytest.mark.parametrize("change", ["method", "path", "query", "body", "time", "nonce", "group", "key"])
async def test_a_signature_covers_everything(world: World, group: Group, change: str) -> None:
    """Whatever of a signed request is changed afterwards, it is refused."""
    other = Group.draw("Borealis", ["Pat", "Quin"])
    await world.found(other)
    action = shapes.Recuse("00" * 16, group.id.hex(), "11" * 16)
    call = calls.batch(group.signer("Ada"), [action])
    if change == "method":
        call = replace(call, method="PUT")
    _, url, headers, body = world.client.request(call)
    match change:
        case "path":
            url = url.replace(group.id.hex(), other.id.hex())
        case "query":
            url += "?a=b"
        case "body":
            body += b" "
        case "time":
            headers["Sottovoce-Time"] = str(int(headers["Sottovoce-Time"]) + 1)
        case "nonce":
            headers["Sottovoce-Nonce"] = "00" * 16
        case "group":
            headers["Sottovoce-Group"] = other.id.hex()
        case "key":
            headers["Sottovoce-Key"] = group.member("Bo").key_id.hex()
    answer = await world.http.post(url, headers=headers, content=body)
    expected = Kind.MALFORMED_QUERY if change == "query" else Kind.SIGNATURE
    assert answer.status_code == expected.status
    assert expected.type.encode() in answer.content


@pytest.mark.parametrize(
    ("offset", "kind"), [(121, Kind.CLOCK), (-121, Kind.CLOCK), (119, None), (-119, None)]
)
async def test_the_window_is_two_minutes(world: World, group: Group, offset: int, kind: Kind | None) -> None:
    """A request signed more than two minutes off the server's clock is refused, and says that the clock is wrong."""
    call = calls.feed(group.signer("Ada"))
    method, url, headers, body = world.client.request(call)
    world.clock.forward(-offset)
    answer = await world.http.request(method, url, headers=headers, content=body)
    assert answer.status_code == (200 if kind is None else 401)
    assert (kind is None) or kind.type.encode() in answer.content


async def test_wrong_keys_are_all_alike(world: World, group: Group) -> None:
    """An unknown key, a known one with a wrong signature, a stranger's group: one answer."""
    ada = group.signer("Ada")
    stranger = SigningKey(bytes(31) + b"\x07")
    answers = set()
    for signer in (
        replace(ada, key=stranger),
        replace(ada, key_id=bytes(16)),
        Signer(bytes(16), ada.key_id, ada.key),
    ):
        call = replace(calls.feed(ada), signer=signer)
        method, url, headers, body = world.client.request(call)
        answer = await world.http.request(method, url, headers=headers, content=body)
        answers.add((answer.status_code, answer.content))
    assert len(answers) == 1


async def test_a_handler_reads_their_own_feed_only(world: World, group: Group) -> None:
    """A handler of another group can't ask this group's feed, activity or batch."""
    other = Group.draw("Borealis", ["Pat", "Quin"])
    await world.found(other)
    for call in (calls.feed(other.signer("Pat")), calls.activity(other.signer("Pat"))):
        moved = replace(call, target=call.target.replace(other.id.hex(), group.id.hex()))
        assert await kind_of(world, moved) is Kind.SIGNATURE


async def test_nonces_are_swept_when_their_time_is_over(world: World, group: Group) -> None:
    """A nonce is kept while its request could still be replayed, and until that quarter of an hour is over."""
    method, url, headers, body = world.client.request(calls.feed(group.signer("Ada")))
    await world.http.request(method, url, headers=headers, content=body)
    assert await world.deps.store.sweep(world.deps.now_s() + 899) == 0
    assert await world.deps.store.sweep(world.deps.now_s() + 900) == 1
