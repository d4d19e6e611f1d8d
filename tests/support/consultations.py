"""One question to people outside of a report, and its answer, as values and as files."""

from __future__ import annotations

from crypto.seal import SealingKey
from crypto.signatures import SigningKey
from service.cases.consultations import (
    Advice,
    Consultation,
    seal_advice,
    seal_consultation,
    sign_advice,
    sign_consultation,
)
from service.cases.log import (
    Act,
    Advised,
    Consulted,
    Entry,
)

ADA, GIL = SigningKey(b"a" * 32), SigningKey(b"g" * 32)
AURORA, COUNCIL = b"\1" * 16, b"\2" * 16
GILS, SEED = SealingKey(b"k" * 32), SealingKey(b"s" * 32)
REPORT = bytes(16)
ASKED = Consulted(
    consultation="3" * 32,
    asking=AURORA.hex(),
    group=COUNCIL.hex(),
    group_name="Council",
    handlers=("Gil", "Hedy"),
    key_ids=(GILS.key_id.hex(), "4" * 32),
    day=20_000,
    answer_seed=SEED.reveal().hex(),
    text="May we use the second step?",
)
QUESTION = Consultation(
    group=AURORA.hex(),
    to=COUNCIL.hex(),
    id="3" * 32,
    author_key=ADA.verify_key().raw.hex(),
    day=20_000,
    answer_key=SEED.public_key().raw,
    text="May we use the second step?",
)
ANSWER = Advice(
    group=COUNCIL.hex(),
    to=AURORA.hex(),
    id="3" * 32,
    asked=QUESTION.digest(),
    author_key=GIL.verify_key().raw.hex(),
    day=20_001,
    text="Yes.",
)
SIGNATURE = sign_advice(ANSWER, GIL)[-64:]
ADVISED = Advised("3" * 32, QUESTION.author_key, "Gil", ANSWER.author_key, 20_001, "Yes.", SIGNATURE)


def entry(act: Act, number: int = 0, key: SigningKey = ADA) -> Entry:
    """An entry of Ada's, unless the key is another's."""
    return Entry(f"{number:032x}", "Ada", key.verify_key().raw.hex(), 1, act)


def question_file() -> bytes:
    """QUESTION, signed and sealed."""
    return seal_consultation(sign_consultation(QUESTION, ADA), AURORA, COUNCIL, [GILS.public_key()])


def answer_file() -> bytes:
    """ANSWER, signed and sealed."""
    return seal_advice(sign_advice(ANSWER, GIL), QUESTION)
