"""For every field of every message of a poll's record: a changed value is refused, by the name of what failed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from polls import archive
from polls.archive import BLOCK, Contents
from polls.verify import verify
from tests.support.poll_world import DAY, OPENS, Finished, World, each_once
from tests.support.tamper import leaves, with_change


def expect_refusal(poll: Finished, archive_: bytes, evidence: bytes, where: object) -> str:
    report = verify(poll.world.group, archive_, evidence, manifest=poll.manifest, mapper=each_once)
    assert not report.passed, f"not noticed: {where}"
    assert report.failure is not None
    # The failure is named: a step, and what about it.
    assert ": " in report.failure
    return report.failure


# A change of a message, with the archive named and chained anew: no hash gives it away.
Setter = Callable[[Contents, bytes], Contents]
MESSAGES: dict[str, tuple[Callable[[Contents], bytes], Setter, set[str]]] = {
    "election": (
        lambda c: c.election,
        lambda c, raw: replace(c, election=raw),
        {"trustees and election"},
    ),
    "trustees": (
        lambda c: c.trustees,
        lambda c, raw: replace(c, trustees=raw),
        {"trustees and election"},
    ),
    "credentials": (
        lambda c: c.credentials,
        lambda c, raw: replace(c, credentials=raw),
        {"certificates"},
    ),
    "ballot": (
        lambda c: c.ballots[1],
        lambda c, raw: replace(c, ballots=[c.ballots[0], raw, *c.ballots[2:]]),
        {"ballots"},
    ),
    "encrypted tally": (
        lambda c: c.tally or b"",
        lambda c, raw: replace(c, tally=raw),
        {"tally"},
    ),
    "partial decryption": (
        lambda c: c.partial[1][1],
        lambda c, raw: replace(c, partial=[c.partial[0], (c.partial[1][0], raw)]),
        {"decryption"},
    ),
    "result": (lambda c: c.result or b"", lambda c, raw: replace(c, result=raw), {"decryption"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MESSAGES)
def test_every_field_of_the_archive(small: Finished, name: str) -> None:
    """Every field of every message, in an archive that is chained anew around the change."""
    get, put, steps = MESSAGES[name]
    contents = archive.read(small.archive)
    raw = get(contents)
    for path in leaves(json.loads(raw)):
        forged = archive.write(put(copy.deepcopy(contents), with_change(raw, path)))
        failure = expect_refusal(small, forged, small.evidence, (name, path))
        assert failure.split(": ")[0] in steps, (path, failure)


@pytest.mark.slow
def test_every_field_of_every_ballot_that_reaches_the_ballot_check(small: Finished) -> None:
    """The board would give a changed ballot away: here it is checked by itself, and what failed is named."""
    from polls import ballots
    from polls.election import Election

    contents = archive.read(small.archive)
    election = Election.parse(small.world.group, contents.election)
    raw = contents.ballots[0]
    reasons = set()
    for path in leaves(json.loads(raw)):
        with pytest.raises(Exception, match=r"^(ballot|group element|point|proof)") as failure:
            ballots.check(election, ballots.parse(small.world.group, with_change(raw, path)))
        reasons.add(str(failure.value))
    assert "ballot: made for another election" in reasons
    assert "ballot: its signature is of another ballot" in reasons
    assert "ballot: signature does not verify" in reasons


@pytest.fixture(scope="module")
def four_of_twenty() -> Finished:
    """20 members, so that counts are signed; four voted, one of them twice, so that to verify takes little."""
    world = World(voters=20, seed=b"four of twenty")
    for voter in range(4):
        world.cast(voter, voter)
    world.cast(0, 2, OPENS + DAY + 5)
    return Finished(world, *world.finish())


@pytest.mark.slow
def test_every_field_of_the_evidence(four_of_twenty: Finished) -> None:
    """Manifest, rings, pages, head, certificates, signed outcome and counts.

    Of the long lists the first and last entries stand for the others, which only differ in their place.
    """
    poll = four_of_twenty
    message = json.loads(poll.evidence)
    assert message["counts"] is not None
    seen = set()
    for path in leaves(message):
        places = [step for step in path if isinstance(step, int)]
        kind = tuple(step for step in path if isinstance(step, str))
        if kind[0] in {"rings", "pages", "certificates"} and (kind, tuple(map(bool, places))) in seen:
            continue
        seen.add((kind, tuple(map(bool, places))))
        expect_refusal(poll, poll.archive, with_change(poll.evidence, path), path)


def files(raw: bytes) -> Iterator[tuple[int, str, bytes]]:
    at = 0
    while at < len(raw):
        name = raw[at : at + 100].rstrip(b"\0").decode()
        size = int(raw[at + 124 : at + 135], 8)
        yield at, name, raw[at + BLOCK : at + BLOCK + size]
        at += BLOCK + size + (-size % BLOCK)


def test_every_field_of_header_and_events(small: Finished) -> None:
    """A changed event or set-up message, its file named anew as a forger would: the chain breaks."""
    from polls.archive import _file
    from polls.encoding import hash_hex

    for at, name, text in list(files(small.archive)):
        kind = "event" if name.endswith(".event.json") else "data"
        if (
            name != "BELENIOS"
            and kind == "data"
            and not text.startswith((b'{"election":', b'{"num', b'{"owner'))
        ):
            continue
        for path in leaves(json.loads(text)):
            other = with_change(text, path)
            new_name = name if name == "BELENIOS" else f"{hash_hex(other)}.{kind}.json"
            size = BLOCK + len(text) + (-len(text) % BLOCK)
            stamp = int(small.archive[at + 136 : at + 147], 8)
            forged = small.archive[:at] + _file(new_name, other, stamp) + small.archive[at + size :]
            expect_refusal(small, forged, small.evidence, (name, path))


def test_any_byte_of_the_archive(small: Finished) -> None:
    """No byte is free: names, modes, paddings, checksums too."""
    for at in range(0, len(small.archive), 977):
        forged = bytearray(small.archive)
        forged[at] ^= 1
        failure = expect_refusal(small, bytes(forged), small.evidence, at)
        assert failure.startswith("archive: ")


def test_ballots_reordered_left_out_or_added(twelve: Finished) -> None:
    """The board fixes which ballots there are and their order: a revote can't be rolled back."""
    contents = archive.read(twelve.archive)
    ballots = contents.ballots
    for forged in (ballots[::-1], ballots[:-1], ballots[1:], [*ballots, ballots[0]]):
        failure = expect_refusal(
            twelve, archive.write(replace(contents, ballots=forged)), twelve.evidence, len(forged)
        )
        assert failure.startswith("ballots: not those of the board")


def test_records_of_two_polls_do_not_mix(twelve: Finished, twenty: Finished) -> None:
    """Evidence of one poll proves nothing about another."""
    assert expect_refusal(twelve, twenty.archive, twelve.evidence, "archive")
    assert expect_refusal(twelve, twelve.archive, twenty.evidence, "evidence") == (
        "manifest and electorate: manifest: not the one that was published"
    )
