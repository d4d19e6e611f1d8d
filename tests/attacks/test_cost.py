"""What strangers can make the server do before they are admitted: little, whatever they send.

Each cost is held against a floor measured beside it (tests.support.costs).
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from statistics import median

import msgspec
import pytest
from litestar import Request

from crypto.codes import ReplyCode, mailbox_of
from crypto.filler import filler
from crypto.letters import open_letter
from crypto.seal import DoesNotOpen
from service.cases.texts import tidy
from service.server.bodies import decode_json
from service.server.http import query
from service.server.pages.forms import MAX_TEXTS, Posted
from service.server.pages.languages import ENGLISH
from service.server.pages.letters import letters_of
from service.server.pages.report_form import mistakes, read_report_form
from service.storage.protocol import Change, Committed, Conflict, Present
from service.wire import calls
from service.wire.poll_shapes import OpenedBoard
from service.wire.problems import Kind, ProblemError
from service.wire.registry_shapes import MAX_STATEMENTS_JSON, AppendStatements
from service.wire.shapes import MAX_LETTERS
from tests.support.communities import Community
from tests.support.costs import PAIRS, cost, times_as_dear
from tests.support.inprocess import in_process
from tests.support.server_polls import DAY, ServerPoll

TRIES = 5
PAGES = 1_500
PIECES = ("a", "é", "か", "😀", "a\x01", "é\x85", "か\u202e", "\r", "a\n", '"')


@pytest.mark.parametrize(
    "piece", [b"[", b"[]", b"{}", b'""', b'"a"', b'"["', b'"\\"', b"\\", b'{"a":', b"[" * 8 + b"]" * 8]
)
def test_json_of_any_kind_is_refused_about_as_fast_as_it_is_hashed(piece: bytes) -> None:
    """A loop over its brackets or strings held the event loop for 0.4 to 0.8 s, for anybody."""
    body = piece * (MAX_STATEMENTS_JSON // len(piece))
    assert times_as_dear(lambda: decode_json(body, AppendStatements), lambda: blake2b(body).digest()) < 12


@pytest.mark.parametrize("escapes", [0, 5_000])
def test_long_strings_of_json_are_passed_over_as_fast(escapes: int) -> None:
    """They are what good requests hold: reports, summaries and statements in base64."""
    body = b'{"unknown":"' + b"\\u0041" * escapes + b"A" * 1_000_000 + b'"}'
    assert times_as_dear(lambda: decode_json(body, AppendStatements), lambda: blake2b(body).digest()) < 12


def test_json_with_more_brackets_than_ours_is_malformed() -> None:
    """And one that is too deep is still told so, if its beginning says it."""
    for body, kind in (
        (b"[]" * 1_000_000, Kind.MALFORMED_JSON),
        (b"[" * 1_000_000, Kind.TOO_DEEP),
        (b'"' * 1_000_000, Kind.MALFORMED_JSON),
        (b'{"statements":' + b"[" * 20 + b"]" * 20 + b"}", Kind.TOO_DEEP),
        (b'{"statements":["' + b"[" * 20 + b'"]}', Kind.MALFORMED_JSON),
    ):
        with pytest.raises(ProblemError) as refused:
            decode_json(body, AppendStatements)
        assert refused.value.kind is kind


@pytest.mark.parametrize("piece", PIECES, ids=ascii)
def test_text_of_any_kind_is_tidied_about_as_fast_as_it_is_hashed(piece: str) -> None:
    """A look at each character of a form's megabyte held the event loop for 0.1 to 0.3 s, for anybody."""
    raw = piece.encode() * (MAX_TEXTS // len(piece.encode()))
    text = raw.decode()
    assert times_as_dear(lambda: tidy(text), lambda: blake2b(raw).digest()) < 28


@pytest.mark.parametrize("piece", PIECES, ids=ascii)
@pytest.mark.parametrize("field", ["what", "links", "witnesses", "leave_out"])
def test_a_form_of_one_large_answer_is_judged_as_fast(field: str, piece: str) -> None:
    """Also where it is half a million lines, each a link."""
    raw = piece.encode() * (MAX_TEXTS // len(piece.encode()))
    form = read_report_form("conduct", ENGLISH, Posted({field: [raw.decode()]}))
    assert (
        times_as_dear(lambda: mistakes(form, (), lambda said, **_: said), lambda: blake2b(raw).digest()) < 28
    )


@pytest.mark.parametrize("piece", [b"a=&", b"a=b&", b"&", b"%41"], ids=ascii)
def test_a_long_query_is_refused_before_it_is_parsed(piece: bytes) -> None:
    """An address may be 64 KB long: 20,000 parameters took 10 ms."""

    def asked(raw: bytes) -> Callable[[], str]:
        scope = {"type": "http", "query_string": raw, "path": "/", "headers": [], "state": {}}
        return lambda: query(Request(dict(scope)), "cursor", re.compile("[0-9a-f]*"))  # type: ignore[arg-type]

    assert times_as_dear(asked(piece * (60_000 // len(piece))), asked(b"cursor=" + b"0" * 64)) < 10


async def test_a_mailbox_costs_a_page_what_opening_its_slots_costs(tmp_path: Path) -> None:
    """Not noise for 64 slots, that nobody sees: thrice as much, for whoever asks for a shown mailbox again."""
    code, slot = ReplyCode(bytes(16)), filler(bytes(32))
    key = mailbox_of(code)

    def opened() -> None:
        for _ in range(MAX_LETTERS):
            with contextlib.suppress(DoesNotOpen):
                open_letter(key, slot)

    async with in_process(tmp_path) as world:
        ratios = []
        for _ in range(PAIRS):
            floor = cost(opened)
            begun = time.process_time()
            assert await letters_of(world.deps, code) == ([], 0)
            ratios.append((time.process_time() - begun) / floor)
        assert median(ratios) < 3, ratios


async def test_a_board_of_many_pages_is_read_once_for_all_who_ask(tmp_path: Path) -> None:
    """And not shown again from memory when it was destroyed."""
    community = Community.draw(6)
    async with in_process(tmp_path) as world:
        group = community.group()
        await world.found(group)
        await community.publish(world.client)
        opens_at = int(world.clock()) + 60
        changes = {"opens_at": opens_at, "page_s": 60, "closes_at": opens_at + 60 * PAGES}
        poll = await ServerPoll.ready(world.client, world.clock, group, community, manifest=changes)
        world.clock.forward(61)
        await poll.view()
        world.clock.forward(60 * PAGES)
        await poll.view()
        spent, boards = [], set()
        for _ in range(TRIES):
            begun = time.process_time()
            answer = await world.http.get(f"/v1/polls/{poll.phi.hex()}/board")
            spent.append(time.process_time() - begun)
            boards.add(answer.content)
        assert len(msgspec.json.decode(boards.pop(), type=OpenedBoard).pages) >= PAGES
        assert not boards
        assert min(spent[1:]) < spent[0] / 5
        world.clock.forward(40 * DAY)
        await world.keep_house()
        after = await world.http.get(f"/v1/polls/{poll.phi.hex()}/board")
        assert after.json()["type"] == Kind.POLL_ARCHIVED.type


async def test_repeating_public_statements_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody has them, and each write waits for the disk."""
    community = Community.draw(6)
    written: list[Change] = []
    async with in_process(tmp_path) as world:
        group = community.group()
        await world.found(group)
        await community.publish(world.client)
        commit = world.deps.store.commit

        async def noted(partition: str, changes: Sequence[Change]) -> Committed | Conflict:
            written.extend(change for change in changes if not isinstance(change, Present))
            return await commit(partition, changes)

        monkeypatch.setattr(world.deps.store, "commit", noted)
        await world.client.do(calls.append_statement(group.id, group.chain.statements[-1].raw))
        await community.publish(world.client)
        assert not written
        await world.client.do(calls.append_statement(group.id, group.retire("Bo")))
        assert written
