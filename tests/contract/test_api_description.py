"""The published description: stable, complete, and true under fuzzing over real HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok

from service.wire.client import Client
from service.wire.problems import Kind
from tests.support.groups import Group
from tests.support.server import NO_TLS, RunningServer, running_server

OPERATIONS = {
    "GET /v1/server",
    "GET /v1/groups",
    "GET /v1/groups/{group}/roster",
    "POST /v1/groups/{group}/roster",
    "POST /v1/groups/{group}/reports",
    "GET /v1/groups/{group}/feed",
    "GET /v1/groups/{group}/activity",
    "GET /v1/groups/{group}/reports/{report}",
    "GET /v1/groups/{group}/reports/{report}/grant",
    "GET /v1/groups/{group}/reports/{report}/log",
    "POST /v1/groups/{group}/batch",
    "POST /v1/mailboxes/open",
    "POST /v1/mailboxes/burn",
    "GET /v1/admission/{group}/{route}",
    "GET /v1/groups/{group}/boards",
    "POST /v1/groups/{group}/boards",
    "GET /v1/boards/{board}",
    "POST /v1/boards/{board}/messages",
    "GET /v1/groups/{group}/polls",
    "POST /v1/groups/{group}/polls",
    "GET /v1/polls/{poll}",
    "GET /v1/polls/{poll}/electorate",
    "GET /v1/polls/{poll}/summary",
    "POST /v1/polls/{poll}/shares",
    "POST /v1/polls/{poll}/casts",
    "GET /v1/polls/{poll}/heads",
    "GET /v1/polls/{poll}/board",
    "GET /v1/polls/{poll}/ballots",
    "GET /v1/polls/{poll}/certificates",
    "GET /v1/polls/{poll}/agreements",
    "POST /v1/polls/{poll}/agreements",
    "GET /v1/polls/{poll}/decryptions",
    "POST /v1/polls/{poll}/decryptions",
    "POST /v1/polls/{poll}/statements",
    "GET /v1/polls/{poll}/result",
    "POST /v1/polls/{poll}/result",
    "POST /v1/polls/{poll}/acknowledgement",
    "POST /v1/polls/{poll}/implementation",
    "POST /v1/polls/{poll}/reviews",
    "GET /v1/polls/{poll}/reports",
    "POST /v1/polls/{poll}/reports",
    "GET /v1/registries",
    "GET /v1/registries/{registry}",
    "POST /v1/registries/{registry}/statements",
    "GET /v1/registries/{registry}/applications",
    "POST /v1/registries/{registry}/applications",
    "POST /v1/registries/{registry}/applications/dismissals",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("described")) as running:
        with Client(running.base) as client:
            Group.draw().found(client)
        yield running


@pytest.fixture(scope="module")
def document(server: RunningServer) -> dict[str, Any]:
    answer = httpx.get(f"{server.base}/v1/openapi.json", verify=NO_TLS, trust_env=False)
    assert answer.headers["content-type"] == "application/json"
    read: dict[str, Any] = answer.json()
    return read


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    """The operations of version 1 are all there; one that goes missing is a broken promise."""
    described = {
        f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods
    }
    assert described >= OPERATIONS


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """Each schema that is referred to is defined, and each problem that is named is in the table."""
    text = json.dumps(document)
    names = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert names <= set(document["components"]["schemas"])
    assert "\\\\Z" not in text  # Python's, unknown to JSON Schema
    assert set(re.findall(r"urn:sottovoce:problem:[a-z-]+", text)) <= {kind.type for kind in Kind}


@pytest.mark.slow
def test_fuzzing_finds_no_failure_of_the_server(server: RunningServer, document: dict[str, Any]) -> None:
    """Requests made from the description, valid and not, never get a 5xx; refusals are problems."""
    schema = schemathesis.openapi.from_dict(document)
    tried = 0
    with httpx.Client(base_url=server.base, verify=NO_TLS, trust_env=False, timeout=20) as http:
        for found in schema.get_all_operations():
            assert isinstance(found, Ok)
            operation = found.ok()
            valid = operation.as_strategy()
            invalid = operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)

            @settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            @given(case=valid | invalid)
            def fuzz(case: Any) -> None:
                nonlocal tried
                tried += 1
                request = case.as_transport_kwargs(base_url=server.base)
                answer = http.request(
                    request["method"],
                    request["url"],
                    params=request.get("params"),
                    headers=_sendable(request.get("headers") or {}),
                    content=_body(request),
                )
                assert answer.status_code < 500, answer.text
                if answer.status_code != 200:
                    assert answer.headers["content-type"] == "application/problem+json"

            fuzz()
    assert tried > 200
    assert "internal-error" not in server.log


def _sendable(headers: dict[str, Any]) -> dict[str, str]:
    return {
        name: value
        for name, value in ((str(n), str(v)) for n, v in headers.items())
        if name.isascii() and value.isascii() and value.isprintable()
    }


def _body(request: dict[str, Any]) -> bytes:
    if "json" in request:
        return json.dumps(request["json"]).encode()
    data = request.get("data") or b""
    return data if isinstance(data, bytes) else str(data).encode()
