"""Recording a report for somebody when the connection breaks: their code is not lost with the answer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from crypto.codes import address_of, claim_of, from_words
from service.cases.answers import Answers
from service.desk import recording
from service.desk.recording import record_report
from service.wire.calls import Call
from service.wire.client import Client
from service.wire.failures import Declined, Unreachable
from service.wire.patience import patiently
from service.wire.problems import Kind
from tests.support.desks import desk_of, synced
from tests.support.groups import Group
from tests.support.server import RunningServer

T = TypeVar("T")
NOW = 1_900_000_000


class Breaking(Client):
    """A client that gets no answer, or this one, when it sends a report; `late`: after the server took it."""

    breaks: BaseException | type[BaseException] = Unreachable
    late = True

    def do(self, call: Call[T]) -> T:
        if not (call.method == "POST" and call.target.endswith("/reports")):
            return super().do(call)
        if self.late:
            super().do(call)
        raise self.breaks


@pytest.fixture
def client(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Breaking]:
    monkeypatch.setattr(recording, "patiently", partial(patiently, sleep=lambda _: None))
    with Breaking(server.base) as breaking:
        yield breaking


@pytest.mark.parametrize("answer", [Unreachable, KeyboardInterrupt])
def test_the_code_of_a_report_that_may_have_arrived_is_shown(
    tmp_path: Path, client: Breaking, group: Group, answer: type[BaseException]
) -> None:
    """It was stored, and the answer got lost, or somebody stopped waiting: the code is the report's."""
    client.breaks = answer
    shown: list[tuple[str, ...]] = []
    with desk_of(tmp_path, client.base, group, "Ada") as ada:
        with pytest.raises(answer):
            record_report(ada, client, Answers(what="Told me."), (), (), NOW, shown.append)
        synced(ada, client, NOW + 1)
        [case] = ada.cases().values()
    [words] = shown
    assert case.mailbox_address == address_of(claim_of(from_words(" ".join(words)))).hex()


def test_no_code_is_shown_of_a_report_that_was_declined(
    tmp_path: Path, client: Breaking, group: Group
) -> None:
    """It is nobody's."""
    client.late = False
    client.breaks = Declined(Kind.ENVELOPE, 422)
    shown: list[tuple[str, ...]] = []
    with desk_of(tmp_path, client.base, group, "Ada") as ada, pytest.raises(Declined):
        record_report(ada, client, Answers(what="Told me."), (), (), NOW, shown.append)
    assert shown == []
