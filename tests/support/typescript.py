"""The browser's code under Node.js, one line in and one line out, so that tests hold it against Python's.

    with Browser() as browser:
        browser.call("digest", label="sv1 claim", parts=b"", size=32)

What it refuses becomes `BrowserRefused` with its reason. It is built when it is missing or older than its sources.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "service" / "server" / "client"
BUILT = CLIENT / "dist-test" / "node.mjs"
WITH_NODE = str(ROOT / ".ci" / "with-node")


class BrowserRefused(Exception):
    """The browser's code refused; the message is its reason."""


def built() -> Path:
    """Give the built file, building it first where that is needed."""
    sources = [*CLIENT.glob("src/*.ts"), *CLIENT.glob("test/*.ts"), CLIENT / "build.mjs"]
    if not BUILT.exists() or BUILT.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        if not (CLIENT / "node_modules").exists():
            subprocess.run(["make", "-s", "client"], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
        subprocess.run(
            [WITH_NODE, "node", "build.mjs", "--tests"], cwd=CLIENT, check=True, capture_output=True
        )
    return BUILT


def bundle() -> Path:
    """Give the folder of what browsers are served, building it first where that is needed."""
    subprocess.run(
        ["make", "-s", "client"], cwd=ROOT, check=True, stdin=subprocess.DEVNULL, capture_output=True
    )
    return ROOT / "service" / "server" / "static" / "app"


def _spelled(value: object) -> str:
    match value:
        case bytes():
            return value.hex()
        case list() | tuple() if all(isinstance(piece, bytes) for piece in value):
            return json.dumps([piece.hex() for piece in value])
        case list() | tuple() | dict():
            return json.dumps(value)
        case _:
            return str(value)


class Browser:
    """A running Node.js with the browser's code. Use it as a context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [WITH_NODE, "node", str(built())], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def call(self, name: str, **fields: object) -> Any:
        """Run one of the calls of test/node.ts. Bytes go as hex; a list of bytes as a JSON list of hex."""
        line = json.dumps(
            {"do": name, **{field: _spelled(value) for field, value in fields.items() if value is not None}}
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the browser's code ended; see its error above"
        parsed = json.loads(answer)
        if "refused" in parsed:
            raise BrowserRefused(parsed["refused"])
        return parsed["ok"]

    def bytes(self, name: str, **fields: object) -> bytes:
        """Run a call that answers with bytes."""
        return bytes.fromhex(self.call(name, **fields))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()
