"""Writes the published description of the API (OpenAPI 3.1) from the routes themselves and the wire's Structs.

Litestar's own generator knows handlers that take parsed bodies; ours read raw ones, so each says what it takes
(service.server.described) and this module turns that into the document at /v1/openapi.json.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from service.server.described import OPT, Described
from service.server.http import BYTES, JSON, PROBLEM
from service.wire import signing
from service.wire.problems import Kind
from service.wire.shapes import Problem

_PARAMETER: Final = re.compile(r"\{(\w+):str\}")
_ALWAYS: Final = (
    Kind.BAD_REQUEST,
    Kind.MALFORMED_PATH,
    Kind.MALFORMED_QUERY,
    Kind.HEADERS_TOO_LARGE,
    Kind.UNAVAILABLE,
)
_WITH_BODY: Final = (Kind.TOO_LARGE, Kind.TOO_SLOW, Kind.BUSY, Kind.MEDIA_TYPE)
_WITH_JSON: Final = (Kind.MALFORMED_JSON, Kind.TOO_DEEP)
_SIGNED: Final = (Kind.SIGNATURE, Kind.CLOCK, Kind.REPLAYED)
_ADMITTED: Final = (*(kind for kind in Kind if kind.name.startswith("ADMISSION_")), Kind.BUSY)

Document = dict[str, Any]


def document(handlers: Iterable[HTTPRouteHandler]) -> bytes:
    """Give the description as JSON. Routes without a `Described` (pages) are left out."""
    found = [(handler, handler.opt[OPT]) for handler in handlers if OPT in handler.opt]
    structs = {Problem} | {shape for _, described in found for shape in _structs(described)}
    ordered = sorted(structs, key=lambda struct: struct.__name__)
    _, components = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    paths: Document = {}
    for handler, described in found:
        for path in sorted(handler.paths):
            operation = _operation(handler, path, described)
            for method in sorted(handler.http_methods):
                paths.setdefault(_PARAMETER.sub(r"{\1}", path), {})[str(method).lower()] = operation
    written = msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Sottovoce",
                "version": "1",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
                "description": "Sealed reports in, sealed answers out. Every problem is RFC 9457 problem details.",
            },
            "paths": dict(sorted(paths.items())),
            "components": {"schemas": components},
        }
    )
    # JSON Schema's patterns are ECMAScript's, which has no \\Z; its $ means the same.
    return written.replace(rb"\\Z", b"$")


def _structs(described: Described) -> list[type[Struct]]:
    return [
        shape
        for shape in (described.answer, described.body)
        if isinstance(shape, type) and issubclass(shape, Struct)
    ]


def _operation(handler: HTTPRouteHandler, path: str, described: Described) -> Document:
    kinds = list(_ALWAYS) + list(described.problems)
    if described.body is not None:
        kinds += _WITH_BODY
        kinds += () if described.body is bytes else _WITH_JSON
    kinds += _SIGNED if described.signed else ()
    kinds += _ADMITTED if described.admission else ()
    operation: Document = {
        "operationId": handler.handler_name.rstrip("_"),
        "summary": described.summary,
        "parameters": _parameters(path, described),
        "responses": {
            "200": {"description": "Done.", "content": _content(described.answer)},
            **_problems(kinds),
        },
    }
    if described.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(described.body)}
    return operation


def _parameters(path: str, described: Described) -> list[Document]:
    parameters: list[Document] = []
    for name in _PARAMETER.findall(path):
        digits = 64 if name in {"poll", "registry"} else 32
        schema: Document = {"type": "string", "pattern": f"^[0-9a-f]{{{digits}}}$"}
        if name == "route":
            schema = {"type": "string", "enum": ["reports", "mailbox", "casts"]}
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    if described.query is not None:
        schema = {"type": "string", "pattern": f"^{described.query_pattern}$"}
        parameters.append({"name": described.query, "in": "query", "required": False, "schema": schema})
    headers = []
    if described.admission:
        headers.append((signing.ADMISSION_HEADER, "^[A-Za-z0-9_-]{1,152}$"))
    if described.signed:
        headers += [
            (signing.GROUP_HEADER, "^[0-9a-f]{32}$"),
            (signing.KEY_HEADER, "^[0-9a-f]{32}$"),
            (signing.TIME_HEADER, "^[0-9]{1,12}$"),
            (signing.NONCE_HEADER, "^[0-9a-f]{32}$"),
            (signing.SIGNATURE_HEADER, "^[0-9a-f]{128}$"),
        ]
    parameters += [
        {"name": name, "in": "header", "required": True, "schema": {"type": "string", "pattern": pattern}}
        for name, pattern in headers
    ]
    return parameters


def _content(shape: type[Struct] | type[bytes]) -> Document:
    if shape is bytes:
        return {BYTES: {"schema": {"type": "string", "contentMediaType": BYTES}}}
    return {JSON: {"schema": {"$ref": f"#/components/schemas/{shape.__name__}"}}}


def _problems(kinds: Iterable[Kind]) -> Document:
    by_status: dict[int, list[Kind]] = {}
    for kind in dict.fromkeys(kinds):
        by_status.setdefault(kind.status, []).append(kind)
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        str(status): {
            "description": " ".join(f"{kind.type}: {kind.title}" for kind in listed),
            "content": content,
        }
        for status, listed in sorted(by_status.items())
    }
