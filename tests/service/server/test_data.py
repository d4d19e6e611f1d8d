"""service/DATA.md against the code: nothing is stored that is not described, nothing described that is not stored."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import msgspec
import pytest

import service
from crypto.codes import ReplyCode, address_of, claim_of
from crypto.entropy import system
from crypto.letters import LETTER_SIZE
from service.server import keys, mailboxes, records
from tests.support.groups import Group
from tests.support.inprocess import World

PAGE = (Path(service.__file__).parent / "DATA.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `([^`]+)` \((\w+)\)\n", PAGE, re.MULTILINE))


def fields_of(name: str) -> list[str]:
    """First column of the table under a record's heading."""
    body = PAGE.split(f"### `{name}` (", 1)[1].split("\n#", 1)[0]
    rows = re.findall(r"^\| (\w+) \|", body, re.MULTILINE)
    return [row for row in rows if row != "field"]


def test_every_record_has_its_section() -> None:
    """Names and shapes of the page are exactly those of the registry."""
    kept = {k.name: k.shape.__name__ if k.shape else "bytes" for k in records.REGISTRY}
    assert kept == SECTIONS


@pytest.mark.parametrize(
    "kept", [k for k in records.REGISTRY if k.shape is not None], ids=lambda kept: kept.name
)
def test_every_field_is_described(kept: records.Kept) -> None:
    """Fields in the page's table are exactly the record's, in order."""
    assert kept.shape is not None
    assert fields_of(kept.name) == [field.name for field in msgspec.structs.fields(kept.shape)]


def test_key_files_are_described(tmp_path: Path) -> None:
    """The page names every file that holds a key, and they are readable by their owner only."""
    keys.load_or_make(tmp_path, system)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == set(re.findall(r"^\| `(\w+\.key)` \|", PAGE, re.MULTILINE))
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


async def test_every_table_of_the_database_is_described(world: World) -> None:
    """Beside the records: what SQLite keeps of logs, and of trying itself, with all columns of the latter."""
    await world.deps.store.healthy()
    database = sqlite3.connect(Path(world.deps.settings.data) / "store.db")
    tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    columns = [row[1] for row in database.execute("PRAGMA table_info(probe)")]
    database.close()
    assert tables - set(re.findall(r"table `(\w+)`", PAGE)) == {"records"}
    assert all(f"`{column}`" in PAGE for column in columns)


async def test_nothing_unregistered_is_stored(world: World, group: Group) -> None:
    """After reports, letters, burns, grants, logs: every row has a registered name, and its shape."""
    claim = claim_of(ReplyCode(system(16)))
    await world.file(group)
    await world.file(group, bytes(64 * 1024))  # its envelope is a record of its own
    await mailboxes.post(world.deps, address_of(claim), system(16), bytes(LETTER_SIZE))
    await world.burn(group, claim_of(ReplyCode(system(16))), 0, group.seal())
    seen = set()
    for partition, kind in (("server", "server"), ("mail", "mail"), (f"g:{group.id.hex()}", "group")):
        for name, value in (await world.rows(partition)).items():
            begun = [k for k in records.REGISTRY if k.partition == kind and name.startswith(k.prefix)]
            ended = [k for k in begun if name.endswith(k.suffix)]
            (found,) = [k for k in ended if len(k.suffix) == max(len(each.suffix) for each in ended)]
            seen.add(found.name)
            if found.shape is not None:
                records.decode(value, found.shape)
    assert len(seen) >= 9
