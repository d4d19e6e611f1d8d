"""A server that never comes to an end: what it shows of a closed poll is bounded by the poll, not by its patience."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, cast

import msgspec
import pytest

from crypto.errors import Refused
from polls.encoding import encode, hash_hex
from service.wire.poll_records import ballot_steps, steps
from service.wire.poll_views import BoardPages, ElectorateView, PollView
from tests.support.poll_world import World, vote_all

PATIENCE = 50
"""Answers after which a client that still asks is taken to ask for ever."""


@pytest.fixture(scope="module")
def world() -> World:
    made = World(voters=6)
    vote_all(made)
    return made


MADE_UP = dict(sorted((hash_hex(raw), raw) for raw in (b"%d" % n for n in range(2 * PATIENCE))))


def made_up(after: str) -> dict[str, bytes]:
    """The next text that a server made up and sorted by its hash: there are as many as it likes."""
    return dict([next(each for each in MADE_UP.items() if each[0] > after)])


def answered(going: Generator[Any, Any, Any], page: Any, after: Callable[[int, Any], Any]) -> None:
    """Answer a client again and again, each time with the page after the last one."""
    for turn in range(2, PATIENCE):
        going.send(page)
        page = after(turn, page)


@pytest.mark.parametrize("own", [True, False], ids=["after-some-of-the-board", "alone"])
def test_ballots_that_nobody_cast_are_not_gathered_for_ever(world: World, own: bool) -> None:
    """Texts can always be had whose hashes come one after the other, as many as a server likes."""
    first = min(world.stored)
    going = ballot_steps(world.manifest.phi, world.board())
    next(going)
    page = {first: world.stored[first]} if own else made_up("")
    with pytest.raises(Refused, match="go in circles"):
        answered(going, page, lambda _, last: made_up(max(last)))


def test_ballots_that_are_not_on_the_board_are_passed_over(world: World) -> None:
    """A server that dropped a ballot from its board may still have its text: that hides no proof of it."""
    going = ballot_steps(world.manifest.phi, world.board())
    next(going)
    with pytest.raises(StopIteration) as done:
        going.send({**world.stored, hash_hex(b"dropped"): b"dropped"})
    assert done.value.value == world.stored


def renamed(world: World, *names: str) -> tuple[bytes, ...]:
    """A page of certificates, of credentials with these names."""
    wire = next(iter(world.certificates.values()))
    return tuple(encode(msgspec.structs.replace(wire, credential=name)) for name in names)


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (lambda world, _: renamed(world, "f" * 64, "a"), "go in circles"),
        (lambda world, turn: renamed(world, f"{turn:064x}"), "more certificates than there are voters"),
    ],
    ids=["last-before-first", "always-more"],
)
def test_certificates_are_not_gathered_for_ever(
    world: World, page: Callable[[World, int], tuple[bytes, ...]], why: str
) -> None:
    """Neither the same page again and again, whose last is not its greatest, nor more than one for each voter."""
    pages, heads = world.flushed()
    going = steps(world.manifest.phi)
    next(going)
    view = PollView(cast(Any, None), world.manifest, world.trustees, None, None, None)
    for answer in (
        view,
        ElectorateView(cast(Any, None), world.electorate),
        BoardPages(world.board(), tuple(pages), heads[-1]),
        world.stored,
    ):
        going.send(answer)
    with pytest.raises(Refused, match=why):
        answered(going, page(world, 1), lambda turn, _: page(world, turn))
