"""`sottovoce desk rollout`: what a council member is given to carry a decision out, and by whose word."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from polls.manifest import Conduct
from service.cases.receipts import day_told
from service.cli import main
from service.desk.notices import example_of
from service.desk.rollout_letters import OURS, load
from service.wire.calls import Call
from service.wire.poll_views import PollView
from tests.support.desks import home_of
from tests.support.groups import Group
from tests.support.kept_polls import KeptPoll
from tests.support.poll_trustees import Bridge
from tests.support.rollouts import PASSPHRASE, Council, acknowledged, made, out_of_the_chat
from tests.support.server_polls import DAY

pytestmark = pytest.mark.xdist_group("rollout")


@pytest.fixture(scope="module")
def because_of_conduct(tmp_path_factory: pytest.TempPathFactory) -> KeptPoll:
    """Of two issues."""
    issues = Conduct(("Harassment", "Threats and violence"))
    return made(tmp_path_factory.mktemp("conduct") / "server", lambda world: issues)


@pytest.fixture(scope="module")
def because_of_urgency(tmp_path_factory: pytest.TempPathFactory) -> KeptPoll:
    """Where something holds until the members have decided."""
    return made(tmp_path_factory.mktemp("urgency") / "server", out_of_the_chat)


@pytest.fixture(scope="module")
def ban(tmp_path_factory: pytest.TempPathFactory, because_of_conduct: KeptPoll) -> KeptPoll:
    """What the poll about conduct decided, acknowledged."""
    return acknowledged(because_of_conduct, tmp_path_factory.mktemp("ban") / "server")[0]


@pytest.fixture
async def council(
    tmp_path: Path, because_of_conduct: KeptPoll, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Council]:
    async with because_of_conduct.world(tmp_path / "server") as world:
        yield Council(tmp_path, world, because_of_conduct.poll(world), monkeypatch)


@pytest.fixture
async def banning(tmp_path: Path, ban: KeptPoll, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Council]:
    """A council that has acknowledged a ban."""
    async with ban.world(tmp_path / "server") as world:
        yield Council(tmp_path, world, ban.poll(world), monkeypatch)


@pytest.fixture
async def urgent(
    tmp_path: Path, because_of_urgency: KeptPoll, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Council]:
    async with because_of_urgency.world(tmp_path / "server") as world:
        yield Council(tmp_path, world, because_of_urgency.poll(world), monkeypatch)


def texts(told: dict[str, Any]) -> dict[str, str]:
    return {letter["name"]: letter["text"] for letter in told["letters"]}


async def test_a_measure_is_rolled_out_from_its_result_to_the_invitation_back(council: Council) -> None:
    """What is known and signed is in the letters; the rest is marked; each of its days is told once it is known."""
    assert "it is waiting, so there is nothing" in await council.refused(council.id)
    await council.vote(1)
    assert "`sottovoce desk acknowledge`" in await council.refused(council.id)
    await council.poll.acknowledge()
    closed = council.poll.manifest.closes_at // DAY
    told = await council.told()
    assert (told["what"], told["measure"]) == ("measure", "Temporary ban")
    assert (told["closed"], told["review"], told["ends"]) == (day_told(closed), day_told(closed + 90), None)
    letters = texts(told)
    assert list(letters) == [
        "reporter",
        "concerned",
        "systems",
        "goes-on",
        "reporter-end",
        "back",
        "systems-open",
    ]
    assert letters["concerned"].splitlines()[2:11] == [
        "the community's members have decided, in a vote held by Aurora & friends, on what happened in "
        "<place or time, as the summary says it>.",
        "It rests on: Harassment, Threats and violence.",
        f"What was decided, on {day_told(closed)}: Temporary ban.",
        "It holds from <day>, in <places and systems>.",
        "It ends on <day on which it ends>.",
        f"It is looked at again on {day_told(closed + 90)}.",
        "What is expected meanwhile: <what may be done, what may not, whom to write to>.",
        "The way back: It ends by itself at the stated day, with an invitation back.",
        f"You will hear from us by {day_told(closed + 90)}, without having to ask.",
    ]
    assert f"the measure of {day_told(closed)} ended today." in letters["back"]
    assert "You are welcome back." in letters["back"]
    for letter in told["letters"]:
        assert bool(letter["blanks"]) is ("<" in letter["text"])
        assert council.poll.phi.hex() not in letter["text"]
    end = day_told(closed + 60)
    named = await council.told("--ends", end)
    assert (named["ends"], named["review"]) == (end, None)  # what is over by then isn't looked at again
    assert f"--text-file done.txt --ends {end}`" in "\n".join(named["checklist"])
    await council.poll.implement("They are banned from all places.", closed + 60)
    recorded = await council.told()
    assert texts(recorded) == texts(named)
    assert list(texts(named)) == ["reporter", "concerned", "systems", "reporter-end", "back", "systems-open"]
    assert "implemented" not in "\n".join(recorded["checklist"])
    council.world.clock.forward(41 * DAY)
    await council.world.keep_house()
    assert (await council.poll.view()).state == "archived"
    assert texts(await council.told()) == texts(named)
    assert "the council has recorded" in await council.refused(council.id, "--ends", end)


async def test_what_is_printed_is_a_list_and_the_letters(banning: Council) -> None:
    """In the order of their use; one letter alone is just its text; nothing is sent, and that is said."""
    lines = (await banning.gives(banning.id)).splitlines()
    closed = banning.poll.manifest.closes_at // DAY
    assert lines[:2] == [
        "Which action, if any, should the council take?",
        f"Decided on {day_told(closed)}: Temporary ban; it is looked at again on {day_told(closed + 90)}.",
    ]
    assert [line.split(".")[0] for line in lines[3:10]] == ["1", "2", "3", "4", "5", "6", "7"]
    assert lines[11] == "Nothing is sent or changed by this command: you do, with every <…> filled in."
    heads = [line for line in lines if line.startswith("== ")]
    assert heads[1] == "== concerned: To whom it concerns"
    alone = await banning.gives(banning.id, "--letter", "systems-open")
    assert alone.splitlines() == [
        "Please open the account <handle> on <system> again, today, and answer when it is done.",
        f"It was closed by a decision of Aurora & friends, poll {banning.id[:8]}.",
    ]
    assert "isn't needed here; these are: reporter, " in await banning.refused(
        banning.id, "--letter", "meanwhile"
    )


async def test_letters_are_written_for_their_owner_only_and_over_nothing(banning: Council) -> None:
    """Into a folder that wasn't there; a community's own letters take the place of ours, all or none."""
    out, own = banning.folder / "out", banning.folder / "own"
    copytree(OURS, own)
    (own / "back.txt").write_text("Willkommen zurück bei {group}, <name>.\n", encoding="utf-8")
    told = await banning.told("--letters", str(own), "--out", str(out))
    letters = [f"{name}.txt" for name in ("checklist", *texts(told))]
    assert told["written"] == [str(out / name) for name in (*letters, "measure.toml")]
    assert (out.stat().st_mode & 0o777, (out / "back.txt").stat().st_mode & 0o777) == (0o700, 0o600)
    back = (out / "back.txt").read_text(encoding="utf-8")
    assert back == "Willkommen zurück bei Aurora & friends, <name>.\n"
    assert "1. First the people" in (out / "checklist.txt").read_text(encoding="utf-8")
    assert "name a new folder" in await banning.refused(banning.id, "--out", str(out), "--letter", "back")
    (own / "reporter.txt").unlink()
    gone = banning.folder / "gone"
    assert "reporter.txt: " in await banning.refused(
        banning.id, "--letters", str(own), "--out", str(gone), "--letter", "back"
    )
    (own / "reporter.txt").write_text("{victim}")
    assert "no field {victim}" in await banning.refused(banning.id, "--letters", str(own))
    assert not gone.exists()


async def test_other_councils_are_told_by_a_file_that_is_half_filled_in(banning: Council) -> None:
    """With what was decided and its days; it is refused until a person put the rest in, and then taken as it is."""
    file, notice = banning.folder / "measure.toml", banning.folder / "notice"

    async def share(text: str) -> Result:
        file.write_text(text, encoding="utf-8")
        zoe = ("--home", str(banning.folder / "Zoe"), "--passphrase-file", str(banning.folder / "passphrase"))
        to = ("--to-group", banning.poll.group.id.hex(), "--out", str(notice))
        line = ["desk", *zoe, "share-measure", "--file", str(file), *to]
        return await asyncio.to_thread(CliRunner().invoke, main, line)

    text: str = (await banning.told("--ends", "2999-12-31"))["measure_file"]
    assert "until = 2999-12-31" in text
    assert "<day; without an end, strike this line>" in (await banning.told())["measure_file"]
    assert (await share(text)).exit_code == 3
    places = '<places and events, as "All events of Aurora">'
    known = text.replace("<day>", "2026-03-09").replace(places, '""')
    assert (await share(known)).exit_code == 3  # no account yet
    done = await share(known.replace('<every account, as "github:someone">', '"github:someone"'))
    assert done.exit_code == 0, done.output
    assert notice.exists()
    quoted = example_of("x1", 'a "b" \\ c', None, None)
    assert tomllib.loads(quoted.splitlines()[2])["measure"] == 'a "b" \\ c'


async def test_the_letters_are_given_to_be_changed(council: Council) -> None:
    """With their fields, without a poll and without a passphrase; and what was written so is taken."""
    out = council.folder / "own"
    written = await council.gives("--example", "--out", str(out))
    assert "reporter.txt, concerned.txt, meanwhile.txt" in written
    assert written.endswith("\nChange them, and give the folder with --letters.\n")
    assert load(out) == load()
    assert await council.gives("--example", "--letter", "back") == load()["back"] + "\n"
    assert "give the poll's id" in await council.refused()


async def test_a_temporary_measure_is_rolled_out_and_lifted(urgent: Council) -> None:
    """It holds while the members vote; no action lifts it, with the invitation back, and then nothing is left."""
    end = day_told(int(urgent.world.clock()) // DAY + 20)
    told = await urgent.told()
    assert (told["what"], told["measure"], told["ends"]) == ("meanwhile", "Out of the chat", end)
    letters = texts(told)
    assert list(letters) == ["reporter", "meanwhile", "systems", "reporter-end", "back", "systems-open"]
    assert "What holds until then: Out of the chat." in letters["meanwhile"]
    assert f"It ends on {end}, or before that, when the members have decided." in letters["meanwhile"]
    assert "the measure of <day of the decision> ended today." in letters["back"]
    assert "implemented" not in "\n".join(told["checklist"])
    assert f"`sottovoce desk reviewed {urgent.id} --ended --only-here`" in "\n".join(told["checklist"])
    await urgent.vote(0)
    assert "`sottovoce desk acknowledge`" in await urgent.refused(urgent.id)
    await urgent.poll.acknowledge()
    told = await urgent.told()
    assert (told["what"], told["measure"], told["ends"]) == ("lifted", "No action", None)
    letters = texts(told)
    assert list(letters) == ["reporter", "back", "systems-open"]
    assert letters["reporter"].splitlines()[:3] == [
        "What was decided on what you told us: No action.",
        "What held until then, Out of the chat, ends with it.",
        "You need not do anything.",
    ]
    assert "Lift the temporary measure (Out of the chat)" in told["checklist"][0]
    assert "no action. There is nothing to roll out but the end of" in await urgent.gives(urgent.id)
    await urgent.poll.implement("It was lifted.", None)
    assert (await urgent.told())["what"] == "none"


async def test_the_councils_newest_word_on_the_measure_counts(banning: Council) -> None:
    """Its next look in the place of the days before; once it has ended, only what opens the doors is left."""
    closed = banning.poll.manifest.closes_at // DAY
    await banning.poll.implement("They are banned from all places.", closed + 120)
    await banning.poll.review(1, closed + 200)
    told = await banning.told()
    assert (told["review"], told["ends"]) == (day_told(closed + 200), None)
    assert f"reviewed {banning.id} --again DAY`." in "\n".join(told["checklist"])
    await banning.poll.review(2, None)
    ended = await banning.told()
    assert list(texts(ended)) == ["reporter-end", "back", "systems-open"]
    assert "It ends on" not in texts(ended)["reporter-end"]
    assert "has said in public that it has ended" in ended["checklist"][0]
    assert ended["measure_file"] is None
    assert "reviewed" not in "\n".join(ended["checklist"])


async def test_no_action_rolls_nothing_out(council: Council) -> None:
    """It is said, and is no error; only the reporter is written to."""
    await council.vote(0)
    await council.poll.acknowledge()
    told = await council.told()
    assert (told["what"], list(texts(told)), told["measure_file"]) == ("none", ["reporter"], None)
    lines = (await council.gives(council.id)).splitlines()
    assert lines[1].endswith(": no action. There is nothing to roll out.")
    assert "It ends" not in "\n".join(lines)
    assert "no measure was decided" in await council.refused(council.id, "--ends", "2999-01-01")


class Forging(Bridge):
    """A server that shows another end than the council signed."""

    def do(self, call: Call[Any]) -> Any:
        found = super().do(call)
        if isinstance(found, PollView) and found.shape.implemented is not None:
            done = msgspec.structs.replace(found.shape.implemented, ends_on=30_000)
            return replace(found, shape=msgspec.structs.replace(found.shape, implemented=done))
        return found


async def test_by_nobody_elses_word_and_for_nobody_else(banning: Council) -> None:
    """What the council didn't sign fills no letter; a handler's desk, another group's poll and nonsense are refused."""
    assert "desks of the council" in await banning.refused(banning.id, name="Ada")
    assert "64 hexadecimal" in await banning.refused("ab")
    assert "a day is like" in await banning.refused(banning.id, "--ends", "soon")
    assert "before it was decided" in await banning.refused(banning.id, "--ends", "2020-01-01")
    assert (await banning.type("ab" * 32)).exit_code == 6
    await banning.poll.implement("Banned.", 29_000)
    banning.bridge = Forging(banning.world.client)
    assert "no member of the group's council signed" in await banning.refused(banning.id)
    other = Group.draw("Borealis", council=["Yan"])
    await banning.world.found(other)
    banning.bridge = Bridge(banning.world.client)
    home_of(banning.folder / "Yan", "http://localhost:1", other, "Yan", PASSPHRASE)
    assert "of another group" in await banning.refused(banning.id, name="Yan")
