"""A handler's old keys are lost: a colleague can hand the cases back, and a false grant takes nothing away."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.codes import ReplyCode
from crypto.entropy import system
from crypto.errors import Refused
from crypto.opening import GRANT_SIZE
from service.cases.answers import Answers
from service.desk import actions
from service.desk.casebook import Case
from service.desk.keys import HandlerKey
from service.desk.session import Session, Setup, handlers_named
from service.desk.vault import Vault
from service.wire import calls, shapes
from service.wire.client import Client
from tests.support.desks import desk_of, published, synced
from tests.support.groups import Group
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

NOW = 1_900_000_000


def headlines(session: Session) -> set[str]:
    return {case.first.headline for case in session.cases().values()}


def grant_nonsense(client: Client, group: Group, by: str, case: Case, to: Group, key: HandlerKey) -> None:
    """Grant a report, as a colleague who does wrong, to a key in force with a grant that nothing opens."""
    false = shapes.Grant(
        system(16).hex(),
        group.id.hex(),
        case.first.id,
        to.id.hex(),
        key.pairs[0].key_id.hex(),
        system(GRANT_SIZE),
    )
    done = client.do(calls.batch(group.signer(by), [false]))
    assert [one.outcome for one in done.outcomes] == ["done"]


def test_whose_key_file_is_lost_is_handed_their_cases_by_a_colleague(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """What could not be opened is opened once it is granted, and so is what follows. Who has all of it is refused."""
    reporter = Reporter(client, group)
    reporter.report(Answers(what="It happened."))
    published(group, client, "Ada", HandlerKey.draw(system))
    with (
        desk_of(tmp_path, server.base, group, "Ada") as ada,
        desk_of(tmp_path, server.base, group, "Bo") as bo,
    ):
        synced(bo, client, NOW)
        assert synced(ada, client, NOW).new_reports == 0
        assert [one.grant for one in ada.unreadable()] == [""]
        reporter.burn(reporter.prepared(ReplyCode.draw(system), 0, "And then."), 0)
        synced(bo, client, NOW + 1)
        assert synced(ada, client, NOW + 1).new_follow_ups == 1
        [case], mine = bo.cases().values(), bo.history_of(group.id)
        for who in (["Cy"], ["Ada", "Cy"]):
            with pytest.raises(Refused, match="by the reporter already"):
                actions.forward(
                    bo.desk(NOW), case, bo.histories(), mine, handlers_named(mine.latest, who), ""
                )
        ada_again = handlers_named(mine.latest, ["Ada"])
        items = actions.forward(bo.desk(NOW + 2), case, bo.histories(), mine, ada_again, "")
        assert [item.what for item in items] == ["entry", "grant"], "the follow-up is sealed to her new key"
        bo.enqueue(items)
        assert synced(bo, client, NOW + 2).warnings == []
        assert synced(ada, client, NOW + 3).new_reports == 1
        assert ada.unreadable() == []
        [case] = ada.cases().values()
        assert (case.first.headline, [one.headline for one in case.follow_ups]) == (
            "It happened.",
            ["And then."],
        )
        ada.enqueue(actions.write_letter(ada.desk(NOW + 4), case, ada.histories(), "I have it again."))
        synced(ada, client, NOW + 4)
        assert [letter.handed_to for letter in reporter.letters()] == [()]
        assert synced(ada, client, NOW + 5).warnings == []


def test_who_was_told_and_lost_their_keys_is_told_again(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """Forwarded a second time, it is sealed to their new key, and their new desk looks again."""
    other = Group.draw("Borealis", ["Dina"])
    other.found(client)
    Reporter(client, group).report(Answers(what="It happened."))
    with desk_of(tmp_path, server.base, group, "Bo") as bo:
        synced(bo, client, NOW)
        bo.keep_chain(other.id, [one.raw for one in other.chain.statements], other.histories[other.id.hex()])

        def forward(at_s: int) -> None:
            [case], theirs = bo.cases().values(), bo.history_of(other.id)
            bo.enqueue(actions.forward(bo.desk(at_s), case, bo.histories(), theirs, None, ""))
            assert synced(bo, client, at_s).warnings == []

        forward(NOW + 1)
        published(other, client, "Dina", HandlerKey.draw(system))
        with desk_of(tmp_path, server.base, other, "Dina") as dina:
            assert synced(dina, client, NOW + 2).new_reports == 0
            synced(bo, client, NOW + 3)
            forward(NOW + 4)
            assert synced(dina, client, NOW + 5).new_reports == 1
            assert dina.unreadable() == []
            forward(NOW + 6)
            again = synced(dina, client, NOW + 7)
            assert (again.new_reports, again.warnings) == (0, [])


def test_a_false_grant_to_a_new_key_takes_nothing_away(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """Dina was told and has rotated; before her desk syncs, a colleague of Bo grants nonsense to her new key."""
    other = Group.draw("Borealis", ["Dina"])
    other.found(client)
    Reporter(client, group).report(Answers(what="It happened."))
    with desk_of(tmp_path, server.base, group, "Bo") as bo:
        synced(bo, client, NOW)
        bo.keep_chain(other.id, [one.raw for one in other.chain.statements], other.histories[other.id.hex()])
        [case], theirs = bo.cases().values(), bo.history_of(other.id)
        bo.enqueue(actions.forward(bo.desk(NOW + 1), case, bo.histories(), theirs, None, ""))
        assert synced(bo, client, NOW + 1).warnings == []
    old = other.member("Dina")
    key = HandlerKey(old.signing, old.sealing).rotated(system)
    published(other, client, "Dina", key)
    grant_nonsense(client, group, "Cy", case, other, key)
    vault = Vault(tmp_path / "dina.db", key.store_key())
    dina = Session(vault, key, Setup(server.base, other.id.hex(), "Dina"), system)
    came = synced(dina, client, NOW + 2)
    assert (came.new_reports, came.warnings, headlines(dina)) == (1, [], {"It happened."})
    vault.close()


def test_who_was_granted_nonsense_first_is_handed_the_report_by_new_keys(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """Which of two grants to one key opens, the server can't tell; the desk lists what does not."""
    other = Group.draw("Borealis", ["Dina"])
    other.found(client)
    Reporter(client, group).report(Answers(what="It happened."))
    old = other.member("Dina")
    key = HandlerKey(old.signing, old.sealing)
    with (
        desk_of(tmp_path, server.base, group, "Bo") as bo,
        desk_of(tmp_path, server.base, other, "Dina") as dina,
    ):
        synced(bo, client, NOW)
        bo.keep_chain(other.id, [one.raw for one in other.chain.statements], other.histories[other.id.hex()])
        [case] = bo.cases().values()
        grant_nonsense(client, group, "Cy", case, other, key)

        def forward(at_s: int) -> None:
            [case], theirs = bo.cases().values(), bo.history_of(other.id)
            bo.enqueue(actions.forward(bo.desk(at_s), case, bo.histories(), theirs, None, ""))
            assert synced(bo, client, at_s).warnings == []
            synced(dina, client, at_s)

        forward(NOW + 1)
        assert [one.id for one in dina.unreadable()] == [case.first.id]
        dina.key = key.rotated(system)
        published(other, client, "Dina", dina.key)
        synced(bo, client, NOW + 2)
        forward(NOW + 3)
        assert dina.unreadable() == []
        assert headlines(dina) == {"It happened."}


def test_a_false_grant_hides_nothing_from_who_can_open_it(
    tmp_path: Path, server: RunningServer, client: Client, group: Group
) -> None:
    """A colleague grants nonsense to the new key of a recipient, who comes with an empty store."""
    Reporter(client, group).report(Answers(what="It happened."))
    old = group.member("Ada")
    key = HandlerKey(old.signing, old.sealing).rotated(system)
    published(group, client, "Ada", key)
    with desk_of(tmp_path, server.base, group, "Bo") as bo:
        synced(bo, client, NOW)
        [case] = bo.cases().values()
    grant_nonsense(client, group, "Bo", case, group, key)
    vault = Vault(tmp_path / "fresh.db", key.store_key())
    ada = Session(vault, key, Setup(server.base, group.id.hex(), "Ada"), system)
    assert synced(ada, client, NOW).warnings == []
    assert headlines(ada) == {"It happened."}
    vault.close()
