"""The floor of bench.intake: the server's own stack, reading a body and answering at once, with no work in between."""

from __future__ import annotations

import os
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server as Granian
from litestar import Litestar, Response, post
from litestar.params import FromPath

from crypto.envelope import MAX_ENVELOPE
from service.server import http
from service.server.forgetting import forget_what_is_freed
from service.server.serve import BUFFER, HEADER_READ_MS
from service.wire.shapes import ReceiptShape


def application() -> Any:
    """Make the application."""
    answer = ReceiptShape("0" * 64, 0, "0" * 32, bytes(64))

    @post("/v1/groups/{group:str}/reports", status_code=200)
    async def submit(request: http.AnyRequest, group: FromPath[str]) -> Response[bytes]:
        http.hex16(group)
        await http.read_body(request, MAX_ENVELOPE)
        return http.json_answer(answer)

    return Litestar([submit], before_send=[http.add_headers], openapi_config=None, request_max_body_size=None)


if __name__ == "__main__":
    forget_what_is_freed()  # as the server does
    Granian(
        "bench.floor:application",
        factory=True,
        address="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_READ_MS, max_buffer_size=BUFFER),
        websockets=False,
        log_level=LogLevels.error,
        log_access=False,
    ).serve()
