"""What reports point at, and what handlers found there. SPEC.md "Corroboration: evidence".

Guarantees: one address has one id, however it is written; the latest finding on a piece of evidence stands, and any
finding can be withdrawn; the *check next* list gives every group of alike reports its turn, so that a flood of copies
can't push an honest report's link out of sight. Leaves to handlers: opening links. Nothing here, and nothing in the
desk, opens one: whoever controls the page would learn that a report exists and when it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from abuse.addresses import one_query
from abuse.confusables import fold_known, seen
from crypto.secrets import Unshown


class Verdict(Enum):
    """What a handler found. WITHDRAWN puts the evidence back among the unchecked."""

    SUPPORTS = "supports"
    CONTRADICTS = "contradicts"
    UNCLEAR = "unclear"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, repr=False)
class Finding(Unshown):
    """One handler's statement on one piece of evidence (by its id). Later statements replace earlier ones."""

    evidence: str
    verdict: Verdict
    by: str
    at_s: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at: a link, a file or a witness nobody has checked; who named it, and how many voices did."""

    evidence: str
    kind: str
    reports: tuple[str, ...]
    voices: int
    groups: int


def link_id(link: str) -> str:
    """Give a web address one form: host folded, no `www.`, no tracking, nothing unseen, no last slash; fragments stay.

    The fragment stays because a thread's comments are different pieces of evidence; of a query everything stays but
    tracking (`one_query`). What is no address is kept as trimmed text. Never raises.
    """
    text = seen(link).strip()
    try:
        split = urlsplit(text if "://" in text else f"https://{text}")
        host = fold_known((split.hostname or "").casefold()).strip(".").removeprefix("www.")
        port = f":{split.port}" if split.port and split.port not in {80, 443} else ""
        query = one_query(split.query)
    except ValueError:
        return f"link {text}"
    if "." not in host:
        return f"link {text}"
    path = split.path.rstrip("/")
    rest = (f"?{query}" if query else "") + (f"#{split.fragment}" if split.fragment else "")
    return f"link {host}{port}{path}{rest}"


def file_id(sha256: bytes) -> str:
    """Name an attached file by its digest (32 bytes): the same file sent twice is one piece of evidence."""
    return f"file {sha256.hex()}"


def witness_id(name: str) -> str:
    """Name a person who may know more, as written but for case, look-alikes, spacing and the unseen. Never raises."""
    return f"witness {' '.join(fold_known(word.casefold()) for word in seen(name).split())}"


def standing(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Give the finding that stands for each piece of evidence: the last one stated, unless it was withdrawn."""
    latest = {finding.evidence: finding for finding in sorted(findings, key=lambda f: f.at_s)}
    return {key: finding for key, finding in latest.items() if finding.verdict is not Verdict.WITHDRAWN}


def check_next(
    named: Sequence[tuple[str, frozenset[str], bool, int]], checked: Iterable[str]
) -> tuple[Check, ...]:
    """Order what is unchecked. `named`: per report, by arrival: id, what it names, whether it has a voice, its group.

    First what voices named, most voices first; then a round per turn, in which every group of alike reports puts
    forward its next item, groups by arrival.
    """
    done = set(checked)
    reports: dict[str, list[str]] = {}
    voices: dict[str, int] = {}
    groups: dict[str, set[int]] = {}
    queues: dict[int, list[str]] = {}
    for report, items, voiced, group in named:
        for item in sorted(items - done):
            if item not in reports or group not in groups[item]:
                queues.setdefault(group, []).append(item)
            reports.setdefault(item, []).append(report)
            voices[item] = voices.get(item, 0) + voiced
            groups.setdefault(item, set()).add(group)
    turn: dict[str, int] = {}
    for queue in queues.values():
        for place, item in enumerate(queue):
            turn[item] = min(turn.get(item, place), place)
    seen = {item: at for at, item in enumerate(reports)}
    ordered = sorted(reports, key=lambda item: (-voices[item], turn[item], seen[item]))
    return tuple(
        Check(item, item.partition(" ")[0], tuple(reports[item]), voices[item], len(groups[item]))
        for item in ordered
    )
