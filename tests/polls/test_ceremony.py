"""The trustees' ceremony: any order, any crash, and trustees who cheat."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crypto.entropy import seeded, system
from crypto.errors import Refused
from polls.ceremony import BadShare, commitment_to, make_output, make_polynomial
from polls.channels import TrusteeKeys, TrusteeSeed, send
from polls.encoding import encode
from polls.group import ED25519 as GROUP
from polls.transcript import MESSAGES, Replaced, Step, Transcript
from polls.trustees import Trustees
from tests.support.finite_field import FiniteField
from tests.support.poll_world import Finished, run_ceremony


def draw(count: int, seed: bytes = b"ceremony") -> list[TrusteeSeed]:
    entropy = seeded(seed)
    return [TrusteeSeed.draw(entropy) for _ in range(count)]


SEEDS = draw(3)


def until(step: Step, seeds: list[TrusteeSeed] = SEEDS) -> Transcript[Any, Any]:
    """Run a ceremony of 2 of 3 until `step` is due from everybody."""
    transcript: Transcript[Any, Any] = Transcript(GROUP, 3, 2)
    while transcript.due(1) is not step:
        for index, seed in enumerate(seeds, 1):
            said = transcript.answer(seed, index)
            assert said is not None
            transcript = transcript.with_message(said[0], index, said[1])
    return transcript


def test_three_of_five_and_any_three_have_the_key() -> None:
    """The shares of any three interpolate to the logarithm of the public key."""
    transcript = run_ceremony(GROUP, draw(5), 3)
    board = transcript.board()
    assert (board.threshold, len(board.keys)) == (3, 5)
    shares = {i: GROUP.reveal(transcript.share(seed, i)) for i, seed in enumerate(draw(5), 1)}
    for places in ((1, 2, 3), (1, 3, 5), (2, 4, 5)):
        total = 0
        for place in places:
            weight = 1
            for other in places:
                if other != place:
                    weight = weight * other * pow(other - place, -1, GROUP.order) % GROUP.order
            total += weight * shares[place]
        assert GROUP.base(total % GROUP.order) == board.public_key


@pytest.mark.xdist_group("belenios")  # where that poll is made anyway
def test_the_same_code_runs_over_a_finite_field(field_poll: Finished) -> None:
    """The group is a parameter."""
    board = field_poll.world.transcript.board()
    assert Trustees.parse(FiniteField(), board.raw).public_key == board.public_key


def test_every_step_can_be_repeated_and_gives_the_same_bytes() -> None:
    """A trustee whose machine died comes back with the seed alone."""
    for step in MESSAGES:
        transcript = until(step)
        first, again = (transcript.answer(SEEDS[0], 1) for _ in range(2))
        assert first == again
        assert first is not None
        after = transcript.with_message(step, 1, first[1])
        assert after.with_message(step, 1, first[1]) == after
        assert after.due(1) is Step.WAIT
        assert after.answer(SEEDS[0], 1) is None


def test_nobody_says_two_things() -> None:
    """A second, different message in one step is refused by name."""
    transcript = until(Step.COMMITMENT).with_message(Step.COMMITMENT, 1, bytes(32))
    with pytest.raises(Replaced, match="trustee 1 says something else"):
        transcript.with_message(Step.COMMITMENT, 1, b"\x01" * 32)


def test_steps_out_of_turn_and_places_that_are_not_are_refused() -> None:
    """Nobody shows a polynomial before everybody is committed."""
    transcript = until(Step.COMMITMENT)
    polynomial = make_polynomial(GROUP, SEEDS[0], transcript.ordered(Step.CERTIFICATE))
    transcript = transcript.with_message(Step.COMMITMENT, 1, commitment_to(polynomial))
    with pytest.raises(Refused, match="not due from trustee 1"):
        transcript.with_message(Step.POLYNOMIAL, 1, polynomial)
    for place in (0, 4, -1):
        with pytest.raises(Refused, match="no such step or place"):
            transcript.with_message(Step.COMMITMENT, place, bytes(32))
    with pytest.raises(Refused, match="no such step or place"):
        transcript.with_message(Step.WAIT, 1, b"")


def test_a_rushing_trustee_is_refused() -> None:
    """Trustee 3 waits for the others' polynomials, then shows one chosen after seeing them."""
    transcript = until(Step.POLYNOMIAL)
    for index in (1, 2):
        said = transcript.answer(SEEDS[index - 1], index)
        assert said is not None
        transcript = transcript.with_message(said[0], index, said[1])
    # The cheat has the right keys, so everything is signed well; only the choice is new.
    other = _polynomial_with_other_choice(transcript, SEEDS[2])
    with pytest.raises(Refused, match="trustee 3 shows another polynomial than committed to"):
        transcript.with_message(Step.POLYNOMIAL, 3, other)


def _polynomial_with_other_choice(transcript: Transcript[Any, Any], seed: TrusteeSeed) -> bytes:
    class Fickle(TrusteeSeed):
        def entropy(self, *purpose: bytes) -> object:  # type: ignore[override]
            return system

    fickle = Fickle(seed.reveal())
    return make_polynomial(GROUP, fickle, transcript.ordered(Step.CERTIFICATE))


def cheat_share(
    transcript: Transcript[Any, Any], dealer: int, victim: int, message: str
) -> Transcript[Any, Any]:
    """Let `dealer` send `victim` another share, well signed and committed to."""
    seed = SEEDS[dealer - 1]
    wire = json.loads(make_polynomial(GROUP, seed, transcript.ordered(Step.CERTIFICATE)))
    keys = TrusteeKeys.derive(GROUP, seed)
    to = transcript.certificates()[victim - 1].encryption
    wire["secrets"][victim - 1] = send(GROUP, keys.signing, to, message, system)
    forged = json.dumps(wire, separators=(",", ":")).encode()
    for index, own in enumerate(SEEDS, 1):
        said = (Step.COMMITMENT, commitment_to(forged)) if index == dealer else transcript.answer(own, index)
        assert said is not None
        transcript = transcript.with_message(Step.COMMITMENT, index, said[1])
    for index, own in enumerate(SEEDS, 1):
        said = (Step.POLYNOMIAL, forged) if index == dealer else transcript.answer(own, index)
        assert said is not None
        transcript = transcript.with_message(Step.POLYNOMIAL, index, said[1])
    return transcript


@pytest.mark.parametrize("message", ['{"secret":"12345"}', '{"secret":"-1"}', "{}", "garbage"])
def test_a_bad_share_is_found_by_its_victim_who_names_the_dealer(message: str) -> None:
    """And nobody else is hindered from saying so; the ceremony doesn't end."""
    transcript = cheat_share(until(Step.COMMITMENT), dealer=2, victim=3, message=message)
    assert transcript.answer(SEEDS[0], 1) is not None
    with pytest.raises(BadShare, match="dealt by trustee 2") as found:
        transcript.answer(SEEDS[2], 3)
    assert found.value.dealer == 2
    with pytest.raises(Refused, match="not complete"):
        transcript.board()


def test_a_share_meant_for_another_trustee_is_a_bad_share() -> None:
    """Routed to the wrong place by a server: the channel names its recipient."""
    transcript = until(Step.OUTPUT)
    message = json.loads(transcript.input_for(1))
    message["secrets"][1] = json.loads(transcript.input_for(2))["secrets"][1]
    with pytest.raises(BadShare, match="trustee 2"):
        make_output(GROUP, SEEDS[0], transcript.ordered(Step.CERTIFICATE), encode(message))


def test_a_server_that_lies_about_the_polynomials_is_found() -> None:
    """A trustee's own polynomial must be the one they sent."""
    transcript = until(Step.OUTPUT)
    said = dict(transcript.said)
    swapped = dict(said[Step.POLYNOMIAL])
    swapped[1] = _polynomial_with_other_choice(transcript, SEEDS[0])
    commitments = dict(said[Step.COMMITMENT]) | {1: commitment_to(swapped[1])}
    said |= {Step.POLYNOMIAL: swapped, Step.COMMITMENT: commitments}
    with pytest.raises(Replaced, match="not the one that we sent"):
        Transcript(GROUP, 3, 2, said).answer(SEEDS[0], 1)


def test_a_polynomial_that_another_dealt_is_not_our_own() -> None:
    """Last step: what a server says that we sent to ourselves has to be by our key, and to it."""
    transcript = until(Step.OUTPUT)
    certificates = transcript.ordered(Step.CERTIFICATE)
    message = json.loads(transcript.input_for(1))
    keys = [TrusteeKeys.derive(GROUP, seed) for seed in SEEDS]
    dealt = send(GROUP, keys[1].signing, keys[0].encryption, '{"polynomial":["1","1"]}', system)
    theirs = json.loads(transcript.input_for(2))["polynomial"]
    for polynomial, reason in ((dealt, "signature does not verify"), (theirs, "can't be decrypted")):
        with pytest.raises(Refused, match=f"ceremony input: {reason}"):
            make_output(GROUP, SEEDS[0], certificates, encode(message | {"polynomial": polynomial}))


def test_a_verification_key_without_its_share_is_refused() -> None:
    """Anybody can compute a trustee's key from the commitments: whose share it is is proved, or it doesn't hold."""
    transcript = until(Step.OUTPUT)
    said = transcript.answer(SEEDS[0], 1)
    assert said is not None
    output = json.loads(said[1])
    key = output["public_key"]
    for name in ("challenge", "response"):
        changed = str((int(key["pok"][name]) + 1) % GROUP.order)
        forged = output | {"public_key": key | {"pok": key["pok"] | {name: changed}}}
        with pytest.raises(Refused, match="proof of possession does not verify"):
            transcript.with_message(Step.OUTPUT, 1, encode(forged))
    assert transcript.with_message(said[0], 1, said[1]).due(1) is Step.WAIT


def test_a_verification_key_that_is_not_the_polynomials_is_refused() -> None:
    """A trustee who claims another share than they got, with a valid proof of possessing it."""
    transcript = until(Step.OUTPUT)
    other = run_ceremony(GROUP, draw(3, b"other"), 2)
    with pytest.raises(Refused, match="not what the commitments give"):
        transcript.with_message(Step.OUTPUT, 1, other.said[Step.OUTPUT][1])


def test_a_certificate_for_another_ceremony_is_refused() -> None:
    """Place, size and threshold are signed; no key has two places."""
    transcript: Transcript[Any, Any] = Transcript(GROUP, 3, 2)
    elsewhere: Transcript[Any, Any] = Transcript(GROUP, 4, 2)
    said = elsewhere.answer(SEEDS[0], 1)
    assert said is not None
    with pytest.raises(Refused, match="place, size or threshold differ"):
        transcript.with_message(Step.CERTIFICATE, 1, said[1])
    for index in (1, 2):
        said = transcript.answer(SEEDS[0], index)
        assert said is not None
        transcript = transcript.with_message(Step.CERTIFICATE, index, said[1])
    said = transcript.answer(SEEDS[2], 3)
    assert said is not None
    with pytest.raises(Refused, match="one key has two places"):
        transcript.with_message(Step.CERTIFICATE, 3, said[1])


@pytest.mark.parametrize(("size", "threshold"), [(1, 1), (3, 3), (3, 1), (2, 2), (5, 0), (5, 6)])
def test_boards_that_one_opens_or_one_closes_are_not_made(size: int, threshold: int) -> None:
    """Never n of n, never 1 of n."""
    with pytest.raises(Refused, match="at least 2 of 3"):
        Transcript(GROUP, size, threshold)


def test_seeds_hide_and_are_checked() -> None:
    """A seed shows nothing of itself."""
    seed = SEEDS[0]
    assert seed.reveal().decode() not in repr(seed)
    for bad in (b"0" * 22, b"l" * 22, b"A" * 21):
        with pytest.raises(Refused):
            TrusteeSeed(bad)
