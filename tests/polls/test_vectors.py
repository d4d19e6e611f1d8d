"""An election that belenios-tool 2.5.1 made: every step replayed with our code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crypto.entropy import system
from crypto.errors import Refused
from polls import archive, ballots
from polls.audit import audit, check_ballots
from polls.ceremony import (
    PolynomialWire,
    RawPolynomialWire,
    check_polynomial,
    make_input,
    open_share,
    read_certificates,
)
from polls.channels import TrusteeKeys, TrusteeSeed, receive
from polls.credentials import PrivateCredential, read_public, secret_of, write_public
from polls.election import Election
from polls.encoding import decode
from polls.group import ED25519 as GROUP
from polls.tally import check_partial, combine, counts_of, decrypt_partially, write_result, write_tally
from polls.trustees import Trustees, evaluate

FOLDER = Path(__file__).parent.parent / "vectors" / "belenios-threshold"
ARCHIVE = next(FOLDER.glob("*.bel")).read_bytes()
CONTENTS = archive.read(ARCHIVE)
ELECTION = Election.parse(GROUP, CONTENTS.election)
TRUSTEES = Trustees.parse(GROUP, CONTENTS.trustees, signed_keys=False)
CERTIFICATES = FOLDER.joinpath("certs.jsons").read_bytes().splitlines()
POLYNOMIALS = FOLDER.joinpath("polynomials.jsons").read_bytes().splitlines()


def seeds() -> dict[int, tuple[TrusteeSeed, str]]:
    """By place: each trustee's seed and the name of their files."""
    found = {}
    for path in FOLDER.glob("*.key"):
        seed = TrusteeSeed(path.read_bytes().strip())
        keys = TrusteeKeys.derive(GROUP, seed)
        for certificate in TRUSTEES.certificates:
            if certificate.verification == keys.verification:
                found[certificate.index] = (seed, path.stem)
    return found


SEEDS = seeds()


def test_the_archive_is_accepted_and_its_result_found() -> None:
    """13 ballots, one replaced, trustees 1 and 3: [[5, 3, 2, 2]]."""
    audited = audit(GROUP, ARCHIVE, signed_keys=False)
    assert audited.counts == ((5, 3, 2, 2),)
    assert (len(audited.contents.ballots), len(audited.counted), audited.replaced) == (13, 12, 1)
    assert audited.valid_partial == (1, 3)


def test_writing_what_was_read_gives_the_same_bytes() -> None:
    """Tar headers, order and chain are exactly Belenios'."""
    assert archive.write(CONTENTS) == ARCHIVE


def test_belenios_before_3_3_did_not_sign_its_keys_and_ours_must() -> None:
    """The stricter rule of 3.3 is the default; the older archive needs leave."""
    with pytest.raises(Refused, match="not signed by its trustee"):
        Trustees.parse(GROUP, CONTENTS.trustees)


def test_private_credentials_derive_to_the_public_ones() -> None:
    """All 12, and the list is written as Belenios does but for its order."""
    private = json.loads(FOLDER.joinpath("private_creds.json").read_text())
    secrets = [secret_of(GROUP, ELECTION.uuid, PrivateCredential(each.encode())) for each in private.values()]
    publics = [GROUP.base(secret) for secret in secrets]
    assert {GROUP.text(each) for each in publics} == read_public(GROUP, CONTENTS.credentials)
    assert len(write_public(GROUP, publics)) == len(CONTENTS.credentials)


def test_every_ballot_checks_and_one_of_ours_with_their_credential_too() -> None:
    """A ballot made with a credential that Belenios drew is valid in its election."""
    for raw in CONTENTS.ballots:
        ballots.check(ELECTION, ballots.parse(GROUP, raw))
    private = json.loads(FOLDER.joinpath("private_creds.json").read_text())
    credential = PrivateCredential(next(iter(private.values())).encode())
    ours = ballots.make(ELECTION, credential, [[0, 0, 1, 0]], system)
    ballots.check(ELECTION, ballots.parse(GROUP, ours))


@pytest.mark.parametrize("index", [1, 2, 3])
def test_the_ceremony_replays(index: int) -> None:
    """Certificates, polynomial, routing, every share, the output: as the tool computed them."""
    certificates = read_certificates(GROUP, CERTIFICATES)
    seed, name = SEEDS[index]
    keys = TrusteeKeys.derive(GROUP, seed)
    commitments = [
        check_polynomial(GROUP, certificates, place, raw) for place, raw in enumerate(POLYNOMIALS, 1)
    ]
    own = decode(POLYNOMIALS[index - 1], PolynomialWire, "polynomial").polynomial
    message = receive(GROUP, keys, keys.verification, own, "own polynomial")
    numbers = decode(message.encode(), RawPolynomialWire, "polynomial").polynomial
    assert tuple(GROUP.base(int(number)) for number in numbers) == commitments[index - 1]

    vinput = FOLDER.joinpath(f"{name}.vinput").read_bytes().strip()
    assert make_input(POLYNOMIALS, index) == vinput
    total = 0
    for dealer, sealed in enumerate(json.loads(vinput)["secrets"], 1):
        dealt = receive(GROUP, keys, certificates[dealer - 1].verification, sealed, "share")
        value = int(json.loads(dealt)["secret"])
        assert GROUP.base(value) == evaluate(GROUP, commitments[dealer - 1], index)
        total += value

    output = json.loads(FOLDER.joinpath(f"{name}.voutput").read_bytes())
    share = open_share(GROUP, seed, output["private_key"])
    assert GROUP.reveal(share) == total % GROUP.order
    assert GROUP.base(share) == TRUSTEES.keys[index - 1]
    assert FOLDER.joinpath(f"{name}.dkey").read_text().strip() == output["private_key"]


def test_the_threshold_parameters_are_the_archive_s() -> None:
    """`threshold.json` is what the trustees structure wraps."""
    assert (
        CONTENTS.trustees == b'[["Pedersen",' + FOLDER.joinpath("threshold.json").read_bytes().strip() + b"]]"
    )


def test_any_two_trustees_decrypt_the_tally() -> None:
    """Also 1 and 2, or 2 and 3, who did not then."""
    credentials = read_public(GROUP, CONTENTS.credentials)
    tally, counted = check_ballots(ELECTION, credentials, CONTENTS.ballots, map)
    assert write_tally(GROUP, tally) == CONTENTS.tally
    factors = {}
    for index, (seed, name) in SEEDS.items():
        share = open_share(GROUP, seed, FOLDER.joinpath(f"{name}.dkey").read_text().strip())
        raw = decrypt_partially(ELECTION, share, tally, system)
        factors[index] = check_partial(ELECTION, TRUSTEES.keys[index - 1], tally, raw)
    theirs = dict(CONTENTS.partial)
    assert factors[1] == check_partial(ELECTION, TRUSTEES.keys[0], tally, theirs[1])
    for pair in ((1, 2), (2, 3), (1, 3)):
        combined = combine(GROUP, TRUSTEES, {index: factors[index] for index in pair})
        counts = counts_of(GROUP, tally, combined, len(counted))
        assert write_result(counts) == CONTENTS.result
    with pytest.raises(Refused, match="fewer partial decryptions than the threshold"):
        combine(GROUP, TRUSTEES, {2: factors[2]})
