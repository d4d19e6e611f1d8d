"""Strangers' files are read by a process that has nothing else, and that may fall without taking the server along."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from crypto.errors import Refused
from service.cases.attachments import clean
from service.cases.media_types import NotCleanable
from service.server.pages import cleaning
from service.server.pages.cleaning import Apart
from tests.support.groups import Group
from tests.support.inprocess import World
from tests.support.pages import Visitor

SEGMENTS = b"\xff\xd8" + b"\xff\xe0\x00\x02" * 1_900_000  # a JPEG of empty segments: seconds of reading
LATE = "What one of the files hides can't be removed."


def picture(kind: str, side: int = 40) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(out, kind, comment="CANARY")
    return out.getvalue()


@pytest.fixture
def apart() -> Iterator[Apart]:
    with Apart() as opened:
        yield opened


def children() -> set[int]:
    found = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(child) for children in found for child in children.read_text().split()}


def test_it_cleans_as_the_command_line_does(apart: Apart) -> None:
    """The same bytes, kinds and words, one file after the other; damaged and unknown ones are told apart."""
    for raw in (picture("JPEG"), picture("PNG"), picture("GIF"), picture("WEBP"), b"text"):
        assert apart.clean(raw) == clean(raw)
    with pytest.raises(NotCleanable):
        apart.clean(b"PK\x03\x04" + bytes(100))
    with pytest.raises(Refused) as damaged:
        apart.clean(picture("PNG")[:60])
    assert not isinstance(damaged.value, NotCleanable)
    assert apart.clean(picture("PNG")) == clean(picture("PNG"))


def test_it_ends_with_the_form_and_has_nothing_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting in its environment, no open file but the two lines to it; begun only when a file needs it."""
    monkeypatch.setenv("SOTTOVOCE_REDIS_URL", "redis://:hunter2@localhost")
    before = children()
    with Apart() as apart:
        assert children() == before
        apart.clean(picture("PNG"))
        [new] = children() - before
        assert b"hunter2" not in Path(f"/proc/{new}/environ").read_bytes()
        opened = sorted(int(one.name) for one in Path(f"/proc/{new}/fd").iterdir())
        assert opened == [0, 1, 2]
        limits = Path(f"/proc/{new}/limits").read_text()
        assert f"Max cpu time              {cleaning.CPU_S}" in limits
        assert "Max file size             0" in limits
    assert children() == before


def test_what_takes_too_long_ends_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the processor's time, and where that stands still, by the clock."""
    with monkeypatch.context() as hurried:
        hurried.setattr(cleaning, "CPU_S", 1)
        with Apart() as apart, pytest.raises(NotCleanable):
            apart.clean(SEGMENTS)
    monkeypatch.setattr(cleaning, "PATIENCE_S", 0.05)
    with Apart() as apart, pytest.raises(NotCleanable):
        apart.clean(SEGMENTS)


def test_what_takes_too_much_memory_ends_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen megapixels unpack to 200 MB: with less room they are refused, and a small picture fits all the same."""
    large = picture("PNG", 4_000)
    with Apart() as apart:
        assert apart.clean(large).media_type == "image/png"
    monkeypatch.setattr(cleaning, "MEMORY", 200 * 1024**2)
    with Apart() as apart:
        with pytest.raises(NotCleanable):
            apart.clean(large)
        assert apart.clean(picture("PNG")).media_type == "image/png"


@pytest.mark.parametrize(
    "said", [b"", b"\x00", b"\x00\x00\x00\x05abc", b"\xff\xff\xff\xff", b"\x00\x00\x00\x01\xc1"]
)
def test_no_answer_of_it_is_believed_that_is_none(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has taken it over can only refuse a file, or give another."""
    monkeypatch.setattr(cleaning, "_PROGRAM", ["-c", f"import sys; sys.stdout.buffer.write({said!r})"])
    with Apart() as apart, pytest.raises(NotCleanable):
        apart.clean(picture("PNG"))


async def test_the_page_says_so_and_goes_on(
    world: World, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report with such a file is shown again; the next one is cleaned."""
    monkeypatch.setattr(cleaning, "CPU_S", 1)
    refused = await Visitor(world.http).report(group.id, files=[("a.jpg", SEGMENTS)], what="See.")
    assert (refused.status, refused.errors[0][1][: len(LATE)]) == (422, LATE)
    monkeypatch.undo()
    assert (
        await Visitor(world.http).report(group.id, files=[("a.png", picture("PNG"))], what="See.")
    ).status == 200
