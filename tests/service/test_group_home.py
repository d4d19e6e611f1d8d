"""The folder of a group's root key: what a disk or somebody changed in its chain is called that, and not used."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from crypto.errors import Refused
from service.group_home import CHAIN_FILE, read_chain, verified, write_chain
from service.wire.shapes import RosterChain
from tests.support.groups import Group


@pytest.fixture
def group(tmp_path: Path) -> Group:
    drawn = Group.draw()
    write_chain(tmp_path, drawn.id, drawn.chain)
    return drawn


def test_what_is_written_is_read(tmp_path: Path, group: Group) -> None:
    assert verified(read_chain(tmp_path)).latest == group.roster


def test_a_changed_chain_is_said_to_be_changed(tmp_path: Path, group: Group) -> None:
    """It is the file on one's own disk: nobody forged anything, and a backup mends it."""
    path = tmp_path / CHAIN_FILE
    whole = msgspec.json.decode(path.read_bytes(), type=RosterChain)
    first, *_, last = whole.statements
    for statements in (
        (*whole.statements[:-1], last[:-1] + bytes([last[-1] ^ 1])),
        (first[:40] + b"x" + first[41:], *whole.statements[1:]),
        (first[:-100], *whole.statements[1:]),
        whole.statements[1:],
        (first, last),
    ):
        path.write_bytes(msgspec.json.encode(RosterChain(whole.group, statements)))
        with pytest.raises(
            Refused, match=r"^chain\.json is damaged, or somebody changed it: .* from a backup$"
        ):
            read_chain(tmp_path)
    path.write_bytes(msgspec.json.encode(RosterChain("0" * 32, whole.statements)))
    with pytest.raises(Refused, match="or somebody changed it"):
        read_chain(tmp_path)
