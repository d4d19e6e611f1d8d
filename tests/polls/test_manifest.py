"""Manifests and electorates: what can't be built, opened or verified."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.entropy import seeded
from crypto.errors import Refused
from crypto.members import MemberKey
from polls.electorate import (
    Disclosure,
    EarlierPoll,
    Electorate,
    TooAlike,
    TooFew,
    check_repeat,
    most_disclosed,
)
from polls.encoding import encode
from polls.manifest import Conduct, Manifest, Option, Urgent, check_electorate, election_of, parse_manifest
from tests.support.poll_world import DAY, OPENS, OPTIONS, Finished, World

NO, WARNING, SUSPENSION, ABSTAIN = OPTIONS


def test_a_manifest_reads_back_and_every_field_is_in_its_digest(twelve: Finished) -> None:
    """φ names exactly this text."""
    manifest = twelve.world.manifest
    assert parse_manifest(encode(manifest)) == manifest
    other = twelve.world.make_manifest(quorum=2)
    assert other.phi != manifest.phi
    assert election_of(other, twelve.world.trustees).uuid != twelve.world.election.uuid


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((WARNING, SUSPENSION, ABSTAIN), "first option must be no action"),
        ((NO, WARNING, SUSPENSION), "last option must be abstaining"),
        ((ABSTAIN, WARNING, NO), "first option must be no action"),
        ((NO, ABSTAIN), "1 to 10 measures"),
        ((), "1 to 10 measures"),
        ((NO, *(Option(f"m{i}", 1) for i in range(11)), ABSTAIN), "1 to 10 measures"),
        ((NO, WARNING, Option("written WARNING", 3), ABSTAIN), "two options are the same"),
        ((NO, Option("Ban", 0), ABSTAIN), "looked at again"),
        ((NO, Option("Ban", 9999), ABSTAIN), "looked at again"),
        ((Option("No action", 5), WARNING, ABSTAIN), "only measures are looked at again"),
        ((NO, Option("a\u202eb", 5), ABSTAIN), "invisible characters"),
        ((NO, Option(" a", 5), ABSTAIN), "outer spaces"),
        ((NO, Option("", 5), ABSTAIN), "empty"),
    ],
)
def test_without_no_action_and_abstain_there_is_no_manifest(
    twelve: Finished, options: tuple[Option, ...], reason: str
) -> None:
    """Neither the builder nor the reader gives one; a server and a verifier read by the same function."""
    with pytest.raises(Refused, match=reason):
        twelve.world.make_manifest(options=options)
    message = json.loads(twelve.manifest)
    message["options"] = [{"text": o.text, "review_after_days": o.review_after_days} for o in options]
    with pytest.raises(Refused, match=reason):
        parse_manifest(json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 2}, "another version"),
        ({"quorum": 0}, "quorum"),
        ({"quorum": 13}, "quorum"),
        ({"disclosure": Disclosure.COUNTS}, "below 20 members only the outcome"),
        ({"closes_at": OPENS}, "close after it opens"),
        ({"cooling_off_s": 60}, "cooling-off"),
        ({"archive_at": OPENS + 8 * DAY}, "cooling-off"),
        ({"opens_at": 2**33 - DAY, "closes_at": 2**33, "archive_at": 2**33 + 30 * DAY}, "after it opens"),
        (
            {"opens_at": 2**33 - 40 * DAY, "closes_at": 2**33 - 31 * DAY, "archive_at": 2**33},
            "archive date is too far",
        ),
        ({"page_s": 0}, "interval"),
        ({"basis": Conduct(())}, "conduct issues"),
        ({"basis": Conduct(("a", "a"))}, "conduct issues"),
        ({"page_s": 10**30}, "interval is too long"),
        ({"basis": Urgent("Muted", OPENS)}, "must end"),
        ({"basis": Urgent("Muted", 2**33)}, "before 16 March 2242"),
        ({"basis": Urgent("Muted", 10**15)}, "before 16 March 2242"),
        ({"summary": "cc" * 31}, "digest or key"),
        ({"summary": "CC" * 32}, "digest or key"),
        ({"server_key": "zz" * 32}, "digest or key"),
        ({"electorate_size": 4}, "no secret poll"),
        ({"question": "a\nb"}, "invisible"),
    ],
)
def test_rules_that_can_not_be_got_round(twelve: Finished, changes: dict[str, Any], reason: str) -> None:
    """Each is refused by name, when built and when read."""
    with pytest.raises(Refused, match=reason):
        twelve.world.make_manifest(**changes)


def test_the_last_second_of_a_poll_is_still_a_date(twelve: Finished) -> None:
    """Archived a second before 2³³, or its measure ended: that is a poll, and each moment can be written."""
    times = {"opens_at": 2**33 - 40 * DAY, "closes_at": 2**33 - 31 * DAY, "archive_at": 2**33 - 1}
    last = twelve.world.make_manifest(basis=Urgent("Muted", 2**33 - 1), page_s=DAY, **times)
    assert datetime.fromtimestamp(parse_manifest(encode(last)).archive_at, UTC).year == 2242


def test_an_urgent_poll_has_a_measure_that_ends(twelve: Finished) -> None:
    """Row 11: the temporary measure holds until a day that is named."""
    urgent = twelve.world.make_manifest(basis=Urgent("Muted in all rooms", OPENS + 9 * DAY))
    assert parse_manifest(encode(urgent)).basis == Urgent("Muted in all rooms", OPENS + 9 * DAY)


def test_another_board_of_trustees_is_refused(twelve: Finished, twenty: Finished) -> None:
    """The election is the manifest's and the board's together."""
    with pytest.raises(Refused, match="another board of trustees"):
        election_of(twelve.world.manifest, twenty.world.trustees)


@pytest.mark.parametrize(
    ("size", "most"),
    [(5, Disclosure.OUTCOME), (19, Disclosure.OUTCOME), (20, Disclosure.COUNTS), (900, Disclosure.COUNTS)],
)
def test_disclosure_by_size(size: int, most: Disclosure) -> None:
    """Below 20 the outcome, from 20 counts."""
    assert most_disclosed(size) is most


@pytest.mark.parametrize("size", range(5))
def test_below_five_there_is_no_secret_poll(size: int) -> None:
    """By the size of the ring, so it can't be got round by naming another number."""
    members = [MemberKey.draw(seeded(bytes([i]))).public() for i in range(size)]
    with pytest.raises(TooFew):
        Electorate.freeze(members, left_out=())


def test_the_accused_and_the_recused_are_not_in_the_ring() -> None:
    """And with them left out the rules go by who remains."""
    world = World(voters=7)
    members = sorted(world.electorate.members)
    without = Electorate.freeze(members, left_out=members[:2])
    assert without.size == 5
    assert not set(members[:2]) & without.members
    with pytest.raises(Refused, match="names another electorate"):
        check_electorate(world.manifest, without)
    with pytest.raises(TooFew):
        Electorate.freeze(members, left_out=members[:3])


def test_a_repeat_among_nearly_the_same_people_is_refused_in_the_cooling_off() -> None:
    """Else the difference of two results is the vote of whoever came or went."""
    members = [MemberKey.draw(seeded(bytes([i]))).public() for i in range(30)]
    first = frozenset(members[:20])
    earlier = [EarlierPoll(b"m", first, cooling_off_until=100)]
    for again in (first, frozenset(members[1:20]), frozenset(members[4:24]), frozenset(members[:24])):
        with pytest.raises(TooAlike):
            check_repeat(b"m", again, 99, earlier)
    check_repeat(b"m", frozenset(members[5:25]), 99, earlier)
    check_repeat(b"m", frozenset(members[:25]), 99, earlier)
    check_repeat(b"m", first, 100, earlier)
    check_repeat(b"other", first, 99, earlier)


def test_more_than_255_members_vote_in_several_rings() -> None:
    """Sub-rings of 128 to 192; the digest covers all of them in order."""
    members = [MemberKey.draw(seeded(i.to_bytes(2, "big"))).public() for i in range(300)]
    electorate = Electorate.freeze(members, left_out=(), beacon=b"b" * 32)
    assert [len(ring) for ring in electorate.rings] == [150, 150]
    assert electorate.members == set(members)
    assert electorate.digest != Electorate.freeze(members, left_out=(), beacon=b"c" * 32).digest
    with pytest.raises(Refused, match="a member is in two rings"):
        Electorate((electorate.rings[0], electorate.rings[0]))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_garbage_is_refused(raw: bytes) -> None:
    """No input gives another exception than Refused."""
    with pytest.raises(Refused):
        parse_manifest(raw)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_cut_or_changed_manifest_is_refused_or_another_poll(twelve: Finished, data: st.DataObject) -> None:
    """Whatever is read is a valid manifest with that very text."""
    raw = bytearray(twelve.manifest)
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255))
    try:
        manifest = parse_manifest(bytes(raw))
    except Refused:
        return
    assert isinstance(manifest, Manifest)
    assert encode(manifest) == bytes(raw)
