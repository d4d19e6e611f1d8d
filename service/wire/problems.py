"""Every problem this API can answer with: one table of type, status and title, in one place.

A title is fixed text: it says what happened and what to do, and never repeats what was sent. Outcomes that must look
alike to an attacker share one row: a report that does not exist, one that is for others, one stepped out of.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique


@dataclass(frozen=True, slots=True)
class Row:
    """A problem's status and title."""

    slug: str
    status: int
    title: str


@unique
class Kind(Enum):
    """A problem. `type` on the wire is `urn:sottovoce:problem:<slug>`."""

    MALFORMED_JSON = Row("malformed-json", 400, "The body is not the JSON this address expects.")
    TOO_DEEP = Row("too-deep", 400, "The JSON is nested too deeply.")
    MALFORMED_PATH = Row("malformed-path", 404, "There is nothing at this address.")
    NOT_FOUND = Row("not-found", 404, "There is nothing here for you.")
    METHOD = Row("method-not-allowed", 405, "This address does not take that method.")
    MALFORMED_QUERY = Row("malformed-query", 400, "The part after the question mark is not valid here.")
    MEDIA_TYPE = Row("media-type", 415, "Send the content type that the description of this address names.")
    TOO_LARGE = Row("too-large", 413, "The body is larger than this address takes.")
    HEADERS_TOO_LARGE = Row("headers-too-large", 431, "The headers are larger than the server takes.")
    TOO_SLOW = Row("too-slow", 408, "The body came too slowly. Send it again.")
    ENVELOPE = Row("malformed-envelope", 422, "The envelope is not well-formed.")
    WRONG_GROUP = Row("wrong-group", 422, "The envelope is for another group.")
    UNKNOWN_ROSTER = Row(
        "unknown-roster",
        422,
        "The envelope was sealed for a roster this group never had. Load the roster again.",
    )
    WRONG_RECIPIENTS = Row(
        "wrong-recipients", 422, "The envelope names someone who was no handler in its roster."
    )
    TOO_FEW_RECIPIENTS = Row(
        "too-few-recipients",
        422,
        "Fewer recipients than the group's minimum. Send it to the alternate group.",
    )
    STALE_ROSTER = Row(
        "stale-roster", 422, "None of the recipients is a handler any more. Load the roster again."
    )
    BURN = Row("malformed-burn", 422, "The request to burn a mailbox is not well-formed.")
    ADMISSION_MISSING = Row(
        "admission-missing", 401, "Ask for a challenge first and send its answer with the report."
    )
    ADMISSION_REFUSED = Row(
        "admission-refused", 403, "The answer to the challenge does not hold. Ask for a new one."
    )
    ADMISSION_SPENT = Row("admission-spent", 409, "This answer was used already. Ask for a new challenge.")
    ADMISSION_EARLY = Row(
        "admission-early", 425, "The ticket's time has not come yet. Wait and send it again."
    )
    ADMISSION_NOT_DRAWN = Row(
        "admission-not-drawn",
        429,
        "The server is under pressure and this answer was not drawn. Ask for a new challenge.",
    )
    BUSY = Row("busy", 429, "Too much at once. Wait and send it again.")
    SIGNATURE = Row("signature", 401, "The request is not signed by an active handler of this group.")
    CLOCK = Row("clock", 401, "The request's time is too far from the server's. Set the clock.")
    REPLAYED = Row("replayed", 409, "This signed request was seen before. Sign a new one.")
    ROSTER_CONFLICT = Row("roster-conflict", 409, "The group's chain has moved on. Load it and sign again.")
    ROSTER_REFUSED = Row("roster-refused", 422, "The statement can't be added to the group's chain.")
    FOUNDING_CLOSED = Row("founding-closed", 403, "This server's operator has not allowed this group.")
    REGISTRY_CONFLICT = Row(
        "registry-conflict", 409, "The registry's chain has moved on. Load it and sign again."
    )
    REGISTRY_REFUSED = Row("registry-refused", 422, "The statement can't be added to the registry's chain.")
    REGISTRY_CLOSED = Row("registry-closed", 403, "This server's operator has not allowed this registry.")
    REQUEST_REFUSED = Row(
        "request-refused",
        422,
        "The request or its evidence doesn't hold for this registry as it is now. Make it again.",
    )
    REQUESTS_FULL = Row(
        "requests-full", 409, "Too many requests wait. Hand yours to the registry's keeper as a file."
    )
    REGISTRAR = Row("registrar", 403, "This is not signed by the registry's root key or a registrar.")
    ROLE = Row("role", 403, "This needs a mediator or a member of the council.")
    BOARD_REFUSED = Row(
        "board-refused", 422, "The message doesn't hold or isn't due from this trustee. Load the board again."
    )
    SAID_BEFORE = Row("said-before", 409, "Something else was said here before. It can't be replaced.")
    BOARD_INCOMPLETE = Row("board-incomplete", 409, "The trustees' ceremony is not complete.")
    MANIFEST_REFUSED = Row("manifest-refused", 422, "The manifest breaks a rule of polls.")
    MANIFEST_ELSEWHERE = Row(
        "manifest-elsewhere",
        422,
        "The manifest is for another group, other trustees or another server, or opens in the past.",
    )
    REGISTRY = Row(
        "registry-unnamed",
        422,
        "The group's roster does not name this registry of members, or it isn't here.",
    )
    ELECTORATE = Row(
        "electorate-mismatch",
        422,
        "The manifest's electorate is not that of the registry's snapshot without those left out.",
    )
    SUMMARY = Row(
        "summary-refused",
        422,
        "The summary is missing, another one, or not sealed to exactly the electorate.",
    )
    POLL_REPEATED = Row(
        "poll-repeated",
        409,
        "This matter was polled among nearly the same members. Wait for the cooling-off to end.",
    )
    POLL_NOT_OPEN = Row("poll-not-open", 409, "The poll is not open yet.")
    POLL_OPEN = Row("poll-open", 409, "The poll has opened already.")
    POLL_NOT_CLOSED = Row("poll-not-closed", 409, "The poll is not closed yet.")
    POLL_CLOSED = Row("poll-closed", 409, "The poll is closed.")
    POLL_LAPSED = Row("poll-lapsed", 409, "The poll never opened: too few trustees were ready in time.")
    POLL_ARCHIVED = Row("poll-archived", 410, "The poll's cooling-off is over. Its ballots were destroyed.")
    POLL_NOT_DECIDED = Row(
        "poll-not-decided", 409, "No threshold of trustees has sent the council the result yet."
    )
    NOT_IMPLEMENTED = Row("not-implemented", 409, "The council has not said yet what it did after this poll.")
    REVIEW_NOT_DUE = Row(
        "review-not-due", 409, "The next word on this measure has another number. Load the poll again."
    )
    MEASURE_ENDED = Row("measure-ended", 409, "It was said before that this measure has ended.")
    NOT_AGREED = Row(
        "not-agreed", 409, "Say first which board you verified. No decryption is taken before that."
    )
    BELOW_QUORUM = Row("below-quorum", 409, "Too few voted. The ballots stay closed.")
    CAST_REFUSED = Row("cast-refused", 422, "The ballot or its certificate doesn't hold for this poll.")
    CAST_TOO_OFTEN = Row("cast-too-often", 429, "You voted again too often. Wait for the board's next page.")
    TRUSTEE_REFUSED = Row("trustee-refused", 422, "The proof, statement or signature does not hold.")
    COUNCIL_KEYS = Row("council-keys", 422, "Seal to the keys of the council's active members.")
    NO_COUNCIL = Row(
        "no-council", 422, "The group's roster has no active council member who could receive the result."
    )
    TOO_MANY = Row("too-many", 409, "There is no room for more of these.")
    UNAVAILABLE = Row(
        "unavailable", 503, "The server can't store anything at the moment. Nothing was accepted. Try again."
    )
    INTERNAL = Row(
        "internal", 500, "Something went wrong in the server. Nothing was accepted unless you hold a receipt."
    )
    BAD_REQUEST = Row("bad-request", 400, "The request is not valid HTTP for this server.")

    @property
    def type(self) -> str:
        """The URI that names this problem."""
        return f"urn:sottovoce:problem:{self.value.slug}"

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value.status

    @property
    def title(self) -> str:
        """The fixed text."""
        return self.value.title


class ProblemError(Exception):
    """Answer with a problem. `retry_after_s` becomes the Retry-After header."""

    def __init__(self, kind: Kind, *, retry_after_s: int | None = None) -> None:
        super().__init__(kind.value.slug)
        self.kind = kind
        self.retry_after_s = retry_after_s


def kind_of(type_uri: str) -> Kind | None:
    """Find the kind that a problem's type names; None for one this version doesn't know."""
    return next((kind for kind in Kind if kind.type == type_uri), None)
