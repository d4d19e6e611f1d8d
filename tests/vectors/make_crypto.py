"""Write the vectors of crypto/: `python -m tests.vectors.make_crypto`. All bytes are hexadecimal.

Keys, codes, digests and signatures are the same at every run; sealed things are not, because HPKE draws its own
randomness, so they are vectors for opening. A failure names the exception that it has to raise.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crypto import chains
from crypto.codes import (
    MailboxKey,
    ReplyCode,
    address_of,
    claim_of,
    confirmation_positions,
    fingerprint_words,
    mailbox_of,
    prove,
    to_words,
)
from crypto.entropy import seeded
from crypto.envelope import seal_envelope
from crypto.filler import filler
from crypto.hashing import digest, keyed
from crypto.keyfiles import Stretching, lock
from crypto.labels import Label
from crypto.letters import seal_letter
from crypto.opening import grant, seal_entry
from crypto.seal import SealingKey, seal
from crypto.secrets import Passphrase, SymmetricKey
from crypto.signatures import SigningKey, sign
from crypto.words import LANGUAGES

HERE = Path(__file__).parent
DRAW = seeded(b"sottovoce vectors")


def flipped(raw: bytes, at: int) -> str:
    """The bytes in hex with one bit changed."""
    at %= len(raw)
    return (raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]).hex()


def hashing() -> dict[str, Any]:
    parts = [[], [b""], [b"ab", b"c"], [b"a", b"bc"], [bytes(200)]]
    return {
        "digest": [
            {
                "label": label.value.decode(),
                "parts": [part.hex() for part in one],
                "size": size,
                "out": digest(label, *one, size=size).hex(),
            }
            for label in (Label.CLAIM, Label.KEY_ID)
            for one in parts
            for size in (16, 32, 64)
        ],
        "keyed": [
            {
                "key": bytes(range(32)).hex(),
                "label": Label.LOG_KEY.value.decode(),
                "parts": [part.hex() for part in one],
                "out": keyed(bytes(range(32)), Label.LOG_KEY, *one).hex(),
            }
            for one in parts
        ],
    }


def codes() -> dict[str, Any]:
    made = [ReplyCode(raw) for raw in (bytes(16), b"\xff" * 16, bytes(range(16)), DRAW(16), DRAW(16))]
    good = [
        {
            "code": code.reveal().hex(),
            "words": {language: list(to_words(code, language)) for language in LANGUAGES},
            "confirm": list(confirmation_positions(code)),
            "proof": prove(code).reveal().hex(),
            "claim": claim_of(code).reveal().hex(),
            "address": address_of(claim_of(code)).hex(),
            "seed": mailbox_of(code).reveal().hex(),
            "public_key": mailbox_of(code).public_key().raw.hex(),
        }
        for code in made
    ]
    right = list(to_words(made[2]))
    bad = [
        {"words": " ".join(right[:11]), "error": "CodeTypo", "positions": []},
        {"words": " ".join([*right, right[0]]), "error": "CodeTypo", "positions": []},
        {"words": " ".join(["qqqzzz", *right[1:]]), "error": "CodeTypo", "positions": [1]},
        {"words": " ".join([*right[:11], "qqqzzz"]), "error": "CodeTypo", "positions": [12]},
        {"words": "", "error": "CodeTypo", "positions": []},
    ]
    prints = [
        {"digest": raw.hex(), "words": list(fingerprint_words(raw))} for raw in (bytes(32), bytes(range(32)))
    ]
    return {"codes": good, "failures": bad, "fingerprints": prints}


def sealing() -> dict[str, Any]:
    key = SealingKey(bytes(range(32)))
    boxes = []
    for label, context, text in (
        (Label.SEAL_GRANT, b"", b""),
        (Label.SEAL_LETTER, b"context", b"a text"),
        (Label.SEAL_REPORT, bytes(99), bytes(300)),
    ):
        box = seal(key.public_key(), text, label=label, context=context)
        boxes.append(
            {
                "label": label.value.decode(),
                "context": context.hex(),
                "sealed": box.hex(),
                "plaintext": text.hex(),
            }
        )
    first = bytes.fromhex(boxes[1]["sealed"])
    failures = [
        {**boxes[1], "sealed": flipped(first, at), "error": "DoesNotOpen"} for at in (0, 1100, 1120, -1)
    ]
    failures += [
        {**boxes[1], "label": Label.SEAL_GRANT.value.decode(), "error": "DoesNotOpen"},
        {**boxes[1], "context": b"Context".hex(), "error": "DoesNotOpen"},
        {**boxes[1], "sealed": first[:-1].hex(), "error": "DoesNotOpen"},
    ]
    return {
        "seed": key.reveal().hex(),
        "public_key": key.public_key().raw.hex(),
        "key_id": key.public_key().key_id.hex(),
        "sealed": boxes,
        "failures": failures,
    }


def envelopes() -> dict[str, Any]:
    keys = [SealingKey(DRAW(32)) for _ in range(3)]
    group, roster = DRAW(16), DRAW(32)
    made = []
    for count, text in ((1, b""), (3, "毎晩、 every night, كل ليلة".encode()), (2, bytes(4093))):
        raw = seal_envelope(text, [key.public_key() for key in keys[:count]], group, roster, DRAW)
        made.append({"recipients": count, "envelope": raw.hex(), "plaintext": text.hex()})
    raw = bytes.fromhex(str(made[1]["envelope"]))
    places = {"version": 0, "size class": 1, "group": 2, "roster": 18, "number": 50, "a key id": 51}
    places |= {
        "own wrap": 51 + 48 + 5,
        "commitment": 51 + 48 + 3 * 1168,
        "body": -2000 % len(raw),
        "last tag": -1,
    }
    failures = [
        {"what": what, "envelope": flipped(raw, at), "error": "Refused"} for what, at in places.items()
    ]
    failures += [
        {"what": "cut", "envelope": raw[:-1].hex(), "error": "Refused"},
        {"what": "longer", "envelope": raw.hex() + "00", "error": "Refused"},
        {"what": "empty", "envelope": "", "error": "Refused"},
    ]
    report, content = DRAW(16), SymmetricKey(DRAW(32))
    entries = [
        {"plaintext": text.hex(), "sealed": seal_entry(content, report, text, DRAW).hex()}
        for text in (b"", b"note", bytes(1021))
    ]
    return {
        "seeds": [key.reveal().hex() for key in sorted(keys, key=lambda one: one.public_key().key_id)],
        "group": group.hex(),
        "roster": roster.hex(),
        "envelopes": made,
        "failures": failures,
        "log": {"content_key": content.reveal().hex(), "report": report.hex(), "entries": entries},
        "grant": {"to": keys[0].reveal().hex(), "sealed": grant(content, keys[0].public_key(), report).hex()},
    }


def letters() -> dict[str, Any]:
    key = MailboxKey(DRAW(32))
    made = [{"plaintext": t.hex(), "letter": seal_letter(key.public_key(), t).hex()} for t in (b"", b"danke")]
    raw = bytes.fromhex(made[1]["letter"])
    failures = [{"letter": flipped(raw, at), "error": "DoesNotOpen"} for at in (0, 1119, 1120, -1)]
    return {
        "seed": key.reveal().hex(),
        "letters": made,
        "failures": [*failures, {"letter": raw[:-1].hex(), "error": "DoesNotOpen"}],
        "filler": [{"seed": seed.hex(), "letter": filler(seed).hex()} for seed in (bytes(range(32)),)],
    }


def signing() -> dict[str, Any]:
    key = SigningKey(bytes(range(32)))
    made = [
        {
            "label": label.value.decode(),
            "parts": [p.hex() for p in parts],
            "signature": sign(key, label, *parts).hex(),
        }
        for label, parts in (
            (Label.RECEIPT, (b"a", b"bc")),
            (Label.REQUEST, ()),
            (Label.LETTER, (bytes(32), b"x" * 99)),
        )
    ]
    one = made[0]
    raw = bytes.fromhex(str(one["signature"]))
    failures = [{**one, "signature": flipped(raw, at)} for at in (0, 31, 32, 63)]
    failures += [{**one, "label": made[1]["label"]}, {**one, "parts": [b"ab".hex(), b"c".hex()]}]
    chain = chains.empty(key.verify_key(), Label.ROSTER)
    for payload in (b"found", b"", b"add"):
        chain = chains.append(chain, payload, key)
    raws = [statement.raw.hex() for statement in chain.statements]
    return {
        "seed": key.reveal().hex(),
        "verify_key": key.verify_key().raw.hex(),
        "signatures": made,
        "failures": failures,
        "chain": {"label": Label.ROSTER.value.decode(), "statements": raws, "head": chain.head.hex()},
        "chain_failures": [
            {"statements": [raws[0], raws[2]], "error": "Broken"},
            {"statements": [raws[1], raws[0]], "error": "Broken"},
            {"statements": [raws[0], flipped(bytes.fromhex(raws[1]), -1)], "error": "Forged"},
            {"statements": [raws[0] + "00"], "error": "Refused"},
        ],
    }


def keyfiles() -> dict[str, Any]:
    light = Stretching(memory_kib=64, passes=2, lanes=1)
    file = lock(b"\x01payload", Passphrase("correct hörse"), light, entropy=DRAW, kind="handler")
    return {
        "passphrase": "correct hörse",
        "kind": "handler",
        "file": file.hex(),
        "payload": b"\x01payload".hex(),
        "failures": [
            {"passphrase": "correct horse", "file": file.hex(), "error": "WrongPassphrase"},
            *(
                {"passphrase": "correct hörse", "file": flipped(file, at), "error": "DamagedKeyFile"}
                for at in (0, 12, 40, -1)
            ),
            {"passphrase": "correct hörse", "file": file[:-1].hex(), "error": "DamagedKeyFile"},
        ],
    }


MAKERS = {
    "hashing": hashing,
    "codes": codes,
    "seal": sealing,
    "envelopes": envelopes,
    "letters": letters,
    "signatures": signing,
    "keyfiles": keyfiles,
}

if __name__ == "__main__":
    for name, make in MAKERS.items():
        (HERE / f"{name}.json").write_text(
            json.dumps(make(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
