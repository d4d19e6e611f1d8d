"""What a member asks of a registry's keeper: to join, to replace their keys, to leave; with all its evidence.

Guarantees: a request has one written form and one digest; `statement_of` adds nothing to it but the day, so whoever
signs the statement signs what the member sent. Nothing in a request is secret: all of it is in the chain once it is
granted. Leaves to `service.cases.registry` whether it can be granted, and to people whose account it is.
"""

from __future__ import annotations

from typing import Final, cast

import msgspec
from msgspec import Struct

from crypto.errors import Refused
from crypto.hashing import digest
from crypto.labels import Label
from service.cases.registry_statements import (
    Account,
    Application,
    ByInvitation,
    ByOldKey,
    BySsh,
    Join,
    Leave,
    Rotate,
)

MAX_REQUEST: Final = 30 * 1024
"""Bytes of a request, so that its statement, which adds a day, is never too long."""


class AskJoin(Struct, frozen=True, forbid_unknown_fields=True, tag_field="ask", tag="join"):
    """To become a member."""

    application: Application
    identity: BySsh | ByInvitation


class AskRotate(Struct, frozen=True, forbid_unknown_fields=True, tag_field="ask", tag="rotate"):
    """To replace one's keys."""

    application: Application
    identity: ByOldKey | BySsh | ByInvitation


class AskLeave(Struct, frozen=True, forbid_unknown_fields=True, tag_field="ask", tag="leave"):
    """To leave."""

    account: Account
    consent: ByOldKey


Ask = AskJoin | AskRotate | AskLeave


def encode_ask(ask: Ask) -> bytes:
    """Give the request's one written form: JSON in declared order without white space."""
    return msgspec.json.encode(ask)


def decode_ask(raw: bytes) -> Ask:
    """Read a request. Refused unless it is exactly what `encode_ask` writes."""
    if len(raw) > MAX_REQUEST:
        raise Refused("registry: a request is too long")
    try:
        ask = msgspec.json.decode(raw, type=Ask)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused("registry: not a request to join, to replace a key or to leave") from None
    if msgspec.json.encode(ask) != raw:
        raise Refused("registry: a request is not in its one form")
    return cast("Ask", ask)


def ask_digest(raw: bytes) -> bytes:
    """Name a request: 32 bytes over its written form."""
    return digest(Label.ASK, raw)


def account_of(ask: Ask) -> str:
    """Give the account that a request is about."""
    return ask.account if isinstance(ask, AskLeave) else ask.application.account


def statement_of(ask: Ask, on: str) -> Join | Rotate | Leave:
    """Give the statement that grants a request. on: the day (YYYY-MM-DD) of signing it."""
    match ask:
        case AskJoin(application=application, identity=identity):
            return Join(on, application, identity)
        case AskRotate(application=application, identity=replaced_by):
            return Rotate(on, application, replaced_by)
        case AskLeave(account=account, consent=consent):
            return Leave(on, account, consent)
