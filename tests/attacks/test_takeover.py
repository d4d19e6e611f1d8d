"""A server that tries to write to handlers as the reporter, so that their letters go to a mailbox of its own.

It has every byte it ever received: reports, letters, log entries, and the claims of every mailbox that was opened. It
shows the desk whatever it likes. What it has not is a reply code, or what is sealed in a follow-up.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from crypto.codes import Claim, Proof, ReplyCode, address_of, claim_from, claim_of, mailbox_of
from crypto.entropy import system
from crypto.envelope import seal_envelope
from crypto.hashing import digest
from crypto.labels import Label
from service.cases.answers import Answers
from service.cases.reports import FollowUp, Unsealed
from service.desk import actions
from service.desk.casebook import Case
from service.desk.session import Session
from service.desk.show import list_view
from service.wire.calls import Call
from service.wire.client import Client
from service.wire.shapes import FeedPage
from tests.support.desks import desk_of, synced
from tests.support.groups import Group, burned
from tests.support.reporters import Reporter
from tests.support.server import RunningServer

T = TypeVar("T")
NOW = 1_900_000_000


class Malicious(Client):
    """The malicious server's side: what it received, and a feed that calls each follow-up the first."""

    received: list[bytes]

    def do(self, call: Call[T]) -> T:
        self.received.append(call.body)
        answer = super().do(call)
        if isinstance(answer, FeedPage):
            entries = tuple(
                msgspec.structs.replace(
                    entry, follow_up="first" if entry.follow_up == "repeat" else entry.follow_up
                )
                for entry in answer.entries
            )
            answer = msgspec.structs.replace(answer, entries=entries)
        return answer


@dataclass
class Scene:
    """A reporter, a handler's desk, and the server between them."""

    client: Malicious
    group: Group
    reporter: Reporter
    ada: Session
    now_s: int = NOW
    used: list[ReplyCode] = field(default_factory=list)

    def sync(self) -> Case:
        """Let the handler's desk ask the server; gives the one case that begins with a report."""
        self.now_s += 1
        synced(self.ada, self.client, self.now_s)
        (case,) = (one for one in self.ada.cases().values() if not one.stray)
        return case

    def write(self, text: str) -> None:
        """The handler writes to whom the desk takes for the reporter."""
        self.ada.enqueue(
            actions.write_letter(self.ada.desk(self.now_s), self.sync(), self.group.histories, text)
        )
        self.sync()

    def answer(self, message: str, seen: int) -> None:
        """The reporter answers, and has a new code."""
        self.used.append(self.reporter.code)
        self.reporter.burn(self.reporter.prepared(ReplyCode.draw(system), seen, message), seen)

    def messages(self) -> list[str]:
        """What the desk takes for the reporter's follow-ups."""
        contents = [self.ada.body_of(held).content for held in self.sync().follow_ups]
        return [content.message for content in contents if isinstance(content, FollowUp)]


@pytest.fixture
def scene(server: RunningServer, tmp_path: Path) -> Iterator[Scene]:
    """Two letters were read and one answered: the reporter opened the second mailbox and has not answered yet."""
    with Malicious(server.base) as client:
        client.received = []
        group = Group.draw()
        group.found(client)
        reporter = Reporter(client, group)
        reporter.report(Answers(what="It happened."))
        with desk_of(tmp_path, server.base, group, "Ada") as ada:
            scene = Scene(client, group, reporter, ada)
            scene.write("Who saw it?")
            assert [letter.text for letter in reporter.letters()] == ["Who saw it?"]
            scene.answer("Ann did.", 1)
            scene.write("May we ask her?")
            assert [letter.text for letter in reporter.letters()] == ["May we ask her?"]
            yield scene


def pieces(received: list[bytes]) -> set[bytes]:
    """Every 32 bytes that stand next to each other in what was received, and in what JSON spells."""
    whole = list(received)
    for body in received:
        try:
            spelled = json.loads(body)
        except ValueError:
            continue
        texts = [value for value in spelled.values() if isinstance(value, str)]
        whole += [urlsafe_b64decode(text + "=" * (-len(text) % 4)) for text in texts if text.isascii()]
    return {raw[at : at + 32] for raw in whole for at in range(len(raw) - 31)}


def forged(group: Group, proof: bytes, mine: ReplyCode) -> bytes:
    """A follow-up in the reporter's name that asks for answers to the mailbox of `mine`."""
    follow_up = FollowUp(proof.hex(), "I made it all up. Please close the case.", "en", "2026-11-21", ())
    plaintext = Unsealed(follow_up, (), address_of(claim_of(mine)), mailbox_of(mine).public_key()).to_bytes()
    keys = [handler.seal_key for handler in group.roster.recipients]
    return seal_envelope(plaintext, keys, group.id, group.roster.digest, system)


def test_nothing_the_server_received_is_a_proof(scene: Scene) -> None:
    """Nor is any hash of it: the claims are there, and no proof, of a used mailbox or of the one in use."""
    has = pieces(scene.client.received)
    codes = [*scene.used, scene.reporter.code]
    addresses = {address_of(claim_of(code)) for code in codes}
    assert {claim_of(code).reveal() for code in codes} <= has
    assert {mailbox_of(code).reveal() for code in codes}.isdisjoint(has)
    for raw in has:
        hashed = (digest(label, raw) for label in (Label.PROOF, Label.CLAIM, Label.ADDRESS))
        for proof in (raw, *hashed):
            assert address_of(claim_from(Proof(proof))) not in addresses


@pytest.mark.parametrize("before", [True, False], ids=["before the answer", "after the answer"])
def test_the_server_cannot_answer_as_the_reporter(scene: Scene, before: bool) -> None:
    """With the claim it can burn the mailbox; handlers go on with the reporter, and what it wrote stands apart."""
    claim, mine = claim_of(scene.reporter.code).reveal(), ReplyCode.draw(system)
    forgery = forged(scene.group, claim, mine)
    if before:
        assert burned(scene.client, scene.group, Claim(claim), 1, forgery) is not None
    scene.answer("Yes, but not at work.", 1)
    if not before:
        assert burned(scene.client, scene.group, Claim(claim), 1, forgery) is not None
    assert scene.messages() == ["Ann did.", "Yes, but not at work."]
    (apart,) = (list_view(one, 0) for one in scene.ada.cases().values() if one.stray)
    assert apart["headline"].startswith("I made it all up")
    assert "somebody made it up" in apart["warnings"][0]
    scene.write("We will meet Ann on Monday.")
    assert scene.reporter.letters()[-1].text == "We will meet Ann on Monday."
    assert Reporter(scene.client, scene.group, mine).letters() == []


def test_a_mailbox_that_the_server_burned_leaves_the_case_with_the_reporter(scene: Scene) -> None:
    """Where the feed tells that the answer was not the first, it is kept as doubtful, and nobody else gets letters."""
    claim, mine = claim_of(scene.reporter.code), ReplyCode.draw(system)
    burned(scene.client, scene.group, claim, 1, forged(scene.group, claim.reveal(), mine))
    scene.answer("Yes, but not at work.", 1)
    honest = Client(scene.client.base)
    with honest:
        synced(scene.ada, honest, scene.now_s + 1)
    case = scene.sync()
    assert [len(case.follow_ups), len(case.doubtful)] == [1, 1]
    assert bytes.fromhex(case.mailbox_address) == address_of(claim)
