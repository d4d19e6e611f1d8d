"""What the desk's page says of advice: as plainly as `show` what it could not check."""

from __future__ import annotations

import re
import time

import httpx
import msgspec

from service.cases.rosters import Rotate
from tests.support.consulting import World, advised
from tests.support.desk_pages import page_of
from tests.support.groups import Member


def case_page(world: World, name: str, question: str) -> str:
    """Give the page of the case about which somebody was asked this."""
    home, group = world.folder / name, world.groups[name]
    with page_of(home, group, name, world.server.base) as page, httpx.Client(base_url=page) as browser:
        cases = re.findall(r'href="/\w+/(case/\w+)"', browser.get("").text)
        [found] = {text for path in cases if question in (text := browser.get(path).text)}
    return found


def test_a_page_names_no_adviser_on_a_colleague_s_word(world: World) -> None:
    """With a list it gives its name, and says of a key that it is not in force; without one whose word the name is."""
    council, question = world.group_with("Olga", "Pia"), f"May we, at {time.monotonic_ns()}?"
    report = world.report()
    world.asked("Olga", report=report, group=council, text=question)
    [asked] = world.asked_at("Ada", report)
    olga = council.member("Olga")
    unsigned = msgspec.structs.replace(advised(asked, olga, text="Ban."), signature=bytes(64))
    world.writes("Ada", report, advised(asked, olga, name="Pia"), unsigned)

    page = case_page(world, "Bo", question)
    assert "Ada took it in as from Pia:</p>" in page
    assert 'class="warning">This desk has no list of the group that was asked' in page
    assert "Pia answered" not in page
    page = case_page(world, "Ada", question)
    assert "Olga answered, " in page
    assert "Ada took it in:</p>" in page
    assert "could not check" not in page
    assert "Signed by a key that is not in force" not in page
    for name in ("Ada", "Bo"):
        page = case_page(world, name, question)
        assert "nobody who was asked has signed it, so it does not count: Ban." in page
        assert page.count("Ban.") == 1  # in the log, and nowhere else

    council.say(Rotate(handler=olga.id.hex(), card=Member.draw("Olga").card()))
    council.found(world.client)
    world.does("Ada", "sync")
    page = case_page(world, "Ada", question)
    assert "Olga answered, " in page
    assert 'class="warning">Signed by a key that is not in force any more' in page
