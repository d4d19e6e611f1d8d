"""Belenios' own verifier, written by others, accepts our archives and refuses tampered ones.

Debian's `belenios-tool` 2.0 knows the group BELENIOS-2048: it judges our code over that group, always. It does not
know Ed25519. Where `BELENIOS_TOOL` names a build of 2.5.1 or newer, that one judges the archives that polls
really make; where not, the tests that ask it are skipped, each by name in the summary of the run. What our own verifier
says of the same archives is tested always.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from polls import archive
from polls.audit import audit
from polls.group import ED25519
from polls.verify import verify
from tests.support import belenios
from tests.support.poll_world import Finished, each_once, thousand
from tests.support.tamper import Path as Field
from tests.support.tamper import leaves, with_change

pytestmark = pytest.mark.xdist_group("belenios")  # the polls they judge take long to make: once is enough


@pytest.fixture
def debian_tool() -> str:
    return belenios.debian_tool()


@pytest.fixture
def ed25519_tool() -> str:
    return belenios.ed25519_tool()


@pytest.fixture(scope="module")
def many() -> bytes:
    """1,000 ballots over Ed25519."""
    return thousand(1000)


def laid(raw: bytes, folder: Path) -> Path:
    """Put an archive, alone and by its name, into a folder."""
    uuid = json.loads(archive.read(raw).election)["uuid"]
    for old in folder.glob("*.bel"):
        old.unlink()
    folder.joinpath(f"{uuid}.bel").write_bytes(raw)
    return folder


def test_debian_s_belenios_tool_accepts_our_code_over_its_group(
    debian_tool: str, field_poll: Finished, tmp_path: Path
) -> None:
    """5 members, threshold 2 of 3, a revote, abstentions, over BELENIOS-2048."""
    belenios.check_accepted(debian_tool, laid(field_poll.archive, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ballot", "partial", "result"])
def test_debian_s_belenios_tool_refuses_every_changed_field(
    debian_tool: str, field_poll: Finished, tmp_path: Path, name: str
) -> None:
    """Of a ballot, a partial decryption and the result, in an archive chained anew around the change."""
    for field, forged in forgeries(field_poll.archive, name):
        done = belenios.verdict(debian_tool, laid(forged, tmp_path))
        assert done.returncode != 0, (field, done.stderr)


def test_an_ed25519_poll_holds_by_our_verifier(twelve: Finished) -> None:
    """12 members, one revote, abstentions: the record that polls make."""
    assert verify(ED25519, twelve.archive, twelve.evidence).passed
    assert audit(ED25519, twelve.archive).counts == ((1, 5, 3, 2),)


def test_belenios_tool_accepts_an_ed25519_poll(ed25519_tool: str, twelve: Finished, tmp_path: Path) -> None:
    """The same record, with its result and without."""
    belenios.check_accepted(ed25519_tool, laid(twelve.archive, tmp_path))
    contents = archive.read(twelve.archive)
    without = archive.write(replace(contents, partial=[], result=None))
    belenios.check_accepted(ed25519_tool, laid(without, tmp_path))


@pytest.mark.slow
def test_a_thousand_ballots_hold_by_our_verifier(many: bytes) -> None:
    """All of them are counted."""
    assert sum(audit(ED25519, many).counts[0]) == 1000  # type: ignore[index]


@pytest.mark.slow
def test_belenios_tool_accepts_a_thousand_ballots(ed25519_tool: str, many: bytes, tmp_path: Path) -> None:
    """The same archive."""
    belenios.check_accepted(ed25519_tool, laid(many, tmp_path))


MESSAGES = ("trustees", "ballot", "partial", "result", "election")


def forgeries(raw: bytes, name: str) -> Iterator[tuple[Field, bytes]]:
    """Give an archive with each field of one message changed, chained anew around the change."""
    contents = archive.read(raw)
    (place, partial), *partials = contents.partial
    message = {
        "trustees": contents.trustees,
        "ballot": contents.ballots[1],
        "partial": partial,
        "result": contents.result or b"",
        "election": contents.election,
    }[name]
    for field in leaves(json.loads(message)):
        other = with_change(message, field)
        match name:
            case "ballot":
                forged = replace(contents, ballots=[contents.ballots[0], other, *contents.ballots[2:]])
            case "partial":
                forged = replace(contents, partial=[(place, other), *partials])
            case "trustees":
                forged = replace(contents, trustees=other)
            case "result":
                forged = replace(contents, result=other)
            case _:
                forged = replace(contents, election=other)
        yield field, archive.write(forged)


@pytest.mark.slow
@pytest.mark.parametrize("name", MESSAGES)
def test_our_verifier_refuses_every_changed_field(small: Finished, name: str) -> None:
    """Of every message that Belenios defines."""
    for field, forged in forgeries(small.archive, name):
        assert not verify(ED25519, forged, small.evidence, mapper=each_once).passed, field


@pytest.mark.slow
@pytest.mark.parametrize("name", MESSAGES)
def test_belenios_tool_refuses_what_ours_refuses(
    ed25519_tool: str, small: Finished, tmp_path: Path, name: str
) -> None:
    """The same changes, but for one kind: 2.5.1 ignores signatures of verification keys, checked from 3.3 on."""
    for field, forged in forgeries(small.archive, name):
        if name == "trustees" and "verification_keys" in field and "signature" in field:
            continue
        assert belenios.verdict(ed25519_tool, laid(forged, tmp_path)).returncode != 0, field
