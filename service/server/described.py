"""What the published description says of a route, kept beside the route. service.server.openapi writes it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from msgspec import Struct

from service.wire.problems import Kind

OPT: Final = "sottovoce"


@dataclass(frozen=True, slots=True)
class Described:
    """A route's contract. body, answer: a Struct of service.wire.shapes, `bytes` for raw bytes, None for nothing."""

    summary: str
    answer: type[Struct] | type[bytes]
    body: type[Struct] | type[bytes] | None = None
    signed: bool = False
    admission: bool = False
    query: str | None = None
    query_pattern: str = ""
    problems: tuple[Kind, ...] = ()

    def opt(self) -> dict[str, Any]:
        """What to pass as a route handler's options."""
        return {OPT: self}
