"""What a rollout is made of: the state of the poll, the days, and whose words; without a server."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from crypto.errors import Refused
from polls.manifest import Conduct, Manifest
from service.cases.receipts import day_told
from service.desk.rollout import NEEDED, Rollout, checklist, rollout_of
from service.desk.rollout_letters import LETTERS, fill, load
from service.wire.poll_decisions import CouncilsWord, Said
from service.wire.poll_views import PollView
from tests.support.groups import Group
from tests.support.rollouts import acknowledged, made, out_of_the_chat
from tests.support.server_polls import DAY

pytestmark = pytest.mark.xdist_group("rollout made")

ACKNOWLEDGED = CouncilsWord(Said("Zoe", 1))


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> tuple[PollView, Group]:
    """A result that the council has: a temporary ban, after something that could not wait."""
    folder = tmp_path_factory.mktemp("delivered")
    after, view = acknowledged(made(folder / "before", out_of_the_chat), folder / "server")
    return view, after.original.group


async def test_every_state_says_what_comes_of_it(delivered: tuple[PollView, Group]) -> None:
    """With a day, without one, with none to come; what held before is told until the council recorded what it did."""
    view, group = delivered
    closed = view.manifest.closes_at // DAY

    def of(word: CouncilsWord, ends_on: int | None = None) -> Rollout:
        return rollout_of(view, word, group.roster, ends_on)

    first = of(ACKNOWLEDGED)
    assert (first.temporary, first.ends_on, first.end_open) == ("Out of the chat", None, True)
    assert "What held until then, Out of the chat, ends with it." in fill(load()["concerned"], first.values())
    assert "It rests on: <the published issues that apply>." in fill(load()["concerned"], first.values())
    assert any("closed for Out of the chat" in line for line in checklist(first))
    assert any("--ends DAY`" in line for line in checklist(first))
    later = of(ACKNOWLEDGED, closed + 91)
    assert (later.ends_on, later.review_on) == (closed + 91, closed + 90)
    assert later.values()["hear_by"] == day_told(closed + 90)
    recorded = of(CouncilsWord(Said("Zoe", 1), Said("Zoe", 2, "Done.", None)))
    assert (recorded.temporary, recorded.ends_on, recorded.end_open) == ("", None, False)
    letter = fill(load()["concerned"], recorded.values())
    assert "It ends on" not in letter
    assert "held until then" not in letter
    assert any(line.startswith("When it ends: lift") for line in checklist(recorded))
    assert "goes-on" in recorded.letters


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("open", "it is open, so there is nothing to carry out yet"),
        ("lapsed", "it is lapsed, so there is nothing"),
        ("decided", "it is decided, so there is nothing"),
        ("delivered", "desk acknowledge"),
        ("archived", "nobody of the council ever said"),
    ],
)
async def test_nothing_is_made_of_a_result_that_nobody_took(
    delivered: tuple[PollView, Group], state: str, words: str
) -> None:
    """Whatever a server shows; but what holds meanwhile has its letters until the result is there."""
    view, group = delivered
    shown = replace(view, shape=msgspec.structs.replace(view.shape, state=state))
    if state != "delivered":
        assert rollout_of(shown, CouncilsWord(), group.roster, None).kind == "meanwhile"
    manifest: Manifest = msgspec.structs.replace(view.manifest, basis=Conduct(("Harassment",)))
    with pytest.raises(Refused, match=words):
        rollout_of(replace(shown, manifest=manifest), CouncilsWord(), group.roster, None)


def test_each_letter_has_its_place() -> None:
    """None is written that no decision needs."""
    assert {name for some in NEEDED.values() for name in some} == set(LETTERS)
