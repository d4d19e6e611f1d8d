"""What trustees send and fetch of a poll, as values: `service.wire.poll_calls` for those who hold a share.

Trustees sign like handlers do, with the board in the group's place. What the answers hold of other trustees is not
believed here: signatures and proofs are for `polls` to check.
"""

from __future__ import annotations

from collections.abc import Sequence

from polls.agreement import Signed
from polls.encoding import encode
from polls.results import BoardStatement, OutcomeStatement, TrusteeSignature
from service.wire import poll_closing_shapes as shapes
from service.wire.calls import Call
from service.wire.poll_calls import MIB, decoded, for_poll
from service.wire.poll_views import PollView
from service.wire.signing import Signer


def prove_share(signer: Signer, phi: bytes, proof: bytes) -> Call[PollView]:
    """Prove, before the poll opens, that one still has one's share (`polls.closing.prove_share`)."""
    return for_poll(phi, "shares", shapes.ProveShare(proof), signer)


def post_agreement(
    signer: Signer, phi: bytes, statement: BoardStatement, signature: TrusteeSignature
) -> Call[PollView]:
    """Tell the other trustees which board one verified. The same statement again is harmless; another is refused."""
    return for_poll(phi, "agreements", shapes.PostAgreement(encode(statement), encode(signature)), signer)


def agreements(signer: Signer, phi: bytes) -> Call[dict[int, Signed]]:
    """Fetch, as a trustee, which board each of them says they verified, by place: for `polls.agreement.weigh`."""

    def parse(raw: bytes) -> dict[int, Signed]:
        found = decoded(shapes.Agreements)(raw).agreements
        return {each.place: (each.statement, each.signature) for each in found}

    return Call("GET", f"/v1/polls/{phi.hex()}/agreements", parse, cap=MIB, signer=signer)


def post_decryptions(signer: Signer, phi: bytes, sealed: Sequence[bytes]) -> Call[PollView]:
    """Post one's partial decryption, sealed to every place in order (`service.cases.verdicts.seal_decryption`)."""
    body = shapes.PostDecryptions(
        tuple(shapes.SealedDecryption(place, each) for place, each in enumerate(sealed, 1))
    )
    return for_poll(phi, "decryptions", body, signer)


def decryptions(signer: Signer, phi: bytes) -> Call[dict[int, bytes]]:
    """Fetch the partial decryptions sealed to the signer, by the place they came from."""

    def parse(raw: bytes) -> dict[int, bytes]:
        return {each.place: each.sealed for each in decoded(shapes.Decryptions)(raw).sealed}

    return Call("GET", f"/v1/polls/{phi.hex()}/decryptions", parse, cap=2 * MIB, signer=signer)


def post_statement(
    signer: Signer, phi: bytes, statement: OutcomeStatement, signature: TrusteeSignature
) -> Call[PollView]:
    """Publish one's signed outcome statement. The same statement again is harmless; another one is refused."""
    return for_poll(phi, "statements", shapes.PostStatement(encode(statement), encode(signature)), signer)


def post_verdicts(signer: Signer, phi: bytes, sealed: Sequence[tuple[bytes, bytes]]) -> Call[PollView]:
    """Send the council one's verdict: (key id, `service.cases.verdicts.seal_verdict`) for each of its members."""
    body = shapes.PostVerdicts(tuple(shapes.SealedVerdict(key.hex(), each) for key, each in sealed))
    return for_poll(phi, "result", body, signer)
