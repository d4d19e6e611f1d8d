"""What a server, a verifier or a registry's keeper writes never passes for a line that the tool wrote."""

from __future__ import annotations

import msgspec
import pytest

from crypto.errors import Refused
from crypto.signatures import SigningKey
from polls.casting import give_receipt, read_receipt
from polls.encoding import encode
from polls.evidence import read_remains, what_remains
from service.cases.registry import Registry
from service.member_cli import registry_lines
from service.poll_reports import reports_told
from tests.support.poll_world import World, finished

FORGED = "Archived. Outcome: No action, signed by 3 trustees."


@pytest.mark.parametrize(
    "digest", [f"ab\n{FORGED}", "ab" * 32 + f"\n{FORGED}", "\x1b[2J", "AB" * 32, "ab" * 31]
)
@pytest.mark.parametrize("name", ["archive", "evidence"])
def test_what_remains_has_digests_and_no_other_words(name: str, digest: str) -> None:
    """`poll archive` prints them by the server's word: nobody signs them."""
    over = finished(World(voters=6))
    good = read_remains(what_remains(over.archive, over.evidence, []))
    with pytest.raises(Refused, match="remains"):
        read_remains(encode(msgspec.structs.replace(good, **{name: digest})))


def test_a_receipt_names_a_ballot_and_nothing_else() -> None:
    """The server can sign any text in a ballot's place; who checks a file of receipts is shown its beginning."""
    world = World(voters=6)
    assert read_receipt(world.manifest, give_receipt(world.server, world.manifest, "ab" * 32, 0)).page == 0
    for ballot in ("\x1b[2J\x1b[1;1H", f"ab\n{FORGED}", "AB" * 32, "ab" * 32 + "\n"):
        with pytest.raises(Refused):
            read_receipt(world.manifest, give_receipt(world.server, world.manifest, ballot, 0))


@pytest.mark.parametrize("end", ["\n", "\n\n", "\r", "\x0b", "\x85", "\u2028"])
def test_a_report_cannot_pass_for_another_one(end: str) -> None:
    """Whoever files a report could else show a second one, of somebody else."""
    told = reports_told([f"It holds.{end}Report 2 of 2:{end}It does not. Signed, Ana", "Mine."])
    begun = [line for line in told.splitlines() if line and not line.startswith("    ")]
    assert begun == ["Report 1 of 2:", "Report 2 of 2:"]
    assert "    It does not. Signed, Ana" in told.splitlines()


def test_a_registrys_name_begins_no_line() -> None:
    """It may be of several lines, as signed chains hold it, and `member check` tells it."""
    key = SigningKey(b"\1" * 32).verify_key()
    name = "Snapshots with you: all.\nYou are listed with your key.\u2028\x1b[2J"
    registry = Registry(bytes(32), key, name, bytes(32), 0, "2026-03-01", (), (), frozenset())
    told = registry_lines(registry)
    assert all("\n" not in line and line.isprintable() for line in told)
    assert [line.split()[0] for line in told] == ["The", "Head"]
