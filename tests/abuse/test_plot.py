"""The picture: well-formed, self-contained, escaped, and complete."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from abuse.bursts import burst
from abuse.corroboration import corroborate
from abuse.plot import plot
from tests.support.brigades import account, edited, honest, text

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "</title><script>alert(1)</script>\"'&<svg onload=x>\x00\x1b\u202e\ud800"


def drawn(title: str = "github: alice", name: str = "r") -> str:
    base = text("base")
    sent = [account(f"{name}{n}", n * 0.2, edited(base, 0.1, n)) for n in range(20)] + honest(3)
    return plot(sent, corroborate(sent), title=title, burst=burst([a.at_s for a in sent], since_s=-1e7))


def test_every_report_is_drawn_with_its_voice_and_group() -> None:
    """20 circles in one row, 3 diamonds in rows of their own, the burst's band, the figures as text."""
    tree = ET.fromstring(drawn())  # noqa: S314 - our own text
    circles = tree.findall(f"{SVG}circle")
    assert len(circles) == 20
    assert len({circle.get("cy") for circle in circles}) == 1
    assert len(tree.findall(f"{SVG}path")) == 3
    assert len(tree.findall(f"{SVG}rect")) == 2
    assert tree.findtext(f"{SVG}title") == "github: alice"
    assert "23 reports" in (tree.findtext(f"{SVG}desc") or "")
    assert "20 alike" in drawn()
    assert "1 alone" in drawn()
    assert drawn() == drawn()


def test_markup_in_a_title_or_an_id_stays_text() -> None:
    """Script, markup, control and direction characters are text or gone, and nothing outside is referred to."""
    out = drawn(title=NASTY, name=NASTY)
    tree = ET.fromstring(out)  # noqa: S314 - our own text
    assert {element.tag.removeprefix(SVG) for element in tree.iter()} <= {
        "svg", "title", "desc", "rect", "text", "line", "circle", "path",
    }  # fmt: skip
    assert all(not name.startswith("on") and "href" not in name for e in tree.iter() for name in e.attrib)
    assert not set(out) & {"\x00", "\x1b", "\u202e", "\ud800"}
    assert out.count("http") == 1


@pytest.mark.parametrize("count", [0, 1, 60])
def test_few_and_many_groups_fit(count: int) -> None:
    """No report draws an empty frame; beyond 24 groups the last row holds the rest and says so."""
    sent = [account(f"{n}", n, text(n)) for n in range(count)]
    out = plot(sent, corroborate(sent), title="t")
    tree = ET.fromstring(out)  # noqa: S314 - our own text
    assert len(tree.findall(f"{SVG}circle")) == count
    assert int(tree.get("height") or 0) <= 44 + 24 * 24 + 34
    assert ("37 more groups" in out) == (count == 60)
