"""The Structs of what trustees send about a poll: shares, agreements, decryptions, statements, verdicts.

As in `service.wire.poll_shapes`, whose boards and polls these are about: what decodes is well-formed and not yet
believed. Statements and signatures travel as the exact texts that polls.results writes; what is sealed is not the
server's to read.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from service.wire.poll_shapes import MAX_TRUSTEES, MIN_TRUSTEES, Place
from service.wire.shapes import Hex16

MAX_SEALED_DECRYPTION = 64 * 1_024
VERDICT_SIZE = 17_520  # service.cases.verdicts; held equal by its tests
MAX_STATEMENT_TEXT = 4 * 1_024
MAX_DECRYPTION_JSON = 2 * 1_024 * 1_024
MAX_VERDICTS_JSON = 2 * 1_024 * 1_024
MAX_COUNCIL = 64


class ProveShare(Struct, frozen=True, forbid_unknown_fields=True):
    """A trustee's proof that they still have their share (polls.closing.prove_share)."""

    proof: Annotated[bytes, Meta(min_length=1, max_length=1_024)]


class PostAgreement(Struct, frozen=True, forbid_unknown_fields=True):
    """Which board a trustee verified, and signature: exact texts of polls.results' Structs."""

    statement: Annotated[bytes, Meta(min_length=1, max_length=MAX_STATEMENT_TEXT)]
    signature: Annotated[bytes, Meta(min_length=1, max_length=MAX_STATEMENT_TEXT)]


class TrusteesAgreement(Struct, frozen=True, forbid_unknown_fields=True):
    """An agreement as trustees fetch it. Whether it holds is for them to check."""

    place: Place
    statement: Annotated[bytes, Meta(max_length=MAX_STATEMENT_TEXT)]
    signature: Annotated[bytes, Meta(max_length=MAX_STATEMENT_TEXT)]


class Agreements(Struct, frozen=True, forbid_unknown_fields=True):
    """What the board's trustees agreed to so far, by place."""

    agreements: Annotated[tuple[TrusteesAgreement, ...], Meta(max_length=MAX_TRUSTEES)]


class SealedDecryption(Struct, frozen=True, forbid_unknown_fields=True):
    """A partial decryption, sealed to (when posted) or from (when fetched) the trustee at `place`."""

    place: Place
    sealed: Annotated[bytes, Meta(min_length=1, max_length=MAX_SEALED_DECRYPTION)]


class PostDecryptions(Struct, frozen=True, forbid_unknown_fields=True):
    """One trustee's partial decryption, sealed once to every place of the board, ascending."""

    sealed: Annotated[tuple[SealedDecryption, ...], Meta(min_length=MIN_TRUSTEES, max_length=MAX_TRUSTEES)]


class Decryptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What was sealed to the trustee who asks, by the place it came from."""

    sealed: Annotated[tuple[SealedDecryption, ...], Meta(max_length=MAX_TRUSTEES)]


class PostStatement(Struct, frozen=True, forbid_unknown_fields=True):
    """A trustee's outcome statement and signature: exact texts of polls.results' Structs. Public at once."""

    statement: Annotated[bytes, Meta(min_length=1, max_length=MAX_STATEMENT_TEXT)]
    signature: Annotated[bytes, Meta(min_length=1, max_length=MAX_STATEMENT_TEXT)]


class SealedVerdict(Struct, frozen=True, forbid_unknown_fields=True):
    """A verdict (service.cases.verdicts) sealed to one key of the group's roster."""

    key: Hex16
    sealed: Annotated[bytes, Meta(min_length=VERDICT_SIZE, max_length=VERDICT_SIZE)]


class PostVerdicts(Struct, frozen=True, forbid_unknown_fields=True):
    """One trustee's verdict, sealed to each active member of the council."""

    verdicts: Annotated[tuple[SealedVerdict, ...], Meta(min_length=1, max_length=MAX_COUNCIL)]


class TrusteesVerdict(Struct, frozen=True, forbid_unknown_fields=True):
    """A verdict as the council fetches it."""

    place: Place
    sealed: Annotated[bytes, Meta(min_length=VERDICT_SIZE, max_length=VERDICT_SIZE)]


class Verdicts(Struct, frozen=True, forbid_unknown_fields=True):
    """The verdicts sealed to the council member who asks."""

    verdicts: Annotated[tuple[TrusteesVerdict, ...], Meta(max_length=MAX_TRUSTEES)]
