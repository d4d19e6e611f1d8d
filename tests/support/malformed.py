"""What tables of malformed requests are made of: a request, the scene that makes good ones to spoil, and the table.

The rows are in malformed_reports.py and malformed_calls.py; tests/attacks/test_requests.py sends them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from service.wire import calls, shapes
from service.wire.problems import Kind
from tests.support.groups import Group
from tests.support.inprocess import World

CANARY = "canary-7f3a"


BYTES = "application/octet-stream"


JSON = "application/json"


@dataclass
class Sent:
    """One request."""

    method: str
    path: str
    body: bytes = b""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Scene:
    """The server, two groups, and a way to make good requests to spoil."""

    world: World
    group: Group
    other: Group

    async def report(self, envelope: bytes, *, group: Group | None = None, **headers: str) -> Sent:
        target = group or self.group
        token = await self.world.token(target)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Sent(
            "POST",
            f"/v1/groups/{target.id.hex()}/reports",
            envelope,
            BYTES,
            {"Sottovoce-Admission": token, **named},
        )

    async def burn(self, body: bytes, group: Group | None = None) -> Sent:
        token = await self.world.token(group or self.group)
        return Sent("POST", "/v1/mailboxes/burn", body, BYTES, {"Sottovoce-Admission": token})

    def signed(self, call: calls.Call[object], body: bytes | None = None) -> Sent:
        if body is not None:
            from dataclasses import replace

            call = replace(call, body=body)
        method, url, headers, raw = self.world.client.request(call)
        content_type = headers.pop("Content-Type", None)
        return Sent(method, url.removeprefix("http://localhost"), raw, content_type, headers)

    def batch(self, text: object) -> Sent:
        raw = text if isinstance(text, bytes) else json.dumps(text).encode()
        good = calls.batch(self.group.signer("Ada"), [shapes.Recuse("00" * 16, "00" * 16, "00" * 16)])
        return self.signed(good, raw)

    def json(self, path: str, text: object, **headers: str) -> Sent:
        raw = text if isinstance(text, bytes) else json.dumps(text).encode()
        return Sent(
            "POST", path, raw, JSON, {name.replace("_", "-"): value for name, value in headers.items()}
        )

    def statement(self, raw: bytes, group: Group | None = None) -> Sent:
        gid = (group or self.group).id.hex()
        return self.json(f"/v1/groups/{gid}/roster", {"statement": base64.b64encode(raw).decode()})


Make = Callable[[Scene], Awaitable[Sent]]


class Table:
    """Rows: a name of its own, the problem that is expected, and how the request is made."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, Kind, Make]] = []

    def case(self, kind: Kind) -> Callable[[Make], Make]:
        """Add a row; its name is the function's."""

        def add(make: Make) -> Make:
            self.rows.append((make.__name__, kind, make))
            return make

        return add

    def cases(self, kind: Kind, makes: dict[str, Make]) -> None:
        """Add rows of one problem, by name."""
        self.rows.extend((name, kind, make) for name, make in makes.items())


def simply(sent: Callable[[Scene], Sent]) -> Make:
    async def make(scene: Scene) -> Sent:
        return sent(scene)

    return make
