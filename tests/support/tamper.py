"""Change one value of a JSON message, leaving its form intact."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]


def leaves(value: Any, at: Path = ()) -> Iterator[Path]:
    """Give the path of every value that is not a container."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*at, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves(inner, (*at, place))
    else:
        yield at


def changed(value: Any) -> Any:
    """Give another plausible value of the same kind: what a forger would write, not garbage."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    digits = "0123456789abcdef"
    if len(value) >= 32 and all(each in digits for each in value) and not value.isdigit():
        # Another element or digest of the right shape: turn its last digit.
        return value[:-1] + digits[(digits.index(value[-1]) + 1) % 16]
    if value.isdigit():
        return str(int(value) + 1)
    return value + "x"


def with_change(raw: bytes, path: Path) -> bytes:
    message = json.loads(raw)
    holder = message
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = changed(holder[path[-1]])
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
