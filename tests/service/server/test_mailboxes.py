"""Mailboxes: one answer for all, burned once, and no letter or follow-up ever lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from abuse.routes import Route
from crypto.codes import Claim, ReplyCode, address_of, claim_of, mailbox_of
from crypto.entropy import system
from crypto.letters import LETTER_SIZE, open_letter, seal_letter
from crypto.seal import DoesNotOpen
from service.server import intake, mailboxes
from service.storage.protocol import StoreUnavailable
from service.wire import calls, shapes
from service.wire.failures import Declined
from service.wire.problems import Kind
from tests.support.groups import Group
from tests.support.inprocess import World


def drawn() -> tuple[ReplyCode, Claim, bytes]:
    code = ReplyCode(system(16))
    return code, claim_of(code), address_of(claim_of(code))


async def post(world: World, group: Group, address: bytes, letter: bytes, item: bytes | None = None) -> str:
    action = shapes.PostLetter((item or system(16)).hex(), address.hex(), letter)
    return (await world.client.do(calls.batch(group.signer("Ada"), [action]))).outcomes[0].outcome


def test_sizes_agree_with_the_ciphers() -> None:
    """The wire's constants are crypto's."""
    from crypto import opening

    assert shapes.LETTER_SIZE == LETTER_SIZE
    assert shapes.SEALED_ENTRY_SIZES == opening.SEALED_ENTRY_SIZES
    assert shapes.GRANT_SIZE == opening.GRANT_SIZE


async def test_letters_come_in_order_among_noise(world: World, group: Group) -> None:
    """Eight slots: the letters oldest first, then noise that doesn't open; the same on every repeat."""
    code, claim, address = drawn()
    box = mailbox_of(code)
    for text in (b"one", b"two"):
        assert await post(world, group, address, seal_letter(box.public_key(), text)) == "done"
    slots = await world.slots(claim)
    assert [open_letter(box, slot) for slot in slots[:2]] == [b"one", b"two"]
    for slot in slots[2:]:
        with pytest.raises(DoesNotOpen):
            open_letter(box, slot)
    assert await world.slots(claim) == slots


async def test_pages_hold_eight_each(world: World, group: Group) -> None:
    """A ninth letter is on the second page."""
    code, claim, address = drawn()
    letters = [seal_letter(mailbox_of(code).public_key(), bytes([n])) for n in range(9)]
    for letter in letters:
        await post(world, group, address, letter)
    assert list(await world.slots(claim, 0)) == letters[:8]
    assert (await world.slots(claim, 1))[0] == letters[8]


async def test_a_letter_is_put_once_and_64_at_most(world: World, group: Group) -> None:
    """The same item twice is one letter; the 65th is turned away."""
    _, claim, address = drawn()
    item, letter = system(16), bytes(LETTER_SIZE)
    assert await post(world, group, address, letter, item) == "done"
    assert await post(world, group, address, letter, item) == "done"
    actions = [shapes.PostLetter(system(16).hex(), address.hex(), bytes(LETTER_SIZE)) for _ in range(64)]
    answer = await world.client.do(calls.batch(group.signer("Ada"), actions))
    assert [o.outcome for o in answer.outcomes] == ["done"] * 63 + ["full"]
    assert (await world.slots(claim, 7))[7] == letter


async def test_a_used_code_is_like_a_wrong_one(world: World, group: Group) -> None:
    """After burning, the answer is the noise that a mailbox nobody ever wrote to gives: same bytes before and after."""
    _, claim, address = drawn()
    empty = await world.slots(claim)
    await post(world, group, address, bytes(LETTER_SIZE))
    assert await world.slots(claim) != empty
    assert await world.burn(group, claim, 1, group.seal(b"follow")) is not None
    assert await world.slots(claim) == empty
    assert await post(world, group, address, bytes(LETTER_SIZE)) == "burned"


async def test_burning_leaves_nothing_of_the_letters(world: World, group: Group) -> None:
    """Letters and their marks are gone; the box says only that it was burned."""
    _, claim, address = drawn()
    for _ in range(3):
        await post(world, group, address, bytes(LETTER_SIZE))
    await world.burn(group, claim, 3, group.seal(b"follow"))
    assert set(await world.rows("mail")) == {b"box/" + address}


async def test_unseen_letters_stop_the_burn(world: World, group: Group) -> None:
    """A letter that came between opening and burning is not lost: nothing changes, and the reporter looks again."""
    _, claim, address = drawn()
    await post(world, group, address, bytes(LETTER_SIZE))
    before = await world.everything(group)
    envelope = group.seal(b"follow")
    assert await world.burn(group, claim, 0, envelope) is None
    assert await world.everything(group) == before
    assert await world.burn(group, claim, 1, envelope) is not None


async def test_a_burn_that_changes_nothing_takes_no_place_for_large_reports(
    world: World, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody left out can't learn by burns of their own mailbox, free and traceless, whether a large report came."""
    _, claim, address = drawn()
    await post(world, group, address, bytes(LETTER_SIZE))
    sizes: list[int] = []
    admit = world.deps.gate.admit

    async def seen(gid: bytes, route: Route, token: str | None, size: int) -> None:
        sizes.append(size)
        await admit(gid, route, token, size)

    monkeypatch.setattr(world.deps.gate, "admit", seen)
    envelope = group.seal(bytes(300_000))
    assert await world.burn(group, claim, 0, envelope) is None
    assert await world.burn(group, claim, 1, envelope) is not None
    assert sizes == [0, len(envelope)]


async def test_repeating_a_burn_is_harmless(world: World, group: Group) -> None:
    """The identical burn again gives the same receipt and leaves the store as it is."""
    _, claim, _ = drawn()
    envelope = group.seal(b"follow")
    token = await world.token(group)
    call = calls.burn_mailbox(claim, 0, envelope, group.id, world.server_key, admission=token)
    first = await world.client.do(call)
    rows = await world.everything(group)
    assert await world.client.do(call) == first  # the spent token again
    assert await world.burn(group, claim, 0, envelope) == first  # a fresh one
    assert await world.everything(group) == rows


async def test_handlers_see_whether_a_code_was_used_before(world: World, group: Group) -> None:
    """The first follow-up is marked `first`, one with a used code `repeat`; both are stored, both answered alike."""
    _, claim, _ = drawn()
    for text in (b"first", b"second"):
        assert await world.burn(group, claim, 0, group.seal(text)) is not None
    page = await world.client.do(calls.feed(group.signer("Ada")))
    assert sorted(entry.follow_up for entry in page.entries) == ["first", "repeat"]


async def test_a_crash_between_the_partitions_loses_nothing(
    world: World, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server dies after burning and before the group has the follow-up: housekeeping carries it over, once."""
    _, claim, _ = drawn()
    envelope = group.seal(b"follow")

    async def dies(*_: object, **__: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(intake, "store", dies)
        with pytest.raises(Declined) as refused:
            await world.burn(group, claim, 0, envelope)
        assert refused.value.kind is Kind.INTERNAL
    assert await mailboxes.relay_all(world.deps) == 1
    assert await mailboxes.relay_all(world.deps) == 0
    page = await world.client.do(calls.feed(group.signer("Ada")))
    assert [entry.follow_up for entry in page.entries] == ["first"]
    assert await world.burn(group, claim, 0, envelope) is not None
    assert len((await world.client.do(calls.feed(group.signer("Ada")))).entries) == 1


async def test_what_was_burned_is_received_though_the_store_goes_away(
    world: World, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The follow-up is durable in the outbox: its receipt is given at once, the same as later, and it arrives."""
    _, claim, _ = drawn()
    envelope = group.seal(b"follow")

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(intake, "store", away)
        receipt = await world.burn(group, claim, 0, envelope)
        assert receipt is not None
        with pytest.raises(Declined):  # a repeat can't tell by which day's receipt it was answered
            await world.burn(group, claim, 0, envelope)
    assert await world.burn(group, claim, 0, envelope) == receipt
    page = await world.client.do(calls.feed(group.signer("Ada")))
    assert [entry.follow_up for entry in page.entries] == ["first"]
    assert await mailboxes.relay_all(world.deps) == 0


async def test_a_follow_up_may_have_fewer_recipients(world: World, group: Group) -> None:
    """Handlers may have left since the report, so the minimum holds for first reports only."""
    _, claim, _ = drawn()
    envelope = group.seal(b"follow", group.handlers[:1])
    assert await world.burn(group, claim, 0, envelope) is not None


async def test_racing_letters_are_all_kept(world: World, group: Group) -> None:
    """Letters of two handlers at once are both there: nobody's is overwritten."""
    import asyncio

    _, claim, address = drawn()
    letters = [bytes([n]) * LETTER_SIZE for n in range(6)]
    outcomes = await asyncio.gather(*(post(world, group, address, letter) for letter in letters))
    assert outcomes == ["done"] * 6
    assert sorted((await world.slots(claim))[:6]) == letters


async def test_racing_burns_have_one_first(world: World, group: Group) -> None:
    """Of many follow-ups with one code at once exactly one is `first`."""
    import asyncio

    _, claim, _ = drawn()
    await asyncio.gather(*(world.burn(group, claim, 0, group.seal(bytes([n]))) for n in range(12)))
    page = await world.client.do(calls.feed(group.signer("Ada")))
    assert sorted(entry.follow_up for entry in page.entries) == ["first"] + ["repeat"] * 11


async def test_a_used_mailbox_stands_nowhere_near_the_follow_up_that_came_with_it(
    world: World, group: Group, tmp_path: Path
) -> None:
    """Whoever has the database's file can't tell by places which follow-up came with which mailbox."""
    address = b""
    for _ in range(5):
        _, claim, address = drawn()
        await world.burn(group, claim, 0, group.seal(b"follow"))
    db = sqlite3.connect(tmp_path / "store.db")
    places = dict(db.execute("SELECT name, id FROM records").fetchall())
    db.close()
    boxes = [place for name, place in places.items() if name.startswith(b"box/")]
    assert b"box/" + address in places
    assert len(boxes) == 5
    assert max(boxes) < 0 <= min(place for name, place in places.items() if not name.startswith(b"box/"))
