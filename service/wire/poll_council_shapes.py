"""The Structs of what comes after a poll: the council's words on its result and its measure, and verifiers' reports.

As in `service.wire.shapes`: what decodes is well-formed and not yet believed.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from service.wire.shapes import Bytes64, Day, Hex16

MAX_REPORT_TEXT = 16 * 1_024
"""Bytes of a verifier's report in UTF-8."""
MAX_REPORT_JSON = 24 * 1_024
"""Bytes of the same report written as JSON, so that MAX_REPORTS of any text fit `remains` and leave it 256 KiB."""
MAX_REPORTS = 32
MAX_REVIEWS = 16
"""The council's words that a measure was looked at; the last place is kept for its end.

So that nobody on the council, and nobody who has a key of theirs, can fill what everybody is shown for good."""

ReviewNumber = Annotated[int, Meta(ge=1, le=MAX_REVIEWS)]


class Acknowledged(Struct, frozen=True, forbid_unknown_fields=True):
    """A council member's word that the council has the result. `signature`: service.cases.decisions."""

    handler: Hex16
    day: Day
    signature: Bytes64


class Implemented(Struct, frozen=True, forbid_unknown_fields=True):
    """What the council did, and the day on which it ends (None: nothing was done, or it doesn't end)."""

    handler: Hex16
    day: Day
    text: Annotated[str, Meta(min_length=1, max_length=2_000)]
    ends_on: Day | None
    signature: Bytes64


class Reviewed(Struct, frozen=True, forbid_unknown_fields=True):
    """The council's word that a measure was looked at. Words are numbered from 1; none follows one that it has ended.

    again: the day of the next look; None: it has ended. text: may be empty.
    """

    number: ReviewNumber
    handler: Hex16
    day: Day
    again: Day | None
    text: Annotated[str, Meta(max_length=2_000)]
    signature: Bytes64


class Acknowledge(Struct, frozen=True, forbid_unknown_fields=True):
    """The council has the result. `signature`: service.cases.decisions.acknowledge."""

    signature: Bytes64


class Implement(Struct, frozen=True, forbid_unknown_fields=True):
    """What the council did and the day on which it ends. `signature`: service.cases.decisions.implement."""

    text: Annotated[str, Meta(min_length=1, max_length=2_000)]
    ends_on: Day | None
    signature: Bytes64


class Review(Struct, frozen=True, forbid_unknown_fields=True):
    """A measure was looked at: it has ended, or is looked at again. `signature`: service.cases.decisions.review."""

    number: ReviewNumber
    again: Day | None
    text: Annotated[str, Meta(max_length=2_000)]
    signature: Bytes64


class FileReport(Struct, frozen=True, forbid_unknown_fields=True):
    """A verifier's report of a closed poll, which a mediator or the council files. It outlives the ballots.

    `text` carries the verifier's own signature, which the server doesn't check. It has at most MAX_REPORT_TEXT bytes of
    UTF-8 and MAX_REPORT_JSON as JSON; the server counts them, because a schema's lengths are in characters.
    """

    text: Annotated[str, Meta(min_length=1)]


class Reports(Struct, frozen=True, forbid_unknown_fields=True):
    """The reports that were filed, word for word. Whose they are is for their readers to check."""

    reports: Annotated[tuple[str, ...], Meta(max_length=MAX_REPORTS)]
