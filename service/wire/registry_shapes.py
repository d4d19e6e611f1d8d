"""The Structs of the registry of members on the wire: its chain in pages, and requests that wait for its keeper.

As in `service.wire.shapes`: what decodes is well-formed and not yet believed. Statements and requests travel as the
exact bytes that are signed or hashed, in base64.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from service.wire.shapes import Bytes32, Bytes64, Hex32, Seq

MAX_REGISTRIES = 256  # of one server
MAX_STATEMENT = 33 * 1_024  # service.cases.registry_statements.MAX_PAYLOAD and the chain's 109 bytes
MAX_STATEMENTS = 50_000  # service.cases.registry
MAX_REQUEST = 30 * 1_024  # service.cases.asking
STATEMENTS_PAGE = 200
STATEMENTS_AT_ONCE = 32
REQUESTS_PAGE = 32
MAX_WAITING = 256
"""Requests to join on an SSH signature that wait at one time: the only ones that strangers can make."""
MAX_DISMISSED = 64
MAX_STATEMENTS_JSON = STATEMENTS_AT_ONCE * (MAX_STATEMENT * 4 // 3 + 16)
MAX_REQUEST_JSON = MAX_REQUEST * 4 // 3 + 1_024
MAX_STATEMENTS_PAGE_JSON = STATEMENTS_PAGE * (MAX_STATEMENT * 4 // 3 + 16) + 1_024
MAX_REQUESTS_PAGE_JSON = REQUESTS_PAGE * (MAX_REQUEST * 4 // 3 + 128) + 1_024

StatementBytes = Annotated[bytes, Meta(min_length=1, max_length=MAX_STATEMENT)]


class RegistryHead(Struct, frozen=True, forbid_unknown_fields=True):
    """A registry as a list shows it. Unsigned: only its chain says what is true."""

    registry: Hex32
    name: Annotated[str, Meta(max_length=300)]


class RegistryList(Struct, frozen=True, forbid_unknown_fields=True):
    """The registries of a server."""

    registries: Annotated[tuple[RegistryHead, ...], Meta(max_length=MAX_REGISTRIES)]


class StatementsPage(Struct, frozen=True, forbid_unknown_fields=True):
    """A registry's statements from number `after` on (counted from 0), as crypto.chains reads them."""

    registry: Hex32
    after: Seq
    statements: Annotated[tuple[StatementBytes, ...], Meta(max_length=STATEMENTS_PAGE)]
    more: bool


class AppendStatements(Struct, frozen=True, forbid_unknown_fields=True):
    """More statements for a registry's chain, oldest first. All are added or none; repeating them is harmless."""

    statements: Annotated[tuple[StatementBytes, ...], Meta(min_length=1, max_length=STATEMENTS_AT_ONCE)]


class PostRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A request of service.cases.asking: to join, to replace one's keys, to leave."""

    request: Annotated[bytes, Meta(min_length=1, max_length=MAX_REQUEST)]


class Waits(Struct, frozen=True, forbid_unknown_fields=True):
    """The request waits for the registry's keeper, by its digest."""

    digest: Hex32


class WaitingRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A request that waits."""

    digest: Hex32
    request: Annotated[bytes, Meta(min_length=1, max_length=MAX_REQUEST)]


class RequestsPage(Struct, frozen=True, forbid_unknown_fields=True):
    """Requests that wait, in the order of their digests, beyond the one that was asked for."""

    registry: Hex32
    requests: Annotated[tuple[WaitingRequest, ...], Meta(max_length=REQUESTS_PAGE)]
    more: bool


class Dismiss(Struct, frozen=True, forbid_unknown_fields=True):
    """Drop requests that wait, signed by the root key or a registrar in force (`service.wire.registry_calls`)."""

    digests: Annotated[tuple[Hex32, ...], Meta(min_length=1, max_length=MAX_DISMISSED)]
    key: Bytes32
    signature: Bytes64


class Dismissed(Struct, frozen=True, forbid_unknown_fields=True):
    """How many of them had been waiting."""

    dropped: Annotated[int, Meta(ge=0, le=MAX_DISMISSED)]
