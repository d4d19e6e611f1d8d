"""Ballots that must not count: two votes in one, copied, moved, out of the group."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crypto.entropy import seeded, system
from crypto.errors import Refused
from crypto.torsion import SMALL_ORDER
from polls import ballots
from polls.audit import check_ballots
from polls.ballots import BallotWire, SignatureWire, _answer
from polls.credentials import PrivateCredential, secret_of
from polls.election import Election, Question
from polls.encoding import decode, encode, hash_base64
from polls.group import ED25519 as GROUP
from polls.proofs import prove_knowledge

KEY = GROUP.draw(seeded(b"key"))
QUESTION = Question("Which?", ("No action", "Warning", "Suspension", "Abstain"))


def make_election(question: Question = QUESTION, uuid: str = "ABCDEFGHJKLMNPQRSTUVWX") -> Election[Any, Any]:
    return Election.make(
        GROUP, uuid=uuid, name="n", description="d", public_key=GROUP.base(KEY), questions=(question,)
    )


ELECTION = make_election()
CREDENTIAL = PrivateCredential.of_characters("A" * 22)
OTHER = PrivateCredential.of_characters("B" * 22)


def signed(election: Election[Any, Any], credential: PrivateCredential, answers: list[Any]) -> bytes:
    """Sign any answers, as a voter with a changed program would."""
    secret = secret_of(GROUP, election.uuid, credential)
    fields: dict[str, Any] = {
        "election_uuid": election.uuid,
        "election_hash": election.fingerprint,
        "credential": GROUP.text(GROUP.base(secret)),
        "answers": answers,
    }
    body_hash = hash_base64(encode(BallotWire(**fields)))
    proof = prove_knowledge(GROUP, secret, f"sig|{body_hash}|", system)
    return encode(BallotWire(**fields, signature=SignatureWire(hash=body_hash, proof=proof.wire)))


def context(election: Election[Any, Any], credential: PrivateCredential) -> str:
    return f"{election.fingerprint}|{GROUP.text(GROUP.base(secret_of(GROUP, election.uuid, credential)))}"


def check(raw: bytes, election: Election[Any, Any] = ELECTION) -> None:
    ballots.check(election, ballots.parse(GROUP, raw))


@pytest.mark.parametrize("option", range(4))
def test_a_ballot_for_any_option_is_valid(option: int) -> None:
    """And nothing but its random numbers differs between options."""
    raw = ballots.make(ELECTION, CREDENTIAL, [[int(i == option) for i in range(4)]], system)
    check(raw)


def test_a_ballot_of_two_votes_is_refused() -> None:
    """Σ = 2: the individual proofs hold, the overall one can't be made."""
    two = Question("Which?", QUESTION.answers, 1, 2)
    answer = _answer(make_election(two), two, [1, 1, 0, 0], context(ELECTION, CREDENTIAL), system)
    with pytest.raises(Refused, match="overall proof does not verify"):
        check(signed(ELECTION, CREDENTIAL, [answer]))
    for proof in answer.overall_proof:
        one = type(answer)(
            choices=answer.choices, individual_proofs=answer.individual_proofs, overall_proof=[proof]
        )
        with pytest.raises(Refused, match="overall proof does not verify"):
            check(signed(ELECTION, CREDENTIAL, [one]))


@pytest.mark.parametrize("chosen", [[1, 1, 0, 0], [0, 0, 0, 0], [2, 0, 0, 0], [1, 0, 0], [-1, 1, 1, 0]])
def test_the_honest_maker_refuses_what_is_not_allowed(chosen: list[int]) -> None:
    """A mistake in a caller shows before anything is sent."""
    with pytest.raises(Refused, match="vote: "):
        ballots.make(ELECTION, CREDENTIAL, [chosen], system)


def test_a_negative_vote_is_refused() -> None:
    """Taking a vote away from an option needs a proof of −1, which isn't 0 or 1."""
    raw = json.loads(ballots.make(ELECTION, CREDENTIAL, [[0, 1, 0, 0]], system))
    answer = raw["answers"][0]
    beta = GROUP.parse(answer["choices"][0]["beta"])
    answer["choices"][0]["beta"] = GROUP.text(GROUP.over(beta, GROUP.generator))
    forged = ballots.parse(GROUP, json.dumps(raw, separators=(",", ":")).encode())
    with pytest.raises(Refused, match="signature is of another ballot"):
        ballots.check(ELECTION, forged)
    answers = [decode(json.dumps(answer, separators=(",", ":")).encode(), ballots.AnswerWire, "a")]
    with pytest.raises(Refused, match="individual proof does not verify"):
        check(signed(ELECTION, CREDENTIAL, answers))


def test_a_copied_answer_under_another_credential_is_refused() -> None:
    """Copying somebody's ciphertexts to vote as they did: the proofs name the credential."""
    raw = ballots.make(ELECTION, CREDENTIAL, [[0, 1, 0, 0]], system)
    answers = decode(raw, BallotWire, "ballot").answers
    check(signed(ELECTION, CREDENTIAL, answers))
    with pytest.raises(Refused, match="individual proof does not verify"):
        check(signed(ELECTION, OTHER, answers))


def test_a_copied_ciphertext_inside_a_ballot_is_refused() -> None:
    """A choice moved to another option of the same ballot breaks the overall proof, which hashes all in order."""
    raw = ballots.make(ELECTION, CREDENTIAL, [[0, 1, 0, 0]], system)
    answer = decode(raw, BallotWire, "ballot").answers[0]
    order = [1, 0, 2, 3]
    swapped = type(answer)(
        choices=[answer.choices[i] for i in order],
        individual_proofs=[answer.individual_proofs[i] for i in order],
        overall_proof=answer.overall_proof,
    )
    with pytest.raises(Refused, match="overall proof does not verify"):
        check(signed(ELECTION, CREDENTIAL, [swapped]))


def test_a_ballot_for_options_in_another_order_is_refused() -> None:
    """Who is shown swapped options votes in an election of another hash."""
    swapped = Question("Which?", ("No action", "Suspension", "Warning", "Abstain"))
    raw = ballots.make(make_election(swapped), CREDENTIAL, [[0, 1, 0, 0]], system)
    with pytest.raises(Refused, match="made for another election"):
        check(raw)


def test_a_ballot_of_another_poll_is_refused() -> None:
    """Replay across polls: identifier and hash differ, and so does the credential."""
    elsewhere = make_election(uuid="ABCDEFGHJKLMNPQRSTUVWY")
    raw = ballots.make(elsewhere, CREDENTIAL, [[0, 1, 0, 0]], system)
    with pytest.raises(Refused, match="made for another election"):
        check(raw)
    assert GROUP.base(secret_of(GROUP, ELECTION.uuid, CREDENTIAL)) != GROUP.base(
        secret_of(GROUP, elsewhere.uuid, CREDENTIAL)
    )


def test_the_same_ballot_twice_is_refused() -> None:
    """A copied ballot on the board is named."""
    raw = ballots.make(ELECTION, CREDENTIAL, [[0, 1, 0, 0]], system)
    allowed = frozenset([GROUP.text(GROUP.base(secret_of(GROUP, ELECTION.uuid, CREDENTIAL)))])
    with pytest.raises(Refused, match="ballot 2: the same ballot is there twice"):
        check_ballots(ELECTION, allowed, [raw, raw], map)
    with pytest.raises(Refused, match="ballot 1: its credential may not vote"):
        check_ballots(ELECTION, frozenset(), [raw], map)


BAD_ELEMENTS = [
    *(raw[::-1].hex() for raw in SMALL_ORDER),
    "ff" * 32,
    "00" * 31,
    "zz" * 32,
    (" " + "0" * 63),
]


@pytest.mark.parametrize("bad", BAD_ELEMENTS)
@pytest.mark.parametrize("field", ["credential", "alpha", "beta"])
def test_elements_outside_the_group_are_refused(field: str, bad: str) -> None:
    """Small order, the identity, non-canonical, not even digits: wherever an element is read."""
    message = json.loads(ballots.make(ELECTION, CREDENTIAL, [[0, 1, 0, 0]], system))
    if field == "credential":
        message["credential"] = bad
    else:
        message["answers"][0]["choices"][2][field] = bad
    with pytest.raises(Refused, match=r"^(point|group element): "):
        ballots.parse(GROUP, json.dumps(message, separators=(",", ":")).encode())


def test_an_element_with_a_torsion_component_is_refused() -> None:
    """A valid point plus a point of small order passes naive checks and would break proofs' soundness."""
    from nacl.bindings import crypto_core_ed25519_add

    message = json.loads(ballots.make(ELECTION, CREDENTIAL, [[0, 1, 0, 0]], system))
    alpha = bytes.fromhex(message["answers"][0]["choices"][0]["alpha"])[::-1]
    for torsion in SMALL_ORDER[1:]:
        mixed = crypto_core_ed25519_add(alpha, torsion)[::-1].hex()
        message["answers"][0]["choices"][0]["alpha"] = mixed
        with pytest.raises(Refused, match="not in the prime-order subgroup"):
            ballots.parse(GROUP, json.dumps(message, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "number", ["-1", "01", "+1", "1_0", "", " 1", "٣", str(GROUP.order), str(2**256), "9" * 900]
)
def test_numbers_out_of_range_or_spelt_otherwise_are_refused(number: str) -> None:
    """A response plus q would be a second text of one proof."""
    message = json.loads(ballots.make(ELECTION, CREDENTIAL, [[0, 1, 0, 0]], system))
    message["signature"]["proof"]["response"] = number
    raw = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
    with pytest.raises(Refused, match=r"^proof: "):
        ballots.parse(GROUP, raw)


def test_a_second_text_of_a_ballot_is_refused() -> None:
    """Spaces, another order, a field twice or unknown, an escape: one message has one text."""
    raw = ballots.make(ELECTION, CREDENTIAL, [[0, 1, 0, 0]], system)
    message = json.loads(raw)
    reordered = {key: message[key] for key in reversed(message)}
    for other in (
        raw.replace(b",", b", ", 1),
        json.dumps(reordered, separators=(",", ":")).encode(),
        raw.replace(b'{"election_uuid"', b'{"election_uuid":"x","election_uuid"', 1),
        raw[:-1] + b',"weight":2}',
        raw.replace(b"ABCDEFGHJ", b"\\u0041BCDEFGHJ", 1),
        raw + b"\n",
        b"\xef\xbb\xbf" + raw,
    ):
        with pytest.raises(Refused, match=r"ballot: not (well formed|in canonical form)"):
            ballots.parse(GROUP, other)


def test_a_seeded_ballot_does_not_depend_on_the_machine() -> None:
    """Same randomness, same ballot; other randomness, another one in every ciphertext."""
    first, again, other = (
        ballots.make(ELECTION, CREDENTIAL, [[0, 1, 0, 0]], seeded(seed)) for seed in (b"1", b"1", b"2")
    )
    assert first == again
    a, b = (ballots.parse(GROUP, raw).answers[0].choices for raw in (first, other))
    assert all(x.alpha != y.alpha and x.beta != y.beta for x, y in zip(a, b, strict=True))
