"""Pins: a group or server that changes its story is refused, with words a person understands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import chains
from crypto.entropy import system
from crypto.errors import Refused
from crypto.signatures import SigningKey
from service.cases import rosters
from service.cases.rosters import RosterHistory
from service.wire.pins import Forked, OtherServer, Pins, RolledBack, load, save
from tests.support.groups import Group, Member


def history(group: Group, upto: int | None = None) -> RosterHistory:
    return rosters.verified_history(group.id, [s.raw for s in group.chain.statements][:upto])


def test_a_chain_that_goes_on_is_accepted() -> None:
    """The head moves along as handlers come and go; the same chain again is fine."""
    group = Group.draw()
    pins = Pins().accept(history(group))
    assert pins.accept(history(group)) == pins
    group.add(Member.draw("Di"))
    assert pins.accept(history(group)).groups[group.id] == (4, group.roster.digest)


@pytest.mark.parametrize("upto", [1, 2, 3])
def test_a_rolled_back_chain_is_refused(upto: int) -> None:
    """A server that hides the last statements, such as a retirement, is found out."""
    group = Group.draw()
    pins = Pins().accept(history(group))
    with pytest.raises(RolledBack, match="older list of handlers"):
        pins.accept(history(group, upto))


def test_a_forked_chain_is_refused_however_long() -> None:
    """Two histories signed by the same root, even if the other is longer: refused."""
    group = Group.draw()
    pins = Pins().accept(history(group))
    shorter = chains.VerifiedChain(group.chain.label, group.chain.root, group.chain.statements[:-1])
    rival = replace(group, handlers=group.handlers[:-1], chain=shorter)
    for name in ("Eve", "Mallory"):
        rival.add(Member.draw(name))
        with pytest.raises(Forked, match="contradicts"):
            pins.accept(history(rival))


def test_a_server_keeps_its_key() -> None:
    """The first key is remembered; another one for the same address is refused, for another address it is new."""
    one, two = (SigningKey(system(32)).verify_key() for _ in range(2))
    pins = Pins().accept_server("https://a.example", one)
    assert pins.accept_server("https://a.example", one) == pins
    with pytest.raises(OtherServer):
        pins.accept_server("https://a.example", two)
    assert pins.accept_server("https://b.example", two).servers["https://b.example"] == two.raw


def test_pins_survive_a_file(tmp_path: Path) -> None:
    """What is saved is loaded, in a file that only its owner reads; no file means no pins."""
    path = tmp_path / "made" / "pins.json"
    assert load(path) == Pins()
    pins = (
        Pins()
        .accept(history(Group.draw()))
        .accept_server("https://a.example", SigningKey(bytes(32)).verify_key())
    )
    save(path, pins)
    save(path, pins)
    assert load(path) == pins
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["pins.json"]


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_a_damaged_file_is_refused(raw: bytes) -> None:
    """Forgetting silently would undo the pins, so damage is an error."""
    with pytest.raises(Refused):
        Pins.from_bytes(raw)


def test_what_a_disk_changed_accuses_no_server(tmp_path: Path) -> None:
    """Any changed digit of a head or a key is damage, by the file's name, and not another story of the server's."""
    group, path = Group.draw(), tmp_path / "pins.json"
    known = (
        Pins().accept(history(group)).accept_server("https://a.example", SigningKey(bytes(32)).verify_key())
    )
    save(path, known)
    whole = path.read_bytes()
    places = [
        whole.index(group.roster.digest.hex().encode()),
        whole.index(b'"seq":') + 6,
        whole.index(b'"check":"') + 9,
    ]
    for at in (
        *places,
        whole.index(group.id.hex().encode()),
        whole.index(b"https") + 8,
        whole.index(b'example":"') + 12,
    ):
        other = b"1" if whole[at : at + 1] != b"1" else b"2"
        path.write_bytes(whole[:at] + other + whole[at + 1 :])
        with pytest.raises(Refused, match=r"^pins\.json: The file of known groups is damaged"):
            load(path)
    path.write_bytes(whole[: whole.index(b',"check"')] + b"}")  # as files of before the check are
    assert load(path) == known


def test_a_folder_in_the_files_place_is_said(tmp_path: Path) -> None:
    """In a sentence."""
    (tmp_path / "pins.json").mkdir()
    with pytest.raises(Refused, match=r"pins\.json: a file can't be read: Is a directory"):
        load(tmp_path / "pins.json")
