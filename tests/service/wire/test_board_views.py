"""A board of trustees as a server shows it: its ceremony replayed, its trustees named by their own keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from crypto.errors import Refused
from service.booth.trustees import read_card
from service.wire import poll_calls
from service.wire import poll_shapes as shapes
from service.wire.poll_boards import card_words, trustees_told
from service.wire.poll_views import (
    sign_message,
    trustee_key_id,
    trustee_signer,
)
from tests.support.boards import BOARD, DEFINITION, GROUP, KEYS
from tests.support.poll_world import Finished, World, finished


@pytest.fixture(scope="module")
def over() -> Finished:
    return finished(World(voters=12))


def board_shape(**changes: Any) -> shapes.BoardShape:
    good = shapes.BoardShape(BOARD.hex(), GROUP.hex(), DEFINITION, (), complete=False)
    return msgspec.structs.replace(good, **changes)


def test_a_board_is_its_definition_and_its_ceremony_is_replayed(over: Finished) -> None:
    """Another threshold, another key, another group, a message that isn't due or isn't theirs: refused."""
    call = poll_calls.board(BOARD)
    assert call.parse(msgspec.json.encode(board_shape())).transcript.size == 3
    said = over.world.transcript.said
    messages = [
        shapes.SaidMessage(step.value, place, message, sign_message(KEYS[place - 1], BOARD, step, message))  # type: ignore[arg-type]
        for step, by_place in said.items()
        for place, message in by_place.items()
    ]
    whole = call.parse(msgspec.json.encode(board_shape(said=tuple(messages), complete=True)))
    assert whole.transcript.board().hash == over.world.trustees.hash
    swapped = msgspec.structs.replace(DEFINITION, trustees=DEFINITION.trustees[::-1])
    spoiled = msgspec.structs.replace(messages[-1], message=messages[-2].message)
    for changes in (
        {"board": "00" * 16},
        {"group": "bb" * 16},
        {"definition": swapped},
        {"said": tuple(messages[1:])},
        {"said": tuple(messages[::-1])},
        {"said": (*messages[:-1], spoiled)},
        {"said": (*messages[:-1], msgspec.structs.replace(messages[-1], signature=messages[-2].signature))},
        {"said": (*messages[:-1], msgspec.structs.replace(messages[-1], place=4))},
    ):
        with pytest.raises(Refused):
            call.parse(msgspec.json.encode(board_shape(**changes)))


def test_no_trustees_name_passes_for_anothers_words(tmp_path: Path) -> None:
    """A card with a line of its own making is refused wherever it is read; else names stand under the words."""
    words = card_words(DEFINITION.trustees[0])
    for name in (f"T0: {words}\n  2. T1", "T0\t", " T0", "T0\x1b[1A", " "):
        forged = msgspec.json.decode(msgspec.json.encode(board_shape()))
        forged["definition"]["trustees"][0]["name"] = name
        with pytest.raises(Refused, match="a trustee's card"):
            poll_calls.board(BOARD).parse(msgspec.json.encode(forged))
        (tmp_path / "card.json").write_bytes(msgspec.json.encode(forged["definition"]["trustees"][0]))
        with pytest.raises(Refused, match=r"card\.json: a trustee's card: a name"):
            read_card(tmp_path / "card.json")
    spaced = msgspec.structs.replace(DEFINITION.trustees[1], name=f"T1: {words}{' ' * 40}3. T2")
    board = msgspec.structs.replace(
        DEFINITION, trustees=(DEFINITION.trustees[0], spaced, DEFINITION.trustees[2])
    )
    first, second, third = (card_words(card) for card in board.trustees)
    assert "\n".join(trustees_told(board)).splitlines()[1:] == [
        f"  1. {first}",
        "     named T0",
        f"  2. {second}",
        f"     named T1: {words} 3. T2",
        f"  3. {third}",
        "     named T2",
    ]


def test_a_trustee_signs_as_their_board() -> None:
    """The board stands where a handler's group does, and the key's id isn't the board's or the key's own bytes."""
    signer = trustee_signer(BOARD, KEYS[0])
    assert signer.group == BOARD
    assert signer.key_id == trustee_key_id(KEYS[0].verify_key())
    assert len({trustee_key_id(key.verify_key()) for key in KEYS}) == 3
