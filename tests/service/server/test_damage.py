"""One damaged record keeps nobody from the others, shows nobody more than before, and is said to the operator only."""

from __future__ import annotations

import msgspec
import pytest

from crypto.codes import ReplyCode, address_of, claim_of
from crypto.entropy import system
from service.server.records import MAIL, Feed, Grew, encode, group_partition
from service.storage.protocol import Delete, Insert, Put
from service.wire import calls, shapes
from service.wire.problems import Kind
from tests.support.caseload import did, entry, filed, handing
from tests.support.groups import Group
from tests.support.inprocess import World

BROKEN = b"damaged: canary"


async def damage(world: World, group: Group, beginning: bytes, end: bytes = b"", to: bytes = BROKEN) -> None:
    """Damage every record of a group whose name begins and ends like that."""
    partition = group_partition(group.id)
    found = [
        name for name in await world.rows(partition) if name.startswith(beginning) and name.endswith(end)
    ]
    assert found
    await world.deps.store.commit(partition, [Put(name, to) for name in found])


def feed_of(group: Group, name: str) -> bytes:
    return b"feed/" + group.member(name).id


async def two_filed(world: World, group: Group) -> tuple[bytes, bytes]:
    """Reports of two batches; those of one are listed by their ids."""
    first = await filed(world, group)
    world.clock.forward(1)
    return first, await filed(world, group)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What stands in the log, of each line what failed; nothing in it says with whom or with which report."""
    lines = [record.getMessage() for record in caplog.records if record.name == "sottovoce.server"]
    assert "canary" not in caplog.text
    return [line.split(" at ")[0] for line in lines]


@pytest.mark.parametrize(
    "value",
    [
        BROKEN,
        b"",
        encode(Feed(bytes(15), 20_000, 0, False, False, 0)),
        encode(Feed(bytes(16), 20_000, 6, False, False, 0)),
        encode(Feed(bytes(16), -1, 0, False, False, 0)),
    ],
)
async def test_a_feed_lists_a_report_whose_entry_is_damaged(
    world: World, group: Group, caplog: pytest.LogCaptureFixture, value: bytes
) -> None:
    """As before, from the report itself; also where something can be read that a desk would refuse the page for."""
    urgent = group.seal(b"urgent", [group.member("Ada"), group.member("Bo")])
    await world.submit(group, urgent, urgent=True)
    await filed(world, group)
    before = await world.client.do(calls.feed(group.signer("Ada")))
    assert len(before.entries) == 2
    damaged = next(one for one in before.entries if one.urgent)
    end = bytes.fromhex(damaged.report)
    await damage(world, group, feed_of(group, "Ada"), end, value)
    caplog.clear()
    assert await world.client.do(calls.feed(group.signer("Ada"))) == before
    assert told(caplog) == ["feed Damaged"]
    assert damaged.report not in caplog.text
    assert group.member("Ada").id.hex() not in caplog.text


async def test_a_feed_lists_what_was_handed_over_though_its_entry_is_damaged(
    world: World, group: Group
) -> None:
    """From another group, in which it is looked for; who was handed nothing is listed nothing."""
    other = Group.draw("Borealis", ["Pat", "Quin"])
    await world.found(other)
    report = await filed(world, group)
    assert await did(world, group, "Ada", handing(group, report, other, other.member("Pat"))) == ["done"]
    before = await world.client.do(calls.feed(other.signer("Pat")))
    [raw] = [
        value for name, value in (await world.rows(group_partition(other.id))).items() if b"feed/" in name
    ]
    place = feed_of(other, "Quin") + bytes(8) + report
    await world.deps.store.commit(group_partition(other.id), [Insert(place, raw)])
    await damage(world, other, b"feed/")
    assert await world.client.do(calls.feed(other.signer("Pat"))) == before
    assert [entry.granted for entry in before.entries] == [True]
    quin = await world.client.do(calls.feed(other.signer("Quin")))
    assert (quin.entries, quin.damaged) == ((), 1)


async def test_a_feed_counts_what_it_can_not_list(world: World, group: Group) -> None:
    """The others are listed, the cursor goes on, and nobody else's feed tells of it."""
    first, second = await two_filed(world, group)
    before = await world.client.do(calls.feed(group.signer("Ada")))
    cy = await world.client.do(calls.feed(group.signer("Cy")))
    await damage(world, group, b"report/" + first)
    await damage(world, group, feed_of(group, "Ada"), first)
    page = await world.client.do(calls.feed(group.signer("Ada")))
    assert [entry.report for entry in page.entries] == [second.hex()]
    assert (page.damaged, page.cursor) == (1, before.cursor)
    assert await world.client.do(calls.feed(group.signer("Bo"))) == before
    assert await world.client.do(calls.feed(group.signer("Cy"))) == cy


async def test_a_page_of_nothing_but_damaged_entries_is_no_end(world: World, group: Group) -> None:
    """Of the feed, of the activity, of a log: a desk reads on behind it."""
    report = await filed(world, group)
    partition, ada = group_partition(group.id), group.member("Ada").id
    for _ in range(2):
        await did(world, group, "Bo", *(entry(group, report) for _ in range(60)))
    await damage(world, group, b"log/")
    await damage(world, group, b"activity/")
    places = [b"feed/" + ada + bytes(8) + bytes([n]) * 16 for n in range(shapes.FEED_PAGE)]
    await world.deps.store.commit(partition, [Insert(place, BROKEN) for place in places])
    signer = group.signer("Ada")
    listed = await world.client.do(calls.feed(signer))
    assert (listed.entries, listed.damaged, listed.more) == ((), 100, True)
    assert len((await world.client.do(calls.feed(signer, listed.cursor))).entries) == 1
    grown = await world.client.do(calls.activity(signer))
    assert (grown.entries, grown.damaged, grown.more) == ((), 100, True)
    assert (await world.client.do(calls.activity(signer, grown.cursor))).damaged == 20
    log = await world.client.do(calls.read_log(signer, group.id, report))
    assert (log.entries, log.damaged, log.more) == ((), tuple(range(1, 101)), True)
    assert (await world.client.do(calls.read_log(signer, group.id, report, 100))).damaged[-1] == 120


async def test_a_log_and_an_activity_give_what_can_be_read(
    world: World, group: Group, caplog: pytest.LogCaptureFixture
) -> None:
    """And say which entries of a log can't, or that some of an activity can't."""
    first, second = await two_filed(world, group)
    notes = [entry(group, first, text) for text in (b"1", b"2", b"3")]
    await did(world, group, "Ada", *notes, entry(group, second))
    ada = b"activity/" + group.member("Ada").id
    await damage(world, group, b"log/" + first + b"/" + (2).to_bytes(8, "big"))
    await damage(world, group, ada + b"/" + (1).to_bytes(8, "big"))
    await damage(world, group, ada + b"/" + (2).to_bytes(8, "big"), to=encode(Grew(bytes(17), group.id)))
    caplog.clear()
    log = await world.client.do(calls.read_log(group.signer("Ada"), group.id, first))
    assert [one.entry for one in log.entries] == [notes[0].entry, notes[2].entry]
    assert log.damaged == (2,)
    page = await world.client.do(calls.activity(group.signer("Ada")))
    assert {one.report for one in page.entries} == {first.hex(), second.hex()}
    assert page.damaged == 2
    assert told(caplog) == ["log Damaged", "activity Damaged", "activity Damaged"]
    assert first.hex() not in caplog.text


async def test_a_page_that_is_whole_has_the_bytes_it_always_had(world: World, group: Group) -> None:
    """What is damaged is named where something is: a left-out handler's answers, and old desks, see no new field."""
    report = await filed(world, group)
    await did(world, group, "Ada", entry(group, report))
    signer = group.signer("Ada")
    for call in (calls.feed(signer), calls.activity(signer), calls.read_log(signer, group.id, report)):
        method, url, headers, body = world.client.request(call)
        answer = await world.http.request(method, url, headers=headers, content=body)
        assert msgspec.json.decode(answer.content).keys() <= {"entries", "cursor", "more"}


async def test_who_is_no_recipient_sees_no_damage(world: World, group: Group) -> None:
    """A damaged report is none for whoever it was none for, was left out of, or stepped out of."""
    report = await filed(world, group)
    assert await did(world, group, "Bo", shapes.Recuse(system(16).hex(), group.id.hex(), report.hex())) == [
        "done"
    ]
    other = Group.draw("Borealis", ["Pat", "Quin"])
    await world.found(other)
    assert await did(world, group, "Ada", handing(group, report, other, other.member("Pat"))) == ["done"]
    theirs = group_partition(other.id)  # as after a crash: granted, and not in Pat's feed yet
    listed = [name for name in await world.rows(theirs) if name.startswith(b"feed/")]
    await world.deps.store.commit(theirs, [Delete(name) for name in listed])
    await damage(world, group, b"report/" + report)
    onward = handing(group, report, group, group.member("Zoe"))
    recusal = shapes.Recuse(system(16).hex(), group.id.hex(), report.hex())
    for home, name, kind in (
        (group, "Ada", Kind.INTERNAL),
        (group, "Bo", Kind.NOT_FOUND),
        (group, "Cy", Kind.NOT_FOUND),
        (other, "Pat", Kind.INTERNAL),
        (other, "Quin", Kind.NOT_FOUND),
    ):
        signer = home.signer(name)
        assert await world.declined(calls.fetch_report(signer, group.id, report)) is kind, name
        assert await world.declined(calls.fetch_grant(signer, group.id, report)) is kind, name
        assert await world.declined(calls.read_log(signer, group.id, report)) is kind, name
        outcome = "failed" if kind is Kind.INTERNAL else "gone"
        assert await did(world, home, name, entry(group, report), onward) == [outcome] * 2, name
        stepped_out = {"Bo": "done"}.get(name, outcome)
        assert await did(world, home, name, recusal) == [stepped_out], name


async def test_an_act_on_what_is_damaged_keeps_no_other_waiting(
    world: World, group: Group, caplog: pytest.LogCaptureFixture
) -> None:
    """On a report, in a mailbox: the batch's other acts are done, and it is done itself once that is restored."""
    first, second = await two_filed(world, group)
    address = address_of(claim_of(ReplyCode.draw(system)))
    partition, name = group_partition(group.id), b"report/" + first
    kept = (await world.rows(partition))[name]
    await damage(world, group, name)
    await world.deps.store.commit(MAIL, [Insert(b"box/" + address, BROKEN)])
    letter = shapes.PostLetter(system(16).hex(), address.hex(), bytes(shapes.LETTER_SIZE))
    note = entry(group, first)
    caplog.clear()
    assert await did(world, group, "Ada", note, letter, entry(group, second)) == ["failed", "failed", "done"]
    assert told(caplog) == ["act Damaged", "act Damaged"]
    await world.deps.store.commit(partition, [Put(name, kept)])
    assert await did(world, group, "Ada", note) == ["done"]
