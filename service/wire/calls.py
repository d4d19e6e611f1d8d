"""Every request of API v1, each as a value: what to send, and how to read the answer without believing it.

A `Call[T]` holds method, target, headers, body and a parser from the answer's bytes to `T`. Parsers check sizes,
shapes, signatures and chains, so that a hostile server can only make them raise `BadAnswer` or a Refused. Sending is
service.wire.client. Nothing secret is ever in a target; a claim travels in a body.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

import msgspec

from crypto.codes import Claim
from crypto.envelope import MAX_ENVELOPE
from crypto.errors import Refused
from crypto.signatures import VerifyKey
from service.cases.receipts import Receipt
from service.cases.receipts import check as check_receipt
from service.cases.rosters import RosterHistory, verified_history
from service.wire import shapes
from service.wire.signing import ADMISSION_HEADER, URGENT_HEADER, Signer

T_co = TypeVar("T_co", covariant=True)
S = TypeVar("S")

JSON = "application/json"
BYTES = "application/octet-stream"
SMALL = 64 * 1_024
MAX_CHAIN_JSON = 32 * 1_024 * 1_024


class BadAnswer(Refused):
    """The server's answer is not what the API promises: it is broken, or it lies."""


@dataclass(frozen=True)
class Call(Generic[T_co]):
    """One request. `cap`: the most bytes that its answer may have. `signer`: who signs it, if it is signed.

    `missing`: what to tell a person when the server says that there is no such thing.
    """

    method: str
    target: str
    parse: Callable[[bytes], T_co]
    accept: str = JSON
    body: bytes = field(default=b"", repr=False)
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    cap: int = SMALL
    signer: Signer | None = None
    missing: str = ""


def server_info() -> Call[shapes.ServerInfo]:
    """Ask a server who it is."""
    return Call("GET", "/v1/server", _json(shapes.ServerInfo))


def groups() -> Call[shapes.GroupList]:
    """List the server's groups. Unsigned: use `roster` to learn what is true of one."""
    return Call("GET", "/v1/groups", _json(shapes.GroupList), cap=1_024 * 1_024)


def roster(group: bytes) -> Call[RosterHistory]:
    """Fetch and verify a group's chain. The group's id stands for its root key; heads are checked by wire.pins."""

    def parse(raw: bytes) -> RosterHistory:
        answer = _json(shapes.RosterChain)(raw)
        if answer.group != group.hex():
            raise BadAnswer("the server answered with another group's roster")
        return verified_history(group, answer.statements)

    missing = "This server has no group with that id. Compare it with what the project publishes."
    return Call("GET", f"/v1/groups/{group.hex()}/roster", parse, cap=MAX_CHAIN_JSON, missing=missing)


def append_statement(group: bytes, statement: bytes) -> Call[shapes.Appended]:
    """Add one signed statement to a group's chain; the first one founds it. Repeating is harmless."""
    body = msgspec.json.encode(shapes.AppendStatement(statement))
    target = f"/v1/groups/{group.hex()}/roster"
    return Call("POST", target, _json(shapes.Appended), body=body, content_type=JSON)


def submit(
    group: bytes, envelope: bytes, server: VerifyKey, *, admission: str, urgent: bool = False
) -> Call[Receipt]:
    """File a report. Repeating is harmless: the same envelope gets the same receipt.

    server: the key that the receipt has to be signed with. urgent: handlers see it at once, which tells the server
    that this report is urgent.
    """
    headers = {ADMISSION_HEADER: admission}
    if urgent:
        headers[URGENT_HEADER] = "1"

    def parse(raw: bytes) -> Receipt:
        return _receipt(_json(shapes.ReceiptShape)(raw), server, envelope, group)

    target = f"/v1/groups/{group.hex()}/reports"
    return Call("POST", target, parse, body=envelope, content_type=BYTES, headers=headers)


def feed(signer: Signer, cursor: str = "") -> Call[shapes.FeedPage]:
    """List reports that came for the signer after `cursor` (empty: from the beginning)."""
    target = f"/v1/groups/{signer.group.hex()}/feed?cursor={cursor}"

    def parse(raw: bytes) -> shapes.FeedPage:
        page = _json(shapes.FeedPage)(raw)
        if page.more and (not (page.entries or page.damaged) or page.cursor <= cursor):
            raise BadAnswer("the server's feed goes in circles")
        return page

    return Call("GET", target, parse, signer=signer)


def activity(signer: Signer, cursor: str = "") -> Call[shapes.ActivityPage]:
    """List reports whose logs have grown since `cursor` (empty: since the beginning)."""
    target = f"/v1/groups/{signer.group.hex()}/activity?cursor={cursor}"

    def parse(raw: bytes) -> shapes.ActivityPage:
        page = _json(shapes.ActivityPage)(raw)
        if page.more and (not (page.entries or page.damaged) or page.cursor <= cursor):
            raise BadAnswer("the server's feed goes in circles")
        return page

    return Call("GET", target, parse, signer=signer)


def fetch_report(signer: Signer, group: bytes, report: bytes) -> Call[bytes]:
    """Fetch a sealed envelope. It is parsed and opened by crypto.opening; here only its size is bounded."""
    target = f"/v1/groups/{group.hex()}/reports/{report.hex()}"
    return Call("GET", target, bytes, accept=BYTES, cap=MAX_ENVELOPE, signer=signer)


def fetch_grant(signer: Signer, group: bytes, report: bytes) -> Call[shapes.GrantShape]:
    """Fetch the content key that was sealed to the signer when the report was forwarded."""
    target = f"/v1/groups/{group.hex()}/reports/{report.hex()}/grant"
    return Call("GET", target, _json(shapes.GrantShape), signer=signer)


def read_log(signer: Signer, group: bytes, report: bytes, after: int = 0) -> Call[shapes.LogPage]:
    """Fetch sealed log entries with a number above `after`, in stored order."""
    target = f"/v1/groups/{group.hex()}/reports/{report.hex()}/log?after={after}"

    def parse(raw: bytes) -> shapes.LogPage:
        page = _json(shapes.LogPage)(raw)
        for numbers in ([entry.seq for entry in page.entries], page.damaged):
            if any(now <= before for before, now in itertools.pairwise((after, *numbers))):
                raise BadAnswer("the server's log is out of order")
        if page.more and not (page.entries or page.damaged):
            raise BadAnswer("the server's log goes in circles")
        return page

    return Call("GET", target, parse, cap=4 * 1_024 * 1_024, signer=signer)


def batch(signer: Signer, actions: Sequence[shapes.Action]) -> Call[shapes.BatchAnswer]:
    """Upload up to 64 actions. Shuffle them first; repeating is harmless, because each has its own id."""
    sent = shapes.Batch(tuple(actions))

    def parse(raw: bytes) -> shapes.BatchAnswer:
        answer = _json(shapes.BatchAnswer)(raw)
        if [outcome.item for outcome in answer.outcomes] != [action.item for action in sent.actions]:
            raise BadAnswer("the server answered for other items than were sent")
        return answer

    target = f"/v1/groups/{signer.group.hex()}/batch"
    return Call("POST", target, parse, body=msgspec.json.encode(sent), content_type=JSON, signer=signer)


def open_mailbox(claim: Claim, page: int = 0, *, admission: str) -> Call[tuple[bytes, ...]]:
    """Fetch eight slots of LETTER_SIZE bytes. Slots that hold no letter hold noise: only opening tells.

    admission: a token for the route `mailbox`; one for each page.
    """
    body = msgspec.json.encode(shapes.OpenMailbox(claim.reveal(), page))
    size = shapes.LETTER_SIZE * shapes.LETTER_SLOTS

    def parse(raw: bytes) -> tuple[bytes, ...]:
        if len(raw) != size:
            raise BadAnswer("the server's answer has the wrong length")
        return tuple(raw[at : at + shapes.LETTER_SIZE] for at in range(0, size, shapes.LETTER_SIZE))

    return Call(
        "POST",
        "/v1/mailboxes/open",
        parse,
        accept=BYTES,
        body=body,
        content_type=JSON,
        headers={ADMISSION_HEADER: admission},
        cap=size,
    )


def burn_mailbox(
    claim: Claim, letters_seen: int, envelope: bytes, group: bytes, server: VerifyKey, *, admission: str
) -> Call[Receipt | None]:
    """Burn a mailbox and store the follow-up, in one step. None: letters came that were not seen; open again.

    letters_seen: how many letters the reporter has been shown, over all pages. Repeating is harmless.
    """

    def parse(raw: bytes) -> Receipt | None:
        answer = _json(shapes.BurnAnswer)(raw)
        if answer.outcome == "unread":
            return None
        if answer.receipt is None:
            raise BadAnswer("the server burned the mailbox without a receipt")
        return _receipt(answer.receipt, server, envelope, group)

    return Call(
        "POST",
        "/v1/mailboxes/burn",
        parse,
        body=claim.reveal() + letters_seen.to_bytes(2, "big") + envelope,
        content_type=BYTES,
        headers={ADMISSION_HEADER: admission},
    )


def challenge(
    group: bytes, route: Literal["reports", "mailbox", "casts"] = "reports"
) -> Call[shapes.ChallengeShape]:
    """Ask for an admission challenge; service.wire.puzzles makes the token of it.

    route: `reports` to file a report or to burn a mailbox, `mailbox` to open one (any group, such as 16 zeros),
    `casts` to cast a ballot in a poll of the group.
    """
    return Call("GET", f"/v1/admission/{group.hex()}/{route}", _json(shapes.ChallengeShape))


def _receipt(shape: shapes.ReceiptShape, server: VerifyKey, envelope: bytes, group: bytes) -> Receipt:
    receipt = Receipt(bytes.fromhex(shape.envelope), shape.day, bytes.fromhex(shape.group), shape.signature)
    check_receipt(receipt, server, envelope, group)
    return receipt


def _json(shape: type[S]) -> Callable[[bytes], S]:
    def parse(raw: bytes) -> S:
        try:
            return msgspec.json.decode(raw, type=shape)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise BadAnswer("the server's answer is not what was asked for") from None

    return parse
