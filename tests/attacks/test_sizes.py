"""What length tells: at most six lengths an envelope can have, whatever was written and attached."""

from __future__ import annotations

import random

from crypto.codes import ReplyCode
from crypto.entropy import seeded
from crypto.envelope import envelope_length, parse_envelope
from crypto.padding import SIZE_CLASSES, class_for
from crypto.seal import SealingKey
from service.cases.answers import Answers
from service.cases.filing import Recipients, burn_mailbox, file_report, proof_of
from service.cases.reports import File, FollowUp, Person, Unsealed
from tests.support.reporters import TODAY

DRAW = seeded(b"sizes")
KEYS = tuple(SealingKey(DRAW(32)).public_key() for _ in range(5))
SCRIPTS = ("a", "ß", "ع", "語", "🕊")


def written(rng: random.Random) -> tuple[Answers, tuple[File, ...]]:
    """A random report: any script, from a word to pages, and now and then a file."""
    text = rng.choice(SCRIPTS) * int(10 ** rng.uniform(0, 4))
    files = [int(10 ** rng.uniform(0, 6.6))] if rng.random() < 0.05 else []
    who = tuple(Person(platform="irc", handle="x" * rng.randint(1, 40)) for _ in range(rng.randint(0, 4)))
    made = tuple(File("f.bin", "application/octet-stream", bytes(size)) for size in files)
    return Answers(what=text or "x", who=who, fears=text[:200]), made


def test_ten_thousand_reports_have_six_lengths_at_most() -> None:
    """For each number of recipients; the length is a function of class and number alone."""
    rng = random.Random(20261121)
    code = ReplyCode(DRAW(16))
    classes: dict[int, int] = {}
    for number in range(10_000):
        answers, files = written(rng)
        recipients = rng.randint(1, len(KEYS))
        to = Recipients(bytes(16), bytes(32), KEYS[:recipients])
        if number % 50 == 0:  # every fiftieth is sealed for real
            raw = file_report(answers.to_report(files, TODAY), files, to, code, DRAW).envelope
            header = parse_envelope(raw).header
            assert len(raw) == envelope_length(recipients, header.size_class)
            size_class = header.size_class
        else:
            report = answers.to_report(files, TODAY)
            # 1253 bytes stand before the JSON, and the padding needs four (SPEC §6.1).
            plaintext = Unsealed(report, files, bytes(32), KEYS[0]).to_bytes()
            size_class = class_for(len(plaintext))
        classes[size_class] = classes.get(size_class, 0) + 1
    assert set(classes) <= set(range(len(SIZE_CLASSES)))
    assert len(classes) >= 5  # the sample reaches nearly every class
    lengths = {n: {envelope_length(n, one) for one in classes} for n in range(1, 6)}
    assert all(len(found) <= 6 for found in lengths.values())


def test_a_follow_up_looks_like_a_report() -> None:
    """A short report, a follow-up with a message and one without: the same length and the same header but the keys."""
    used, new = ReplyCode(DRAW(16)), ReplyCode(DRAW(16))
    to = Recipients(bytes(16), bytes(32), KEYS[:3])
    report = file_report(Answers(what="short").to_report((), TODAY), (), to, used, DRAW).envelope
    found = {len(report)}
    for message in ("", "a message"):
        follow_up = FollowUp(
            proof=proof_of(used), message=message, language="en", filed_on="2026-11-21", attachments=()
        )
        envelope = burn_mailbox(used, new, 0, follow_up, (), to, DRAW).filed.envelope
        found.add(len(envelope))
        assert parse_envelope(envelope).header == parse_envelope(report).header
    assert len(found) == 1
