"""A page that a command serves to its own machine, for as long as it runs: the booth's and the desk's.

Guarantees: it listens on 127.0.0.1 only, on a port and under a path of which one part is drawn for this run; a request
with another Host (DNS rebinding), from another site, or for another path is refused; nothing is requested from
elsewhere, nothing is cached, it works without scripts, of which it has none, and it writes no log. Leaves to the face
what is answered, and the keys.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# A Ctrl-C that comes just before a wait, or to a thread that answers, doesn't end the wait: Python sees it afterwards.
_LOOK_S: Final = 0.5
_WEB: Final = Path(__file__).parent / "web"


@dataclass(frozen=True, slots=True)
class Answer:
    """A page, as it is sent."""

    status: int
    body: bytes
    media_type: str = "text/html; charset=utf-8"
    location: str = ""
    """Where a browser goes from a 303, so that going back or reloading sends no form again."""


def problem(status: int, said: str) -> Answer:
    """Refuse in plain text. Whoever is refused may not know this run's secret, so no address of ours is in it."""
    return Answer(status, f"{said}\n".encode(), "text/plain; charset=utf-8")


def sentence(reason: str) -> str:
    """Write the reason of a refusal as a line of its own."""
    return f"{reason[:1].upper()}{reason[1:]}" + ("" if reason.endswith((".", "?", "!")) else ".")


NOTHING: Final = problem(404, "There is nothing here.")


class LocalPage:
    """What is answered to what, apart from sockets. `host`: such as 127.0.0.1:40123. `secret`: a part of the path."""

    def __init__(self, host: str, secret: str, web: Path) -> None:
        """web: the folder of its own templates, which extend `layout.html` of this one."""
        self._host, self.base = host, f"/{secret}"
        self._pages = Environment(
            loader=FileSystemLoader([web, _WEB]), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request. headers: by their names in lower case."""
        if headers.get("host") != self._host or headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
            return problem(403, "This page answers only the machine and the window it was made for.")
        if not path.startswith(f"{self.base}/"):
            return NOTHING
        if (method, path) == ("GET", f"{self.base}/style.css"):
            return Answer(200, (_WEB / "style.css").read_bytes(), "text/css; charset=utf-8")
        return self.respond(method, path.removeprefix(self.base), body)

    def respond(self, method: str, path: str, body: bytes) -> Answer:
        """Answer a request that came from this page's own window. path: what follows the secret."""
        raise NotImplementedError

    def rendered(self, template: str, status: int = 200, **context: Any) -> Answer:
        """Give a page made of a template."""
        text = self._pages.get_template(template).render(base=self.base, **context)
        return Answer(status, text.encode())


class LocalServer(ThreadingHTTPServer):
    """A server for one page on 127.0.0.1. A thread each: an idle connection holds up nobody."""

    idle = False

    def __init__(self, max_body: int = 1_024, idle_s: int = 1_800) -> None:
        """max_body: bytes that a form has at most; of a longer one nothing is read. idle_s: see `stay`."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.max_body = max_body
        self.timeout = idle_s
        self._idle_s, self._asked_s = idle_s, time.monotonic()
        self.page: LocalPage | None = None

    @property
    def host(self) -> str:
        """What a browser names it by."""
        return f"127.0.0.1:{self.server_port}"

    def stay(self) -> None:
        """Answer until Ctrl-C, or `idle_s` seconds without a request."""
        self.timeout, self._asked_s = min(self._idle_s, _LOOK_S), time.monotonic()
        with contextlib.suppress(KeyboardInterrupt):
            while not self.idle:
                self.handle_request()

    def handle_timeout(self) -> None:
        """Nobody has asked for a moment: for too long?"""
        self.idle = time.monotonic() >= self._asked_s + self._idle_s

    def process_request(self, request: Any, client_address: Any) -> None:
        """Somebody asks."""
        self._asked_s = time.monotonic()
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over who hung up before the answer was sent; anything else is a bug and shows as one."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: LocalServer
    timeout = 20
    server_version, sys_version = "sottovoce", ""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        most = self.server.max_body
        # Longer ones are looked at no more: Python refuses numbers of thousands of digits with an error of its own.
        if not length.isdecimal() or len(length) > len(str(most)) or int(length) > most:
            self.send_error(413)
            return
        self._answer(self.rfile.read(int(length)))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no request of ours with the same headers, and without repeating anything of it."""
        del message, explain
        self.close_connection = True
        self._send(problem(code, "That can't be answered."))

    def _answer(self, body: bytes) -> None:
        assert self.server.page is not None  # noqa: S101 - set before the first request is taken
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.server.page.answer(self.command, self.path, headers, body))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in {**HEADERS, "Content-Type": answer.media_type}.items():
            self.send_header(name, value)
        if answer.location:
            self.send_header("Location", answer.location)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log: a path holds this run's secret."""
