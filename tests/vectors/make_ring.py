"""Make ring.json: `python -m tests.vectors.make_ring` from the repository's root. SPEC.md §11.6.

Everything is derived from `crypto.entropy.seeded`, so the file comes out the same; each negative case
names what is wrong with it.
"""

from __future__ import annotations

import json
from pathlib import Path

from nacl.bindings import crypto_core_ed25519_add

from crypto.elligator import hash_to_point
from crypto.entropy import seeded
from crypto.group import IDENTITY, ORDER
from crypto.labels import Label
from crypto.members import MemberKey, prove
from crypto.ring import Ring, context_generator, sign, tag_of
from crypto.ring_split import split
from crypto.torsion import SMALL_ORDER

CONTEXT, MESSAGE = b"vector context", b"vector message"


def make() -> dict[str, object]:
    """Give the whole file as JSON data; every byte string in hexadecimal."""
    keys = [MemberKey(seeded(b"ring vectors %d" % number)(32)) for number in range(5)]
    ring = Ring.of(key.public() for key in keys)
    members = []
    for number, key in enumerate(keys):
        signature = sign(ring, key, CONTEXT, MESSAGE, seeded(b"signature %d" % number))
        proof = prove(key, b"registry", b"account", entropy=seeded(b"proof %d" % number))
        members.append(
            {
                "seed": key.reveal().hex(),
                "public": key.public().raw.hex(),
                "tag": tag_of(key, CONTEXT).raw.hex(),
                "signature": signature.raw.hex(),
                "proof": proof.hex(),
            }
        )
    good = bytes.fromhex(members[0]["signature"])
    plus_order = (int.from_bytes(good[64:96], "little") + ORDER).to_bytes(32, "little")
    altered = {
        "tag plus the point of order 2": crypto_core_ed25519_add(good[:32], SMALL_ORDER[1]) + good[32:],
        "tag plus a point of order 8": crypto_core_ed25519_add(good[:32], SMALL_ORDER[4]) + good[32:],
        "tag is the identity": IDENTITY.raw + good[32:],
        "tag of another member": bytes.fromhex(members[1]["tag"]) + good[32:],
        "tag negated": good[:31] + bytes([good[31] ^ 0x80]) + good[32:],
        "response plus L": good[:64] + plus_order + good[96:],
        "responses exchanged": good[:64] + good[96:128] + good[64:96] + good[128:],
        "one response short": good[:-32],
        "one byte short": good[:-1],
        "one byte more": good + b"\0",
    }
    rings = {
        "reordered": b"".join(member.raw for member in reversed(ring.members)),
        "a key twice": ring.members[0].raw + ring.raw,
        "the identity as a key": IDENTITY.raw + ring.raw,
        "one member": ring.members[0].raw,
    }
    beacon = bytes(range(32))
    many = sorted(hash_to_point(Label.RING, number.to_bytes(2, "big")) for number in range(256))
    return {
        "context": CONTEXT.hex(),
        "message": MESSAGE.hex(),
        "generator": context_generator(CONTEXT).raw.hex(),
        "ring": ring.raw.hex(),
        "ring_digest": ring.digest.hex(),
        "proof_binding": [b"registry".hex(), b"account".hex()],
        "members": members,
        "refused_signatures": {name: raw.hex() for name, raw in altered.items()},
        "refused_rings": {name: raw.hex() for name, raw in rings.items()},
        "split": {
            "members": "hash_to_point(RING, u16 i) for i in 0..255",
            "beacon": beacon.hex(),
            "ring_digests": [each.digest.hex() for each in split(many, beacon)],
        },
    }


if __name__ == "__main__":
    Path(__file__).with_name("ring.json").write_text(json.dumps(make(), indent=1) + "\n")
