"""The booth's page: `sottovoce vote --web` serves it to this machine, for as long as the command runs.

Guarantees what service.local_page does; besides, the keys stay in this process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from crypto.entropy import system
from crypto.errors import Refused
from polls.casting import Receipt, read_receipt
from polls.manifest import Conduct, Manifest
from service.booth import voting
from service.booth.voting import Checked, NotKept, NotOpen, Summary, Unsure
from service.console import shown
from service.local_page.serving import NOTHING, Answer, LocalPage, LocalServer, sentence
from service.member_keys import MemberKeys
from service.wire.admitting import Admission
from service.wire.client import Client
from service.wire.failures import Declined, Unreachable
from service.wire.poll_boards import trustees_listed, trustees_told
from service.wire.poll_shapes import DefineBoard
from service.wire.poll_views import quorum_told

_WEB: Final = Path(__file__).parent / "web"


class BoothPage(LocalPage):
    """What is answered to what.

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
        check: str,
        voters: str,
        board: DefineBoard,
    ) -> None:
        super().__init__(host, secret, _WEB)
        self._board = board
        self._last: tuple[str, int, NotKept | None] | None = None
        """The ballot that was cast last: its digest, its page of the board, and its receipt where that is not kept."""
        self._voters = voters
        self._manifest, self._summary, self._cast = manifest, summary, cast
        self._until, self._sent, self._moment = moment(manifest.closes_at), sent, moment
        self._check = check

    def respond(self, method: str, path: str, body: bytes) -> Answer:
        """See LocalPage."""
        match method, path:
            case "GET", "/":
                return self._page("choose.html", chosen=-1, error="")
            case "POST", "/review":
                option = self._option(body)
                if option is None:
                    said = "Choose one of the options; abstaining is one of them."
                    return self._page("choose.html", 422, chosen=-1, error=said)
                return self._review(option)
            case "GET", "/done" if self._last is not None:
                ballot, page, lost = self._last
                return self._page("done.html", ballot=ballot, page=page, lost=lost, check=self._check)
            case "POST", "/cast":
                option = self._option(body)
                if option is None:
                    return self._page("choose.html", 422, chosen=-1, error="Choose one of the options.")
                return self._voted(option)
        return NOTHING

    def _voted(self, option: int) -> Answer:
        try:
            receipt = self._cast(option)
        except NotKept as lost:
            read = read_receipt(self._manifest, lost.receipt)
            self._last = read.ballot, read.page, lost
        except Unsure as unsure:
            return self._review(option, f"{unsure} {sentence(str(unsure.cause))}", unsure=unsure.title)
        except NotOpen as over:
            return self._review(option, sentence(over.reason), over=True)
        except (Refused, Declined, Unreachable) as error:
            return self._review(option, sentence(str(error)))
        else:
            self._last = receipt.ballot, receipt.page, None
        # To a page of its own: reloading it must not cast another ballot.
        return Answer(303, b"", location=f"{self.base}/done")

    def _review(self, option: int, error: str = "", *, unsure: str = "", over: bool = False) -> Answer:
        """Show a choice, and what became of casting it. unsure: how that is open. over: nobody can vote now."""
        return self._page(
            "review.html", 422 if error else 200, chosen=option, error=error, unsure=unsure, over=over
        )

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
        return self.rendered(
            template,
            status,
            manifest=self._manifest,
            summary=self._summary,
            told=shown(self._summary.told()),
            why=why,
            until=self._until,
            sent=self._sent,
            voters=self._voters.splitlines(),
            board=trustees_told(self._board)[0],
            trustees=trustees_listed(self._board),
            quorum=quorum_told(self._manifest),
            **context,
        )


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
    check: str,
) -> None:
    """Serve the page until Ctrl-C or half an hour without a request. Prints the address to open.

    check: the command that says what became of the ballots.
    """
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
            check=check,
            voters=checked.voters.told(),
            board=checked.board,
        )
        echo(f"Open this in a browser on this machine; Ctrl-C ends it:\n  http://{server.host}/{secret}/")
        server.stay()
        with casting:  # a ballot under way is sent to its end, and its receipt kept
            return
