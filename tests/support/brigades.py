"""Texts and accounts for the corroboration tests: seeded, made of words that mean nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence

from abuse.accounts import Account

WORDS = [
    a + b + c
    for a in ("ba", "de", "fi", "go", "lu", "ma")
    for b in ("ka", "lo", "ri", "su")
    for c in "bdklmnrst"
]
HOUR = 3600.0


def text(seed: object, length: int = 60) -> str:
    """A text of its own: two seeds share next to no shingle."""
    rng = random.Random(str(seed))
    return " ".join(rng.choice(WORDS) for _ in range(length))


def edited(base: str, share: float, seed: object) -> str:
    """The text with that share of its words replaced."""
    rng = random.Random(f"{seed} {share}")
    return " ".join(rng.choice(WORDS) if rng.random() < share else word for word in base.split())


def account(
    name: str, hours: float, words: str, voice: int | None = None, evidence: Sequence[str] = ()
) -> Account:
    """An account that arrived that many hours after the start."""
    tag = None if voice is None else voice.to_bytes(32, "big")
    return Account(name, hours * HOUR, words, tag, b"subject" if tag else b"", frozenset(evidence))


def honest(voices: int, *, every_h: float = 8.0, start_h: float = 0.0, seed: object = "") -> list[Account]:
    """Members who tell the same thing in their own words, hours apart."""
    return [
        account(f"honest {n}", start_h + n * every_h, text(f"honest {seed} {n}"), voice=n + 1)
        for n in range(voices)
    ]
