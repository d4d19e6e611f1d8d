"""Taking reports in: once, durably, and invisibly to whoever is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.server.intake import MARGIN_S, release_ms
from service.wire import calls
from service.wire.failures import Declined
from service.wire.problems import Kind
from tests.support.groups import Group, Member
from tests.support.inprocess import World, in_process


async def test_recipients_are_shown_the_report(world: World, group: Group) -> None:
    """Each recipient's feed names the report, and the envelope comes back byte for byte."""
    envelope = group.seal(b"text")
    await world.submit(group, envelope)
    for name in ("Ada", "Bo", "Cy"):
        page = await world.client.do(calls.feed(group.signer(name)))
        assert len(page.entries) == 1
        report = bytes.fromhex(page.entries[0].report)
        assert await world.client.do(calls.fetch_report(group.signer(name), group.id, report)) == envelope


async def test_whoever_is_left_out_sees_the_same_bytes(world: World, group: Group) -> None:
    """A left-out handler's feed, activity, and a guess at the id answer as they did before the report."""

    async def seen() -> list[tuple[int, bytes]]:
        answers = []
        for call in (
            calls.feed(group.signer("Cy")),
            calls.activity(group.signer("Cy")),
            calls.fetch_report(group.signer("Cy"), group.id, report),
            calls.read_log(group.signer("Cy"), group.id, report),
        ):
            method, url, headers, body = world.client.request(call)
            answer = await world.http.request(method, url, headers=headers, content=body)
            answers.append((answer.status_code, answer.content))
        return answers

    report = bytes(16)
    before = await seen()
    await world.file(group, handlers=group.handlers[:2])
    page = await world.client.do(calls.feed(group.signer("Ada")))
    report = bytes.fromhex(page.entries[0].report)
    assert await seen() == before


async def test_the_same_envelope_is_stored_once(world: World, group: Group) -> None:
    """A repeat, with another token, gets the same receipt and leaves the store as it is."""
    envelope = group.seal()
    first = await world.submit(group, envelope)
    rows = await world.everything(group)
    assert await world.submit(group, envelope) == first
    assert await world.everything(group) == rows


async def test_a_lost_response_is_repeated_with_the_spent_token(world: World, group: Group) -> None:
    """The same request again, token and all, gets the same receipt; the token does nothing else."""
    envelope, token = group.seal(), await world.token(group)
    call = calls.submit(group.id, envelope, world.server_key, admission=token)
    first = await world.client.do(call)
    assert await world.client.do(call) == first
    with pytest.raises(Declined) as refused:
        await world.client.do(calls.submit(group.id, group.seal(), world.server_key, admission=token))
    assert refused.value.kind is Kind.ADMISSION_SPENT


async def test_the_day_is_all_that_is_kept_of_the_time(world: World, group: Group) -> None:
    """Two reports of one batch at different times leave rows that differ in ids and sealed bytes only."""
    world.clock.now = 1_800_000_000.0
    receipt = await world.file(group)
    assert receipt.day == 1_800_000_000 // 86_400


async def test_batches_hide_when_a_report_came(tmp_path: Path) -> None:
    """With 15-minute batches nothing is shown before the release, and inside a batch order is by random id."""
    async with in_process(tmp_path, batch_seconds=900) as world:
        group = Group.draw()
        await world.found(group)
        for _ in range(12):
            await world.file(group)
            world.clock.forward(1)
        filed = await world.everything(group)
        assert (await world.client.do(calls.feed(group.signer("Ada")))).entries == ()
        world.clock.forward(1_000)
        page = await world.client.do(calls.feed(group.signer("Ada")))
        ids = [entry.report for entry in page.entries]
        assert len(ids) == 12
        assert ids == sorted(ids)
        batches = {
            name[5 + 16 : 5 + 24] for name in filed[f"g:{group.id.hex()}"] if name.startswith(b"feed/")
        }
        assert len(batches) == 1


async def test_urgent_reports_skip_the_wait(tmp_path: Path) -> None:
    """An urgent report is shown within a minute and says that it is urgent."""
    async with in_process(tmp_path, batch_seconds=900) as world:
        group = Group.draw()
        await world.found(group)
        await world.submit(group, group.seal(), urgent=True)
        world.clock.forward(66)
        page = await world.client.do(calls.feed(group.signer("Ada")))
        assert [entry.urgent for entry in page.entries] == [True]


@pytest.mark.parametrize("now", [0.0, 869.9, 870.0, 899.999, 900.0, 1_800_000_000.5])
@pytest.mark.parametrize("urgent", [False, True])
def test_a_release_leaves_time_to_commit(now: float, urgent: bool) -> None:
    """No batch is released before its last report had its margin, so no cursor passes a commit under way."""
    margin = 5 if urgent else MARGIN_S
    release = release_ms(now, 900, urgent=urgent) / 1_000
    assert release > now + margin - 1
    assert release <= now + margin + (60 if urgent else 900)
    assert release % (60 if urgent else 900) == 0


async def test_the_minimum_holds_for_reports(world: World, group: Group) -> None:
    """A report to fewer than the group's minimum is refused and nothing is stored."""
    before = await world.everything(group)
    with pytest.raises(Declined) as refused:
        await world.file(group, handlers=group.handlers[:1])
    assert refused.value.kind is Kind.TOO_FEW_RECIPIENTS
    assert await world.everything(group) == before


async def test_council_members_are_no_recipients(world: World, group: Group) -> None:
    """Reports go to handlers; a council member gets one only by a grant."""
    with pytest.raises(Declined) as refused:
        await world.file(group, handlers=[*group.handlers[:2], group.member("Zoe")])
    assert refused.value.kind is Kind.WRONG_RECIPIENTS


async def test_an_older_roster_is_accepted_and_reaches_who_is_left(world: World, group: Group) -> None:
    """A report sealed before a handler retired reaches the others; the retired one can't sign any more."""
    envelope = group.seal()
    group.retire("Cy")
    await world.found(group)
    await world.submit(group, envelope)
    assert len((await world.client.do(calls.feed(group.signer("Ada")))).entries) == 1
    with pytest.raises(Declined) as refused:
        await world.client.do(calls.feed(group.signer("Cy")))
    assert refused.value.kind is Kind.SIGNATURE


async def test_a_roster_with_nobody_left_is_stale(world: World, group: Group) -> None:
    """A report whose recipients have all retired is refused: nobody would ever read it."""
    envelope = group.seal(handlers=group.handlers[:2])
    group.add(Member.draw("Di"))
    group.retire("Ada")
    group.retire("Bo")
    await world.found(group)
    with pytest.raises(Declined) as refused:
        await world.submit(group, envelope)
    assert refused.value.kind is Kind.STALE_ROSTER


async def test_rotated_keys_keep_their_reports(world: World, group: Group) -> None:
    """After a rotation the new key signs, lists and fetches what was sealed to the old; that one signs nothing."""
    from service.cases import rosters

    await world.file(group)
    old = group.signer("Ada")
    fresh = Member.draw("Ada")
    fresh.id = group.member("Ada").id
    group.say(rosters.Rotate(handler=fresh.id.hex(), card=fresh.card()))
    group.handlers[0] = fresh
    await world.found(group)
    page = await world.client.do(calls.feed(group.signer("Ada")))
    report = bytes.fromhex(page.entries[0].report)
    assert await world.client.do(calls.fetch_report(group.signer("Ada"), group.id, report))
    with pytest.raises(Declined) as refused:
        await world.client.do(calls.feed(old))
    assert refused.value.kind is Kind.SIGNATURE
