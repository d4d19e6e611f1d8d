"""A server that was restored from an older backup: what its people see, and that they can go on (docs/operating.md)."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from crypto.codes import ReplyCode
from crypto.entropy import system
from service.cases.answers import Answers
from service.desk import actions
from service.wire import calls
from service.wire.client import Client
from service.wire.pins import RolledBack
from tests.support.desks import desk_of, synced
from tests.support.groups import Group, Member
from tests.support.reporters import Reporter
from tests.support.server import running_server

NOW = 1_900_000_000


def test_everybody_goes_on_after_an_older_backup(tmp_path: Path) -> None:
    """Desks refuse the older list of handlers until it is published again; then they reach a report that was lost."""
    group = Group.draw()
    with (
        running_server(tmp_path / "server") as server,
        Client(server.base) as client,
        desk_of(tmp_path, server.base, group, "Ada") as ada,
    ):
        group.found(client)
        kept, lost = Reporter(client, group), Reporter(client, group)
        kept.report(Answers(what="before"))
        backup = tmp_path / "backup"
        backup.mkdir(mode=0o700)
        for key in server.data.glob("*.key"):
            shutil.copy2(key, backup)
        with closing(sqlite3.connect(server.data / "store.db")) as database:
            database.execute("VACUUM INTO ?", [str(backup / "store.db")])

        lost.report(Answers(what="after"))
        group.add(Member.draw("Dan"))
        group.found(client)
        synced(ada, client, NOW)
        before, new = kept.code, ReplyCode.draw(system)
        assert kept.burn(kept.prepared(new, 0, "lost too"), 0) is not None

        server.stop()
        shutil.move(server.data, tmp_path / "old")
        shutil.move(backup, server.data)
        server.start()

        with pytest.raises(RolledBack):
            synced(ada, client, NOW + 1)
        group.sent = len(client.do(calls.roster(group.id)).rosters)
        group.found(client)
        case = next(
            one
            for one in ada.cases().values()
            if ada.body_of(one.first).content.what == "after"  # type: ignore[union-attr]
        )
        ada.enqueue(
            actions.write_letter(ada.desk(NOW + 2), case, group.histories, "Still here.", question=True)
        )
        synced(ada, client, NOW + 3)
        assert [letter.text for letter in lost.letters()] == ["Still here."]
        kept.code = before
        assert kept.burn(kept.prepared(new, 0, "once more"), 0) is not None
        assert synced(ada, client, NOW + 4).new_follow_ups == 1
