"""Polls against their floor: `python -m bench.polls [--ballots 1000] [--rounds 7] [--json]`.

The floor of a ballot is the libsodium calls that the protocol needs, bare and interleaved with what is measured:
making one of n options takes 4·n + 3 multiplications of the base point, 3·n + 1 others and 4·n − 2 sums;
verifying one takes 2·n + 2, 6·n + 4, 6·n + 1, n + 1 differences and 2·n + 1 membership checks. CPU time, one
core, the best of all rounds. The floor of a ceremony and of a certificate is counted by a group that counts.
Whole archives are wall time on two processes; with BELENIOS_TOOL set, belenios-tool's own wall time beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_core_ed25519_is_valid_point,
    crypto_core_ed25519_sub,
    crypto_scalarmult_ed25519_base_noclamp,
    crypto_scalarmult_ed25519_noclamp,
)

from crypto.entropy import system
from crypto.group import SecretScalar, times_base
from crypto.members import MemberKey
from polls import archive, ballots
from polls.audit import audit
from polls.channels import TrusteeSeed
from polls.credentials import PrivateCredential
from polls.electorate import Electorate
from polls.encoding import base58
from polls.group import ED25519
from polls.manifest import election_of
from polls.membership import certify, check_certificate
from tests.support.poll_world import World, run_ceremony, thousand

MAKING, VERIFYING = 1.2, 1.15
OPTIONS = 4
SCALAR = SecretScalar.draw(system).reveal()
LEFT, RIGHT = (times_base(SecretScalar.draw(system)).raw for _ in range(2))


def primitives(base: int, power: int, times: int, over: int = 0, parse: int = 0) -> None:
    """Do so many bare operations."""
    for _ in range(base):
        crypto_scalarmult_ed25519_base_noclamp(SCALAR)
    for _ in range(power):
        crypto_scalarmult_ed25519_noclamp(SCALAR, LEFT)
    for _ in range(times):
        crypto_core_ed25519_add(LEFT, RIGHT)
    for _ in range(over):
        crypto_core_ed25519_sub(LEFT, RIGHT)
    for _ in range(parse):
        crypto_core_ed25519_is_valid_point(LEFT)


def floor_of_making(n: int = OPTIONS) -> None:
    """The operations that a ballot of n options needs to be made."""
    primitives(base=4 * n + 3, power=3 * n + 1, times=4 * n - 2)


def floor_of_verifying(n: int = OPTIONS) -> None:
    """The operations that a ballot of n options needs to be read and verified."""
    primitives(base=2 * n + 2, power=6 * n + 4, times=6 * n + 1, over=n + 1, parse=2 * n + 1)


class Counting:
    """Ed25519 that counts its operations."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(("base", "power", "times", "over", "parse"), 0)

    def __getattr__(self, name: str) -> Any:
        found = getattr(ED25519, name)
        if name == "product":
            return lambda elements: self._product(list(elements))
        if name not in self.counts:
            return found

        def counted(*arguments: Any) -> Any:
            self.counts[name] += 1
            return found(*arguments)

        return counted

    def _product(self, elements: list[Any]) -> Any:
        self.counts["times"] += len(elements)
        return ED25519.product(elements)


def cpu_s(act: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    act()
    return time.process_time() - start


def best_of(rounds: int, **acts: Callable[[], object]) -> dict[str, float]:
    """Give the least CPU seconds of each, the acts taking turns."""
    best = dict.fromkeys(acts, 1e9)
    for _ in range(rounds):
        for name, act in acts.items():
            best[name] = min(best[name], cpu_s(act))
    return best


def measure_ballots(rounds: int) -> dict[str, float]:
    """Measure making and verifying one ballot of four options."""
    world = World(voters=20)
    credential = PrivateCredential.of_characters(base58(system(40), 22))
    chosen = [[0, 1, 0, 0]]
    raw = ballots.make(world.election, credential, chosen, system)
    best = best_of(
        rounds,
        floor_making=floor_of_making,
        making=lambda: ballots.make(world.election, credential, chosen, system),
        floor_verifying=floor_of_verifying,
        verifying=lambda: ballots.check(world.election, ballots.parse(ED25519, raw)),
    )
    return {
        "making_ms": best["making"] * 1e3,
        "making_ratio": best["making"] / best["floor_making"],
        "verifying_ms": best["verifying"] * 1e3,
        "verifying_ratio": best["verifying"] / best["floor_verifying"],
        "ballot_bytes": len(raw),
        "_floor_verifying_s": best["floor_verifying"],
    }


def measure_others(rounds: int, members: int) -> dict[str, float]:
    """Measure a certificate among `members` and the ceremony of 3 of 5."""
    world = World(voters=20)
    keys = [MemberKey.draw(system) for _ in range(members)]
    electorate = Electorate.freeze([key.public() for key in keys], left_out=())
    manifest = world.make_manifest(electorate=electorate.digest.hex(), electorate_size=electorate.size)
    election = election_of(manifest, world.trustees)
    certificate = certify(election, electorate, keys[0], manifest.phi, system)
    seeds = [TrusteeSeed.draw(system) for _ in range(5)]
    counting: Any = Counting()
    run_ceremony(counting, seeds, 3).board()
    ceremony = dict(counting.counts)
    best = best_of(
        rounds,
        floor_certificate=lambda: primitives(
            base=members + 1, power=3 * members + 1, times=2 * members + 1, parse=2
        ),
        certificate=lambda: check_certificate(ED25519, electorate.rings, manifest.phi, certificate),
        floor_ceremony=lambda: primitives(**ceremony),
        ceremony=lambda: run_ceremony(ED25519, seeds, 3).board(),
    )
    return {
        f"certificate_{members}_ms": best["certificate"] * 1e3,
        "certificate_ratio": best["certificate"] / best["floor_certificate"],
        "ceremony_3_of_5_ms": best["ceremony"] * 1e3,
        "ceremony_ratio": best["ceremony"] / best["floor_ceremony"],
    }


def children_cpu_s() -> float:
    """CPU seconds of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_archive(count: int, floor_s: float) -> dict[str, float]:
    """Measure the whole verification of an archive on two processes, and belenios-tool's if at hand."""
    raw = thousand(count)
    before = children_cpu_s() + time.process_time()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(len, ["warm", "both"]))
        start = time.perf_counter()
        audited = audit(ED25519, raw, mapper=pool.map)
        ours = time.perf_counter() - start
    assert audited.counts is not None
    assert sum(audited.counts[0]) == count
    cpu = children_cpu_s() + time.process_time() - before
    result = {
        f"archive_{count}_s": ours,
        # On a busy machine this is the number to compare: all processes together, their start included.
        f"archive_{count}_cpu_s": cpu,
        f"archive_{count}_ratio": ours / (floor_s * count / 2),
        f"archive_{count}_mib": len(raw) / 2**20,
    }
    tool = os.environ.get("BELENIOS_TOOL")
    if tool:
        with tempfile.TemporaryDirectory() as folder:
            uuid = json.loads(archive.read(raw).election)["uuid"]
            Path(folder, f"{uuid}.bel").write_bytes(raw)
            start, before = time.perf_counter(), children_cpu_s()
            subprocess.run([tool, "election", "verify", "--dir", folder], check=True, capture_output=True)
            result[f"belenios_tool_{count}_s"] = time.perf_counter() - start
            result[f"belenios_tool_{count}_cpu_s"] = children_cpu_s() - before
    return result


def main() -> int:
    """Print the numbers; exit 1 when a ratio is over its target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ballots", type=int, action="append", default=None)
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure_ballots(options.rounds * 5)
    floor_s = result.pop("_floor_verifying_s")
    result |= measure_others(options.rounds, options.members)
    for count in options.ballots or [1000]:
        result |= measure_archive(count, floor_s)
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        for name, value in result.items():
            print(f"{name:24} {value:10.3f}")
    return 0 if result["making_ratio"] <= MAKING and result["verifying_ratio"] <= VERIFYING else 1


if __name__ == "__main__":
    raise SystemExit(main())
