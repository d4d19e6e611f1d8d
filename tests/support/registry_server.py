"""A server that has nothing but the statements of one registry, whatever they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
import msgspec

from service.wire.client import Client
from service.wire.registry_pins import (
    Downloaded,
    download,
    follow,
)
from service.wire.registry_shapes import StatementsPage

PAGE = 3


@dataclass
class RegistryServer:
    """Serves statements in pages of three, whatever they are."""

    registry: bytes
    statements: Sequence[bytes]
    asked: list[int] = field(default_factory=list)
    more: bool | None = None

    def handle(self, request: httpx.Request) -> httpx.Response:
        after = int(request.url.params["after"])
        self.asked.append(after)
        part = tuple(self.statements[after : after + PAGE])
        more = after + PAGE < len(self.statements) if self.more is None else self.more
        page = StatementsPage(self.registry.hex(), after, part, more)
        return httpx.Response(200, stream=httpx.ByteStream(msgspec.json.encode(page)))

    def client(self) -> Client:
        return Client("http://localhost:1", transport=httpx.MockTransport(self.handle))

    def download(self, have: Sequence[bytes] = ()) -> Downloaded:
        with self.client() as client:
            return download(client, self.registry, have)

    def follow(self, have: Sequence[bytes] = ()) -> Downloaded:
        with self.client() as client:
            return follow(client, self.registry, have)
