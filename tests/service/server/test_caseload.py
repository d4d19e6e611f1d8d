"""What handlers do with reports: who may, once, and what the others see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crypto.entropy import system
from crypto.envelope import parse_envelope
from crypto.opening import grant, open_grant, open_report
from service.cases import rosters
from service.server import caseload
from service.server.caseload import hand_over_all
from service.server.records import group_partition
from service.wire import calls, shapes
from service.wire.failures import Declined
from service.wire.problems import Kind
from tests.support.caseload import CONTENT, did, entry, filed, handing
from tests.support.groups import Group, Member
from tests.support.inprocess import World


async def refused(world: World, call: calls.Call[object]) -> Kind | None:
    with pytest.raises(Declined) as caught:
        await world.client.do(call)
    return caught.value.kind


@pytest.mark.parametrize(
    ("size", "records"), [(100, 1), (16 * 1024 - 4, 1), (16 * 1024 - 3, 2), (64 * 1024, 2)]
)
async def test_envelopes_of_every_size_are_fetched_as_they_came(
    world: World, group: Group, size: int, records: int
) -> None:
    """Small ones stand in their report's record, larger ones beside it; whoever was left out gets neither."""
    envelope = group.seal(bytes(size), group.handlers[:2])
    await world.submit(group, envelope)
    ada, cy = group.signer("Ada"), group.signer("Cy")
    report = bytes.fromhex((await world.client.do(calls.feed(ada))).entries[-1].report)
    names = [name for name in await world.rows(group_partition(group.id)) if name.startswith(b"report/")]
    assert len(names) == records
    assert await world.client.do(calls.fetch_report(ada, group.id, report)) == envelope
    assert await refused(world, calls.fetch_report(cy, group.id, report)) is Kind.NOT_FOUND


async def test_a_log_keeps_what_two_wrote_at_once(world: World, group: Group) -> None:
    """Entries of two handlers are both kept, in one order for all; an item sent twice is kept once."""
    report = await filed(world, group)
    mine, theirs = entry(group, report, b"mine"), entry(group, report, b"theirs")
    assert await did(world, group, "Ada", mine) == ["done"]
    assert await did(world, group, "Bo", theirs, theirs) == ["done", "done"]
    assert await did(world, group, "Ada", mine) == ["done"]
    pages = [
        await world.client.do(calls.read_log(group.signer(name), group.id, report)) for name in ("Ada", "Bo")
    ]
    assert pages[0] == pages[1]
    assert [logged.entry for logged in pages[0].entries] == [mine.entry, theirs.entry]


async def test_a_log_is_read_in_pages(world: World, group: Group) -> None:
    """More entries than a page are read on from the last number."""
    report = await filed(world, group)
    for _ in range(2):
        await did(world, group, "Ada", *(entry(group, report) for _ in range(60)))
    first = await world.client.do(calls.read_log(group.signer("Ada"), group.id, report))
    assert (len(first.entries), first.more) == (100, True)
    rest = await world.client.do(calls.read_log(group.signer("Ada"), group.id, report, first.entries[-1].seq))
    assert (len(rest.entries), rest.more) == (20, False)


async def test_activity_names_grown_logs_to_their_readers_only(world: World, group: Group) -> None:
    """Readers learn which logs grew since they asked; a left-out handler's answer never changes."""
    before = await world.client.do(calls.activity(group.signer("Cy")))
    report = await filed(world, group)
    await did(world, group, "Ada", entry(group, report), entry(group, report))
    page = await world.client.do(calls.activity(group.signer("Bo")))
    assert [grown.report for grown in page.entries] == [report.hex()]
    again = await world.client.do(calls.activity(group.signer("Bo"), page.cursor))
    assert again.entries == ()
    assert again.cursor == page.cursor
    assert await world.client.do(calls.activity(group.signer("Cy"))) == before


@pytest.mark.parametrize("size", [1, 1_063, 1_065, 16_423])
async def test_entries_come_in_two_sizes(world: World, group: Group, size: int) -> None:
    """An entry of any other size would tell more than the two padded ones: it is not taken."""
    report = await filed(world, group)
    odd = shapes.AppendLog(system(16).hex(), group.id.hex(), report.hex(), bytes(size))
    assert await did(world, group, "Ada", odd) == ["gone"]


async def test_a_foreign_report_is_like_none(world: World, group: Group) -> None:
    """Envelope, grant, log and appending answer alike for a report of others and for one that isn't there."""
    report = await filed(world, group)
    signer = group.signer("Cy")
    for of in (report, bytes(16)):
        assert await refused(world, calls.fetch_report(signer, group.id, of)) is Kind.NOT_FOUND
        assert await refused(world, calls.fetch_grant(signer, group.id, of)) is Kind.NOT_FOUND
        assert await refused(world, calls.read_log(signer, group.id, of)) is Kind.NOT_FOUND
        recusal = shapes.Recuse(system(16).hex(), group.id.hex(), of.hex())
        onward = handing(group, of, group, group.member("Zoe"))
        assert await did(world, group, "Cy", entry(group, of), recusal, onward) == ["gone"] * 3


async def test_a_report_is_handed_to_another_group(world: World, group: Group) -> None:
    """The grantee finds it in their own feed, opens it with the granted key, and takes part in the log."""
    other = Group.draw("Borealis", ["Pat", "Quin"])
    await world.found(other)
    report = await filed(world, group)
    raw = await world.client.do(calls.fetch_report(group.signer("Ada"), group.id, report))
    opened = open_report(parse_envelope(raw), group.member("Ada").sealing)
    pat = other.member("Pat")
    sealed = grant(opened.content_key, pat.sealing.public_key(), report)
    assert await did(world, group, "Ada", handing(group, report, other, pat, sealed)) == ["done"]
    page = await world.client.do(calls.feed(other.signer("Pat")))
    assert [(e.report, e.group, e.granted) for e in page.entries] == [(report.hex(), group.id.hex(), True)]
    held = await world.client.do(calls.fetch_grant(other.signer("Pat"), group.id, report))
    assert open_grant(pat.sealing, held.sealed, report) == opened.content_key
    assert await world.client.do(calls.fetch_report(other.signer("Pat"), group.id, report)) == raw
    assert await did(world, other, "Pat", entry(group, report)) == ["done"]
    assert len((await world.client.do(calls.activity(group.signer("Ada")))).entries) == 1
    assert len((await world.client.do(calls.activity(other.signer("Pat")))).entries) == 1
    assert (await world.client.do(calls.feed(other.signer("Quin")))).entries == ()


async def test_nobody_is_handed_what_the_reporter_kept_from_them(world: World, group: Group) -> None:
    """A grant to a handler who was left out is refused; to one who joined later it is done."""
    report = await filed(world, group)
    late = Member.draw("Di")
    group.add(late)
    await world.found(group)
    outcomes = await did(
        world,
        group,
        "Ada",
        handing(group, report, group, group.member("Cy")),
        handing(group, report, group, late),
        handing(group, report, group, group.member("Bo")),
    )
    assert outcomes == ["left-out", "done", "done"]
    assert (await world.client.do(calls.feed(group.signer("Cy")))).entries == ()


async def test_nobody_is_handed_it_through_another_group(world: World, group: Group) -> None:
    """Whoever was left out is known there by a key, also one taken later, or by the name; others are handed it."""
    report = await filed(world, group)
    new = Member.draw("Cy")
    group.say(rosters.Rotate(handler=group.member("Cy").id.hex(), card=new.card()))
    await world.found(group)
    other = Group.draw("Borealis", ["Pat", "cY"])
    masked = replace(new, name="Quin", id=system(16))
    old = replace(group.member("Cy"), name="Rae", id=system(16))
    other.add(masked)
    other.add(old)
    await world.found(other)
    outcomes = await did(
        world,
        group,
        "Ada",
        *(handing(group, report, other, member) for member in (other.member("cY"), masked, old)),
        handing(group, report, other, other.member("Pat")),
    )
    assert outcomes == ["left-out", "left-out", "left-out", "done"]
    assert (await world.client.do(calls.feed(other.signer("cY")))).entries == ()


async def test_nobody_is_handed_it_under_a_key_that_is_no_more(world: World, group: Group) -> None:
    """Retired, or with a newer key: nobody would read what is sealed to the old one, or the wrong person."""
    report = await filed(world, group)
    other = Group.draw("Borealis", ["Pat", "Quin"])
    old = other.member("Pat")
    new = replace(Member.draw("Pat"), id=old.id)
    other.say(rosters.Rotate(handler=old.id.hex(), card=new.card()))
    other.handlers[0] = new
    other.retire("Quin")
    await world.found(other)
    gone = [handing(group, report, other, member) for member in (old, other.member("Quin"))]
    assert await did(world, group, "Ada", *gone) == ["gone", "gone"]
    granted = [name for name in await world.rows(group_partition(group.id)) if name.startswith(b"grant/")]
    assert granted == []
    assert await did(world, group, "Ada", handing(group, report, other, new)) == ["done"]


async def test_keys_of_one_group_open_nothing_as_those_of_another(world: World, group: Group) -> None:
    """Whoever has one key in two groups and stepped out in the first doesn't get back in through the second."""
    report = await filed(world, group)
    other = Group.draw("Borealis", ["Pat"])
    other.add(replace(group.member("Ada"), id=system(16)))
    await world.found(other)
    there = other.signer("Ada")
    recusal = shapes.Recuse(system(16).hex(), group.id.hex(), report.hex())
    for _ in range(2):
        assert await refused(world, calls.fetch_report(there, group.id, report)) is Kind.NOT_FOUND
        assert await refused(world, calls.read_log(there, group.id, report)) is Kind.NOT_FOUND
        assert await did(world, other, "Ada", entry(group, report)) == ["gone"]
        assert await did(world, group, "Ada", recusal) == ["done"]


async def test_a_handover_survives_a_crash(
    world: World, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the server dies between the grant and the feed, housekeeping lists it once; repeats don't list it again."""
    other = Group.draw("Borealis", ["Pat", "Quin"])
    await world.found(other)
    report = await filed(world, group)

    async def dies(*_: object) -> None:
        raise ConnectionError

    action = handing(group, report, other, other.member("Pat"))
    with monkeypatch.context() as patched:
        patched.setattr(caseload, "hand_over", dies)
        assert await refused(world, calls.batch(group.signer("Ada"), [action])) is Kind.INTERNAL
    assert (await world.client.do(calls.feed(other.signer("Pat")))).entries == ()
    assert await hand_over_all(world.deps, group.id) == 1
    assert await did(world, group, "Ada", action) == ["done"]
    assert await hand_over_all(world.deps, group.id) == 0
    assert len((await world.client.do(calls.feed(other.signer("Pat")))).entries) == 1


async def test_stepping_out_is_for_good(world: World, group: Group) -> None:
    """Who recuses loses feed entry, envelope and log, can't be granted it again; the others keep theirs."""
    report = await filed(world, group)
    recusal = shapes.Recuse(system(16).hex(), group.id.hex(), report.hex())
    assert await did(world, group, "Bo", recusal) == ["done"]
    assert await did(world, group, "Bo", recusal, entry(group, report)) == ["done", "gone"]
    assert (await world.client.do(calls.feed(group.signer("Bo")))).entries == ()
    assert await refused(world, calls.fetch_report(group.signer("Bo"), group.id, report)) is Kind.NOT_FOUND
    assert await did(world, group, "Ada", handing(group, report, group, group.member("Bo"))) == ["gone"]
    assert await world.client.do(calls.fetch_report(group.signer("Ada"), group.id, report))
    rows = await world.rows(group_partition(group.id))
    assert len([name for name in rows if name.startswith(b"feed/")]) == 1


async def test_a_feed_is_read_in_pages(world: World, group: Group) -> None:
    """150 reports come in two pages, each once."""
    envelope_count = 150
    from service.server import intake

    for _ in range(envelope_count):
        accepted = await intake.check(world.deps, group.id, group.seal(b"x"), follow_up=False)
        await intake.store(world.deps, accepted)
    first = await world.client.do(calls.feed(group.signer("Ada")))
    rest = await world.client.do(calls.feed(group.signer("Ada"), first.cursor))
    assert (len(first.entries), first.more, len(rest.entries), rest.more) == (100, True, 50, False)
    assert len({e.report for e in (*first.entries, *rest.entries)}) == envelope_count


async def test_a_recipient_with_a_new_key_can_be_handed_the_report(world: World, group: Group) -> None:
    """The one whose key it is not sealed to; who was left out or stepped out gets nothing by new keys."""
    report = await filed(world, group)
    assert await did(world, group, "Ada", handing(group, report, group, group.member("Bo"))) == ["done"]
    first = await world.client.do(calls.feed(group.signer("Bo")))
    assert [entry.granted for entry in first.entries] == [False]
    left_out = await world.client.do(calls.feed(group.signer("Cy")))
    for place, name in ((1, "Bo"), (2, "Cy")):
        new = replace(Member.draw(name), id=group.member(name).id)
        group.say(rosters.Rotate(handler=new.id.hex(), card=new.card()))
        group.handlers[place] = new
    await world.found(group)
    world.clock.forward(1)
    action = handing(group, report, group, group.member("Bo"))
    cy = handing(group, report, group, group.member("Cy"))
    assert await did(world, group, "Ada", action, action, cy) == ["done", "done", "left-out"]
    entries = (await world.client.do(calls.feed(group.signer("Bo")))).entries
    assert sorted(entry.granted for entry in entries) == [False, True]
    granted = await world.client.do(calls.fetch_grant(group.signer("Bo"), group.id, report))
    assert open_grant(group.member("Bo").sealing, granted.sealed, report) == CONTENT
    assert await world.client.do(calls.feed(group.signer("Cy"))) == left_out
    recusal = shapes.Recuse(system(16).hex(), group.id.hex(), report.hex())
    assert await did(world, group, "Bo", recusal) == ["done"]
    assert (await world.client.do(calls.feed(group.signer("Bo")))).entries == ()
    assert await did(world, group, "Ada", handing(group, report, group, group.member("Bo"))) == ["gone"]


async def test_a_grant_is_replaced_by_one_to_a_newer_key_only(world: World, group: Group) -> None:
    """Once for each key, and what was granted before is kept: nobody takes away what can be opened."""
    other = Group.draw("Borealis", ["Pat", "Quin"])
    await world.found(other)
    report = await filed(world, group)
    pat = other.member("Pat")
    assert await did(world, group, "Ada", handing(group, report, other, pat)) == ["done"]
    false = handing(group, report, other, pat, bytes(1_168))
    assert await did(world, group, "Bo", false) == ["done"]
    first = await world.client.do(calls.fetch_grant(other.signer("Pat"), group.id, report))
    assert open_grant(pat.sealing, first.sealed, report) == CONTENT
    new = replace(Member.draw("Pat"), id=pat.id)
    other.say(rosters.Rotate(handler=pat.id.hex(), card=new.card()))
    other.handlers[0] = new
    await world.found(other)
    for _ in range(2):
        world.clock.forward(1)
        assert await did(world, group, "Ada", handing(group, report, other, pat)) == ["gone"]
        assert await did(world, group, "Ada", handing(group, report, other, new)) == ["done"]
    second = await world.client.do(calls.fetch_grant(other.signer("Pat"), group.id, report))
    assert (second.key_id, open_grant(new.sealing, second.sealed, report)) == (new.key_id.hex(), CONTENT)
    assert second.earlier == (first.sealed,)
    entries = (await world.client.do(calls.feed(other.signer("Pat")))).entries
    assert [entry.report for entry in entries] == [report.hex()] * 2
    kept = [second.sealed, first.sealed]
    for number in range(shapes.EARLIER_GRANTS):
        new = replace(Member.draw("Pat"), id=pat.id)
        other.say(rosters.Rotate(handler=pat.id.hex(), card=new.card()))
        other.handlers[0] = new
        await world.found(other)
        world.clock.forward(1)
        kept.insert(0, bytes([number + 1]) * shapes.GRANT_SIZE)
        assert await did(world, group, "Bo", handing(group, report, other, new, kept[0])) == ["done"]
    last = await world.client.do(calls.fetch_grant(other.signer("Pat"), group.id, report))
    assert [last.sealed, *last.earlier] == kept[: 1 + shapes.EARLIER_GRANTS]
