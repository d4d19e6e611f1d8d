"""Ring signatures against their floor: `python -m bench.rings [--members 100] [--rounds 7]`.

The floor is the bare libsodium calls that LSAG needs, measured in the same run, interleaved with what is
measured: for each member one base and three other multiplications and two sums. Times are CPU time,
the best of all rounds. Also shown: 1,000 members through sub-rings, and hashing to a point, once a context.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_scalarmult_ed25519_base_noclamp,
    crypto_scalarmult_ed25519_noclamp,
)

from crypto.elligator import hash_to_point
from crypto.entropy import system
from crypto.labels import Label
from crypto.members import MemberKey
from crypto.ring import Ring, RingSignature, context_generator, sign, verify
from crypto.ring_split import split

CONTEXT, MESSAGE = b"bench context", b"bench message"
TARGET = 1.2


def cpu_s(act: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    act()
    return time.process_time() - start


def floor(ring: Ring, signature: RingSignature) -> None:
    """The primitive operations of one signature or verification, and nothing else."""
    generator, tag, challenge = context_generator(CONTEXT).raw, signature.tag.raw, signature.challenge.raw
    responses = [response.raw for response in signature.responses]
    for key, response in zip([member.raw for member in ring.members], responses, strict=True):
        left = crypto_scalarmult_ed25519_base_noclamp(response)
        crypto_core_ed25519_add(left, crypto_scalarmult_ed25519_noclamp(challenge, key))
        right = crypto_scalarmult_ed25519_noclamp(response, generator)
        crypto_core_ed25519_add(right, crypto_scalarmult_ed25519_noclamp(challenge, tag))


def measure(members: int, rounds: int) -> dict[str, float]:
    """Measure one ring of `members`, then 1,000 members cut into sub-rings."""
    keys = [MemberKey.draw(system) for _ in range(members)]
    ring = Ring.of(key.public() for key in keys)
    signature = sign(ring, keys[0], CONTEXT, MESSAGE, system)
    raw = signature.raw
    best = {"floor": 1e9, "sign": 1e9, "verify": 1e9, "parse": 1e9}
    for number in range(rounds):
        acts: dict[str, Callable[[], object]] = {
            "floor": lambda: floor(ring, signature),
            "sign": lambda key=keys[number % members]: sign(ring, key, CONTEXT, MESSAGE, system),  # type: ignore[misc]
            "verify": lambda: verify(ring, CONTEXT, MESSAGE, signature),
            "parse": lambda: RingSignature.parse(raw),
        }
        for name, act in acts.items():
            best[name] = min(best[name], cpu_s(act))

    many = [MemberKey.draw(system) for _ in range(1000)]
    points = [key.public() for key in many]
    cut = cpu_s(lambda: split(points, bytes(32)))
    sub_ring = next(each for each in split(points, bytes(32)) if points[0] in each)
    voice = sign(sub_ring, many[0], CONTEXT, MESSAGE, system)
    return {
        "members": members,
        "floor_ms": best["floor"] * 1e3,
        "sign_ms": best["sign"] * 1e3,
        "verify_ms": best["verify"] * 1e3,
        "parse_ms": best["parse"] * 1e3,
        "sign_ratio": best["sign"] / best["floor"],
        "verify_ratio": best["verify"] / best["floor"],
        "signature_bytes": len(raw),
        "split_1000_ms": cut * 1e3,
        "sub_ring_members": len(sub_ring),
        "sub_ring_sign_ms": cpu_s(lambda: sign(sub_ring, many[0], CONTEXT, MESSAGE, system)) * 1e3,
        "sub_ring_verify_ms": cpu_s(lambda: verify(sub_ring, CONTEXT, MESSAGE, voice)) * 1e3,
        "hash_to_point_ms": cpu_s(lambda: hash_to_point(Label.RING_GENERATOR, system(32))) * 1e3,
    }


def main() -> int:
    """Print the numbers; exit 1 when a ratio is over the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options.members, options.rounds)
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        for name, value in result.items():
            print(f"{name:20} {value:10.3f}")
    return 0 if max(result["sign_ratio"], result["verify_ratio"]) <= TARGET else 1


if __name__ == "__main__":
    raise SystemExit(main())
