"""A server that makes up trustees: it runs the ceremony with one of them and plays the others itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from crypto.entropy import system
from crypto.errors import Refused
from crypto.signatures import SigningKey
from polls.channels import TrusteeSeed
from polls.group import ED25519
from polls.transcript import Step, Transcript
from service.booth.trustees import TrusteeHome, TrusteeKeys
from service.booth.trustees_work import Trustee
from service.wire import poll_shapes as shapes
from service.wire.calls import Call
from service.wire.client import Client
from service.wire.poll_boards import board_of
from service.wire.poll_views import board_id, poll_view, sign_message
from tests.support.poll_world import World

GROUP = b"\xaa" * 16


class Impostor:
    """A server that answers for the trustees whose place is not `place`, with seeds and keys of its own."""

    def __init__(self, definition: shapes.DefineBoard, place: int) -> None:
        self.definition, self.place = definition, place
        self.board = board_id(GROUP, definition)
        self.transcript: Transcript[Any, Any] = Transcript(ED25519, 3, 2)
        self.seeds = {each: TrusteeSeed.draw(system) for each in (1, 2, 3) if each != place}
        self.key = SigningKey(system(32))
        self.signatures: dict[tuple[Step, int], bytes] = {}
        self.poll: shapes.PollShape | None = None

    def play(self) -> None:
        """Say what is due from the others."""
        for place, seed in self.seeds.items():
            while (answer := self.transcript.answer(seed, place)) is not None:
                step, message = answer
                self.transcript = self.transcript.with_message(step, place, message)
                self.signatures[step, place] = sign_message(self.key, self.board, step, message)

    def shape(self) -> shapes.BoardShape:
        """Show the board, as the real server would."""
        said = tuple(
            shapes.SaidMessage(step.value, place, message, self.signatures[step, place])  # type: ignore[arg-type]
            for step, by_place in self.transcript.said.items()
            for place, message in sorted(by_place.items())
        )
        complete = self.transcript.complete(Step.OUTPUT)
        return shapes.BoardShape(self.board.hex(), GROUP.hex(), self.definition, said, complete)

    def do(self, call: Call[Any]) -> Any:
        """Answer a client."""
        if call.method == "POST" and "/boards/" in call.target:
            sent = msgspec.json.decode(call.body, type=shapes.SayMessage)
            step = Step(sent.step)
            self.transcript = self.transcript.with_message(step, self.place, sent.message)
            self.signatures[step, self.place] = sent.signature
            self.play()
        shape = self.shape() if "/boards/" in call.target else self.poll
        return call.parse(msgspec.json.encode(shape))


def trustee_at(folder: Path, server: Impostor, keys: TrusteeKeys) -> Trustee:
    """An honest trustee who talks to that server."""
    return Trustee(TrusteeHome(folder, None), keys, cast(Client, server))


def drawn() -> tuple[list[TrusteeKeys], shapes.DefineBoard]:
    """Three honest trustees and the board that the mediator defined of their cards."""
    keys = [TrusteeKeys.draw(system) for _ in range(3)]
    cards = tuple(each.card(f"T{place}") for place, each in enumerate(keys, 1))
    return keys, shapes.DefineBoard("The board", 2, cards)


def test_a_server_cannot_play_the_other_trustees(tmp_path: Path) -> None:
    """Its messages are not signed by the keys of the cards: the trustee refuses at the first, and says no more."""
    keys, definition = drawn()
    server = Impostor(definition, place=1)
    trustee = trustee_at(tmp_path, server, keys[0])
    with pytest.raises(Refused, match="not signed by the trustee whom it is shown of"):
        trustee.step(server.board)
    with pytest.raises(Refused, match="not signed by the trustee whom it is shown of"):
        trustee.step(server.board)
    assert {step for step, place in server.signatures if place == 1} == {Step.CERTIFICATE}


def test_a_trustee_shows_no_share_for_a_key_that_their_board_did_not_make(tmp_path: Path) -> None:
    """A poll under another key than the board's is refused before anything is sent, though it names the board."""
    keys, definition = drawn()
    servers = [Impostor(definition, place) for place in (1, 2)]
    for server in servers:  # two complete ceremonies of one board, as if both were the trustees' own
        seeds = (
            [each.seed for each in keys] if server is servers[0] else [TrusteeSeed.draw(system) for _ in keys]
        )
        server.transcript = Transcript(ED25519, 3, 2)
        for _ in range(4):
            for place, seed in enumerate(seeds, 1):
                answer = server.transcript.answer(seed, place)
                if answer is not None:
                    step, message = answer
                    server.transcript = server.transcript.with_message(step, place, message)
                    server.signatures[step, place] = sign_message(
                        keys[place - 1].signing, server.board, step, message
                    )
    world = World(voters=6)
    world.trustees = servers[1].transcript.board()
    manifest = world.make_manifest()
    servers[0].poll = shapes.PollShape(
        poll=manifest.phi.hex(),
        group=manifest.group_id,
        board=servers[0].board.hex(),
        state="waiting",
        manifest=manifest.raw,
        trustees=world.trustees.raw,
        proofs_needed=3,
        proved=(),
        agreed=(),
        decrypted=(),
        signed=(),
        sent=(),
        last_head=None,
        outcome=None,
        acknowledged=None,
        implemented=None,
        remains=None,
        now=1,
    )
    trustee = trustee_at(tmp_path, servers[0], keys[0])
    assert trustee.step(servers[0].board).waits == []
    with pytest.raises(Refused, match="not the one that this board made"):
        trustee.prove(manifest.phi)
    with pytest.raises(Refused, match="not the one that this board made"):
        trustee.decrypt(manifest.phi, manifest.closes_at)
    # Nor does a voter, or who asks for the status, take their names and words for those of who holds the key.
    view = poll_view(manifest.phi, servers[0].poll)
    with pytest.raises(Refused, match="not the one that this board made"):
        board_of(cast(Client, servers[0]), view)
    assert board_of(cast(Client, servers[1]), view).shape.definition == definition


class Forgetful(Impostor):
    """A server that answers with the board as it was before, whatever it is sent."""

    sent = 0

    def do(self, call: Call[Any]) -> Any:
        """Take nothing in; give up on a client that sends the same for ever."""
        self.sent += call.method == "POST"
        assert self.sent < 10
        return call.parse(msgspec.json.encode(self.shape()))


def test_a_server_that_keeps_nothing_is_not_told_for_ever(tmp_path: Path) -> None:
    """By what it shows the message stays due: it is sent once, and the trustee is told."""
    keys, definition = drawn()
    server = Forgetful(definition, place=1)
    with pytest.raises(Refused, match="does not show the message"):
        trustee_at(tmp_path, server, keys[0]).step(server.board)
    assert server.sent == 1
