"""Honest cases against brigades: `python -m bench.brigade [--cases 60] [--seed 1] [--json]`.

Seeded and complete: the texts come from a small grammar written for this file, since no corpus of real reports exists
that could be published. It says how the score behaves under the attacks it was built against, not how real
people write; the numbers are an upper bound of what to expect. Shown: AUC (the chance that a random honest case ranks
above a random brigade; 0.5 is a coin) of S and D, next to counting reports and to Kish's effective size with equal
weights on the same kernel; the share of each that is called corroborated; and the time for 200 and 2,000 reports.
S tells brigades without two members apart by construction, since D_v counts members; the rows that say something are
"insiders" (two members among them) and those of D, which knows no such rule. All texts of "insiders" are different.
The floor of the times is the n × n comparison of signatures that any pairwise method pays, in the same run.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence

from abuse.accounts import Account, overlap
from abuse.corroboration import Corroboration, corroborate
from abuse.diversity import equal_weights
from abuse.likeness import likeness_matrix, wording


def _one_of(*lines: str) -> list[str]:
    return "|".join(lines).split("|")


WHO = _one_of("he|she|they|someone|alice|bob|the reviewer|the maintainer|the organiser|that account")
DID = _one_of(
    "shouted at|mocked|followed|threatened|insulted|kept writing to|interrupted|laughed at|blamed|ignored|touched",
    "cornered|locked out|posted photos of|spread rumours about|demanded work from|closed every issue of|swore at",
)
WHOM = _one_of(
    "me|my colleague|a newcomer|two students|the translator|a speaker|somebody from docs|my friend|us all"
)
WHERE = _one_of(
    "in the issue tracker|on the mailing list|at the sprint|in the hallway|during the call|in private messages",
    "after the talk|at dinner|in the review|on the forum|in the chat room|at the booth|under my blog post",
)
WHEN = _one_of(
    "last week|on monday|in march|yesterday|twice this month|for half a year|the night before|again"
)
THEN = _one_of(
    "I stopped contributing|nobody said a word|I have the logs|others looked away|I asked for it to stop",
    "we left the room|I could not sleep|it was deleted later|my manager told me to let it go|I am afraid to reply",
    "a moderator saw it|I would like an apology|please keep this quiet|it may happen to others",
)
GLUE = _one_of(
    "and|but|so|then|because|while|although|later|in the end|I think|to be honest|as far as I know|also"
)
FILLER = [a + b for a in _one_of("qua|bre|tol|mis|ven|dor|lin|pes") for b in _one_of("ta|rin|do|kel|sa")]
HOUR = 3600.0
KINDS = ("copies", "edits", "mixture", "different", "insiders")


def story(rng: random.Random, sentences: int) -> str:
    """One account in its own words: sentences of the grammar, with names and details of its own."""
    parts = []
    for _ in range(sentences):
        who, did, whom, where, when, then, glue = (
            rng.choice(options) for options in (WHO, DID, WHOM, WHERE, WHEN, THEN, GLUE)
        )
        detail = " ".join(rng.choice(FILLER) for _ in range(rng.randint(1, 3)))
        parts.append(
            rng.choice(
                (
                    f"{when} {who} {did} {whom} {where} about {detail}, {glue} {then}.",
                    f"{then}, {glue} {where} {who} {did} {whom} over {detail} {when}.",
                    f"{who} {did} {whom}; {detail} {where}, {glue} {when} {then}.",
                )
            )
        )
    return " ".join(parts)


def edited(rng: random.Random, text: str, share: float) -> str:
    """The text with that share of its words replaced by words of other stories."""
    pool = story(rng, 8).split()
    return " ".join(rng.choice(pool) if rng.random() < share else word for word in text.split())


def honest(rng: random.Random, name: str) -> list[Account]:
    """2 to 5 members with a voice, up to 6 others without, over days; each in their own words; some name the thread."""
    found, at = [], 0.0
    voices = rng.randint(2, 5)
    for number in range(voices + rng.randint(0, 6)):
        at += rng.expovariate(1 / (14 * HOUR))
        tag = number.to_bytes(32, "big") if number < voices else None
        evidence = frozenset({"link thread.org/1"}) if rng.random() < 0.2 else frozenset()
        words = story(rng, rng.randint(4, 12))
        found.append(Account(f"{name} {number}", at, words, tag, b"subject" if tag else b"", evidence))
    return found


def brigade(rng: random.Random, name: str, kind: str) -> list[Account]:
    """10 to 80 reports, in three hours or in a week; half hold a member with a voice, "insiders" hold two."""
    size = rng.randint(10, 80)
    span = 3 * HOUR if rng.random() < 0.5 else 168 * HOUR
    bases = [story(rng, rng.randint(4, 12)) for _ in range(3)]
    insiders = rng.sample(range(size), 2 if kind == "insiders" else rng.randint(0, 1))
    found = []
    for number in range(size):
        match kind:
            case "copies":
                words = bases[0]
            case "edits":
                words = edited(rng, bases[0], rng.uniform(0.15, 0.45))
            case "mixture":
                words = edited(rng, rng.choice(bases), rng.choice((0.0, 0.15, 0.3, 0.45, 1.0)))
            case _:
                words = story(rng, rng.randint(4, 12))
        tag = number.to_bytes(32, "big") if number in insiders else None
        evidence = frozenset({f"link junk.org/{rng.randint(1, 5)}"}) if rng.random() < 0.2 else frozenset()
        found.append(
            Account(
                f"{name} {number}", rng.uniform(0, span), words, tag, b"subject" if tag else b"", evidence
            )
        )
    return found


def auc(higher: Sequence[float], lower: Sequence[float]) -> float:
    """The chance that one of the first is above one of the second; ties count half."""
    wins = sum((one > other) + 0.5 * (one == other) for one in higher for other in lower)
    return wins / (len(higher) * len(lower))


def kish(accounts: Sequence[Account]) -> float:
    """Kish's effective size, equal weights, on the score's own kernel."""
    ordered = sorted(accounts, key=lambda a: (a.at_s, a.report_id))
    return equal_weights(overlap(ordered, [wording(a.text) for a in ordered]).k)


def wall_s(act: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def speed(rng: random.Random, size: int) -> dict[str, float]:
    """Seconds for `size` reports, the slowest of three kinds, and of the floor."""
    slowest, floor_s = 0.0, 0.0
    for kind in ("edits", "mixture", "different"):
        accounts: list[Account] = []
        while len(accounts) < size:
            accounts += brigade(rng, f"{kind} {len(accounts)}", kind)
        taken = accounts[:size]
        slowest = max(slowest, wall_s(lambda taken=taken: corroborate(taken)))  # type: ignore[misc]
        words = [wording(account.text) for account in taken]
        floor_s = max(floor_s, wall_s(lambda words=words: likeness_matrix(words)))  # type: ignore[misc]
    return {
        "score_s": round(slowest, 3),
        "floor_s": round(floor_s, 3),
        "ratio": round(slowest / max(floor_s, 1e-6), 1),
    }


def measure(cases: int, seed: int) -> dict[str, object]:
    """Score `cases` honest cases and as many brigades of each kind."""
    rng = random.Random(seed)
    good = [honest(rng, f"h{number}") for number in range(cases)]
    scored: dict[str, list[Corroboration]] = {"honest": [corroborate(case) for case in good]}
    plain: dict[str, list[tuple[float, float]]] = {
        "honest": [(float(len(case)), kish(case)) for case in good]
    }
    for kind in KINDS:
        bad = [brigade(rng, f"{kind}{number}", kind) for number in range(cases)]
        scored[kind] = [corroborate(case) for case in bad]
        plain[kind] = [(float(len(case)), kish(case)) for case in bad]
    table: dict[str, dict[str, float]] = {}
    for kind in (*KINDS, "all"):
        others = [kind] if kind != "all" else list(KINDS)
        bad_scored = [one for other in others for one in scored[other]]
        bad_plain = [one for other in others for one in plain[other]]
        table[kind] = {
            "S": auc([one.score for one in scored["honest"]], [one.score for one in bad_scored]),
            "D": auc([one.d for one in scored["honest"]], [one.d for one in bad_scored]),
            "count": auc([one[0] for one in plain["honest"]], [one[0] for one in bad_plain]),
            "kish": auc([one[1] for one in plain["honest"]], [one[1] for one in bad_plain]),
        }
    called = {kind: sum(one.corroborated for one in found) / len(found) for kind, found in scored.items()}
    return {
        "seed": seed,
        "cases": cases,
        "auc": {kind: {name: round(value, 3) for name, value in row.items()} for kind, row in table.items()},
        "called_corroborated": {kind: round(share, 3) for kind, share in called.items()},
        "honest_corroborated_of_3_voices_or_more": round(
            sum(one.corroborated for one in scored["honest"] if one.members >= 3)
            / max(1, sum(one.members >= 3 for one in scored["honest"])),
            3,
        ),
        "time_200": speed(rng, 200),
        "time_2000": speed(rng, 2000),
    }


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.cases, given.seed)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(
        f"{given.cases} honest cases (2 to 5 voices) against as many brigades of each kind, seed {given.seed}\n"
    )
    print(f"{'AUC against':<12}{'S':>8}{'D':>8}{'count':>8}{'Kish':>8}")
    table = found["auc"]
    assert isinstance(table, dict)
    for kind, row in table.items():
        print(f"{kind:<12}" + "".join(f"{row[name]:>8.3f}" for name in ("S", "D", "count", "kish")))
    for name in ("called_corroborated", "honest_corroborated_of_3_voices_or_more", "time_200", "time_2000"):
        print(f"{name}: {found[name]}")


if __name__ == "__main__":
    main()
