"""Requests of members: one written form, one name, and a statement that adds nothing but the day."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.entropy import seeded
from crypto.errors import Refused
from service.cases.asking import (
    MAX_REQUEST,
    Ask,
    AskJoin,
    AskLeave,
    AskRotate,
    account_of,
    ask_digest,
    decode_ask,
    encode_ask,
    statement_of,
)
from service.cases.joining import consent_to_leave, consent_to_replace, invite
from service.cases.registry_statements import (
    MAX_PAYLOAD,
    BySsh,
    Join,
    Leave,
    Rotate,
    decode_statement,
    encode_statement,
)
from service.member_keys import MemberKeys
from tests.support.members import UNTIL, Keeper

draw = seeded(b"asking")
KEEPER = Keeper.start(b"asking")
KEYS = MemberKeys.draw(draw)
APPLICATION = KEEPER.application("github.com/ann", KEYS)
LONGEST = BySsh("k" * 8_192, "p" * 300, "s" * 16_384)

ASKS: list[Ask] = [
    AskJoin(APPLICATION, invite(KEEPER.root, KEEPER.id, "github.com/ann", until=UNTIL, entropy=draw)),
    AskJoin(APPLICATION, BySsh("key", "where", "signature")),
    AskRotate(APPLICATION, consent_to_replace(KEYS.member, APPLICATION, entropy=draw)),
    AskRotate(APPLICATION, BySsh("key", "where", "signature")),
    AskLeave("github.com/ann", consent_to_leave(KEYS.member, KEEPER.id, "github.com/ann", entropy=draw)),
]


@pytest.mark.parametrize("ask", ASKS)
def test_a_request_reads_back_and_becomes_its_statement(ask: Ask) -> None:
    """Same account, same evidence, on the day of signing; and the statement reads back as well."""
    raw = encode_ask(ask)
    assert decode_ask(raw) == ask
    assert account_of(ask) == "github.com/ann"
    statement = statement_of(ask, "2026-03-01")
    assert decode_statement(encode_statement(statement)) == statement
    match statement, ask:
        case Join() | Rotate(), AskJoin() | AskRotate():
            assert (statement.application, statement.identity) == (ask.application, ask.identity)
        case Leave(), AskLeave():
            assert (statement.account, statement.consent) == (ask.account, ask.consent)
        case _:
            pytest.fail("another statement than was asked for")


def test_each_request_has_its_own_name() -> None:
    """Also when only the kind differs."""
    names = {ask_digest(encode_ask(ask)) for ask in ASKS}
    assert len(names) == len(ASKS)
    assert {len(name) for name in names} == {32}


def test_the_longest_request_fits_into_a_statement() -> None:
    """Whatever decodes as a request can be granted: its statement is never too long to sign or to read."""
    raw = encode_ask(AskRotate(msgspec.structs.replace(APPLICATION, account="a.org/" + "x" * 114), LONGEST))
    assert len(raw) <= MAX_REQUEST
    assert len(encode_statement(statement_of(decode_ask(raw), "2026-03-01"))) <= MAX_PAYLOAD
    assert (
        len(encode_statement(statement_of(ASKS[0], "2026-03-01"))) - len(encode_ask(ASKS[0]))
        < MAX_PAYLOAD - MAX_REQUEST
    )


GOOD = encode_ask(ASKS[1])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"null",
        GOOD + b"\n",
        b" " + GOOD,
        GOOD.replace(b'"ask":"join"', b'"ask":"rule"'),
        GOOD.replace(b'"ask":"join",', b""),
        GOOD.replace(b'"ask":"join"', b'"ask":"join","x":1'),
        GOOD.replace(b"github.com/ann", b"GitHub.com/ann"),
        GOOD.replace(b"github.com/ann", b"ann"),
        GOOD.replace(b'"by":"ssh"', b'"by":"old_key"'),
        GOOD.replace(b'"by":"ssh"', b'"by":"registrar"'),
        GOOD.replace(b"where", b""),
        GOOD.replace(b"where", b"w" * 301),
        GOOD.replace(b"signature", b"s" * MAX_REQUEST),
        encode_ask(ASKS[2]).replace(b'"ask":"rotate"', b'"ask":"join"'),
        b"[" * 50_000,
        b"\xff",
    ],
)
def test_what_is_no_request_is_refused(raw: bytes) -> None:
    """Other spacing, unknown kinds and fields, other sizes, a join by a key that isn't there yet: refused."""
    with pytest.raises(Refused):
        decode_ask(raw)


@given(
    st.binary(max_size=200) | st.integers(0, len(GOOD) - 1).map(lambda at: GOOD[:at] + b"~" + GOOD[at + 1 :])
)
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_refused_or_canonical(raw: bytes) -> None:
    """Whatever decodes encodes to the same bytes."""
    try:
        ask = decode_ask(raw)
    except Refused:
        return
    assert encode_ask(ask) == raw
