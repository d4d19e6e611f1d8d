"""The booth's page: `sottovoce vote --web` serves it to this machine, for as long as the command runs.

Guarantees: it listens on 127.0.0.1 only, on a port and under a path of which one part is drawn for this run; a request
with another Host (DNS rebinding), from another site, or for another path is refused; nothing is requested from
elsewhere, nothing is cached, and it works without scripts, of which it has none. The keys stay in this process.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from crypto.entropy import system
from crypto.errors import Refused
from polls.casting import Receipt, read_receipt
from polls.manifest import Conduct, Manifest
from service.booth import voting
from service.booth.voting import Checked, NotKept, Summary, Unsure
from service.member_keys import MemberKeys
from service.wire.admitting import Admission
from service.wire.client import Client, Declined, Unreachable
from service.wire.poll_boards import trustees_listed, trustees_told
from service.wire.poll_shapes import DefineBoard
from service.wire.poll_views import quorum_told

IDLE_S: Final = 1_800
"""The page goes by itself after half an hour without a request."""
MAX_BODY: Final = 1_024  # bytes; a form of ours has a dozen
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_WEB: Final = Path(__file__).parent / "web"


@dataclass(frozen=True, slots=True)
class Answer:
    """A page, as it is sent."""

    status: int
    body: bytes
    media_type: str = "text/html; charset=utf-8"


def problem(status: int, said: str) -> Answer:
    """Refuse in plain text. Whoever is refused may not know this run's secret, so no address of ours is in it."""
    return Answer(status, f"{said}\n".encode(), "text/plain; charset=utf-8")


class BoothPage:
    """What is answered to what, apart from sockets. `host`: such as 127.0.0.1:40123. `secret`: a part of the path.

    cast: takes the option's place and gives the receipt; what `voting.cast` raises is shown, and that nothing was cast
    is said only where nothing was.
    """

    def __init__(
        self,
        manifest: Manifest,
        summary: Summary,
        cast: Callable[[int], Receipt],
        *,
        host: str,
        secret: str,
        moment: Callable[[int], str],
        sent: str,
        voters: str,
        board: DefineBoard,
    ) -> None:
        self._board = board
        self._voters = voters
        self._manifest, self._summary, self._cast = manifest, summary, cast
        self._host, self.base = host, f"/{secret}"
        self._until, self._sent, self._moment = moment(manifest.closes_at), sent, moment
        self._pages = Environment(
            loader=FileSystemLoader(_WEB), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request. headers: by their names in lower case."""
        if headers.get("host") != self._host or headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
            return problem(403, "This page answers only the machine and the window it was made for.")
        match method, path.removeprefix(self.base) if path.startswith(self.base + "/") else "":
            case "GET", "/":
                return self._page("choose.html", chosen=-1, error="")
            case "GET", "/style.css":
                return Answer(200, (_WEB / "style.css").read_bytes(), "text/css; charset=utf-8")
            case "POST", "/review":
                option = self._option(body)
                if option is None:
                    said = "Choose one of the options; abstaining is one of them."
                    return self._page("choose.html", 422, chosen=-1, error=said)
                return self._page("review.html", chosen=option, error="", unsure=False)
            case "POST", "/cast":
                option = self._option(body)
                if option is None:
                    return self._page("choose.html", 422, chosen=-1, error="Choose one of the options.")
                return self._voted(option)
        return problem(404, "There is nothing here.")

    def _voted(self, option: int) -> Answer:
        try:
            receipt = self._cast(option)
        except NotKept as lost:
            read = read_receipt(self._manifest, lost.receipt)
            return self._page("done.html", ballot=read.ballot, page=read.page, lost=lost)
        except Unsure as unsure:
            told = f"{unsure} {unsure.cause}"
            return self._page("review.html", 422, chosen=option, error=told, unsure=True)
        except (Refused, Declined, Unreachable) as error:
            return self._page("review.html", 422, chosen=option, error=str(error), unsure=False)
        return self._page("done.html", ballot=receipt.ballot, page=receipt.page, lost=None)

    def _option(self, body: bytes) -> int | None:
        try:
            given = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=2)
        except (ValueError, UnicodeDecodeError):
            return None
        text = given.get("option", [""])
        places = {str(place): place for place in range(len(self._manifest.options))}
        return places.get(text[0]) if len(text) == 1 else None

    def _page(self, template: str, status: int = 200, **context: Any) -> Answer:
        match self._manifest.basis:
            case Conduct(issues):
                why = f"Conduct issues that apply: {', '.join(issues)}."
            case urgent:
                ends = self._moment(urgent.ends_at)
                why = f"Urgent. Until it is decided: {urgent.measure} (ends {ends})."
        text = self._pages.get_template(template).render(
            base=self.base,
            manifest=self._manifest,
            summary=self._summary,
            why=why,
            until=self._until,
            sent=self._sent,
            voters=self._voters.splitlines(),
            board=trustees_told(self._board)[0],
            trustees=trustees_listed(self._board),
            quorum=quorum_told(self._manifest),
            **context,
        )
        return Answer(status, text.encode())


class LocalServer(ThreadingHTTPServer):
    """A server for one page on 127.0.0.1. A thread each: an idle connection holds up nobody."""

    timeout = IDLE_S
    idle = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.page: BoothPage | None = None

    @property
    def host(self) -> str:
        """What a browser names it by."""
        return f"127.0.0.1:{self.server_port}"

    def handle_timeout(self) -> None:
        """Half an hour without anybody."""
        self.idle = True

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
        # Longer ones are looked at no more: Python refuses numbers of thousands of digits with an error of its own.
        if not length.isdecimal() or len(length) > len(str(MAX_BODY)) or int(length) > MAX_BODY:
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
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log: a path holds this run's secret."""


def serve(
    client: Client,
    checked: Checked,
    keys: MemberKeys,
    summary: Summary,
    admission: Admission,
    home: Path,
    echo: Callable[[str], Any],
    *,
    moment: Callable[[int], str],
    sent: str,
) -> None:
    """Serve the page until Ctrl-C or half an hour without a request. Prints the address to open."""
    casting = threading.Lock()

    def cast(option: int) -> Receipt:
        with casting:  # one after the other, also when the button was pressed twice
            fresh = voting.check_poll(client, checked.manifest.phi, home)
            return voting.cast(client, fresh, keys, option, admission, home)

    with LocalServer() as server:
        secret = system(16).hex()
        server.page = BoothPage(
            checked.manifest,
            summary,
            cast,
            host=server.host,
            secret=secret,
            moment=moment,
            sent=sent,
            voters=checked.voters.told(),
            board=checked.board,
        )
        echo(f"Open this in a browser on this machine; Ctrl-C ends it:\n  http://{server.host}/{secret}/")
        try:
            while not server.idle:
                server.handle_request()
        except KeyboardInterrupt:
            pass
        with casting:  # a ballot under way is sent to its end, and its receipt kept
            return
