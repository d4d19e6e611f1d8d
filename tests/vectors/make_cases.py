"""Write the vectors of service/cases: `python -m tests.vectors.make_cases`. Hexadecimal; the same at every run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crypto import chains
from crypto.codes import ReplyCode, address_of, claim_of, mailbox_of
from crypto.entropy import seeded
from crypto.labels import Label
from crypto.seal import SealingKey
from crypto.signatures import SigningKey
from service.cases import receipts, rosters
from service.cases.filing import proof_of
from service.cases.reports import File, FollowUp, Person, Report, Unsealed

HERE = Path(__file__).parent
DRAW = seeded(b"sottovoce cases")
KEY = SigningKey(DRAW(32))
GROUP = DRAW(16)


def reports() -> dict[str, Any]:
    code = ReplyCode(DRAW(16))
    address, mailbox = address_of(claim_of(code)), mailbox_of(code).public_key()
    file = File("a photo.png", "image/png", b"\x89PNG\r\n\x1a\n", original=True)
    report = Report(
        "conduct", "毎晩\n\"quoted\"", "every night", "", (Person("github", "eve"),), ("https://example.org/1",),
        ("Bo",), "soon", "pt-BR", "", "", False, "2026-11-21", (file.described(),), None,
    )  # fmt: skip
    follow_up = FollowUp(proof_of(code), "شكرا", "ar", "2026-11-22", ())
    good = [
        Unsealed(report, (file,), address, mailbox).to_bytes(),
        Unsealed(follow_up, (), address, mailbox).to_bytes(),
    ]
    head, body = good[1][:1249], good[1][1253:]
    changes = {
        "version": b"\2" + good[1][1:],
        "cut": good[0][:-1],
        "longer": good[0] + b"\0",
        "a file's byte": good[0][:-1] + b"\0",
        "mailbox key": good[1][:1217] + b"\xff" * 32 + good[1][1249:],
    }
    for what, old, new in (
        ("a day that isn't", b"2026-11-22", b"2026-13-22"),
        ("a day with a line feed", b"2026-11-22", b"2026-11-22\\n"),
        ("an escape sequence", b'"message":"', b'"message":"\\u001b'),
        ("a direction override", b'"message":"', b'"message":"\\u202e'),
        ("an unknown field", b'"message"', b'"x":1,"message"'),
        ("a missing field", b'"language":"ar",', b""),
        ("not JSON", b"{", b"["),
    ):
        changed = body.replace(old, new, 1)
        changes[what] = head + len(changed).to_bytes(4, "big") + changed
    return {
        "plaintexts": [raw.hex() for raw in good],
        "address": address.hex(),
        "failures": [{"what": what, "plaintext": raw.hex()} for what, raw in changes.items()],
    }


def roster() -> dict[str, Any]:
    cards = [
        rosters.make_card(name, SigningKey(DRAW(32)), SealingKey(DRAW(32)).public_key()) for name in "AB"
    ]
    ids = [DRAW(16).hex() for _ in cards]
    said: list[rosters.Statement] = [
        rosters.Found("Aurora", ("en", "ar"), 1, None, KEY.verify_key().raw),
        rosters.Add(ids[0], "handler", cards[0]),
        rosters.Add(ids[1], "council", cards[1]),
        rosters.Settings("Aurora 2", ("en",), 1, GROUP.hex()),
        rosters.Members(DRAW(32).hex()),
        rosters.Retire(ids[1]),
    ]
    chain = chains.empty(KEY.verify_key(), Label.ROSTER)
    for one in said:
        chain = chains.append(chain, rosters.encode_statement(one), KEY)
    raws = [statement.raw for statement in chain.statements]
    history = rosters.verified_history(rosters.group_id_of(KEY.verify_key()), raws)

    def more(payload: bytes) -> list[bytes]:
        return [*raws, chains.append(chain, payload, KEY).statements[-1].raw]

    failures = {
        "empty": [],
        "no founding": raws[1:],
        "one missing": [*raws[:2], *raws[3:]],
        "one repeated": [*raws, raws[-1]],
        "signature": [*raws[:-1], raws[-1][:-1] + bytes([raws[-1][-1] ^ 1])],
        "white space": more(b'{"do": "members","registry":null}'),
        "unknown act": more(b'{"do":"elect"}'),
        "retired twice": more(rosters.encode_statement(said[5])),
        "line feed": more(b'{"do":"retire","handler":"' + ids[0].encode() + b'\\n"}'),
        "a name twice": more(rosters.encode_statement(rosters.Add(DRAW(16).hex(), "handler", cards[0]))),
    }
    return {
        "group": history.latest.group.hex(),
        "statements": [raw.hex() for raw in raws],
        "digests": [each.digest.hex() for each in history.rosters],
        "recipients": [[h.pseudonym, h.key_id.hex()] for h in history.latest.recipients],
        "failures": [
            {"what": what, "statements": [raw.hex() for raw in chain]} for what, chain in failures.items()
        ],
    }


def receipt() -> dict[str, Any]:
    envelope = b"any bytes"
    made = receipts.issue(KEY, receipts.envelope_digest(envelope), 20_778, GROUP)
    good = {
        "raw_envelope": envelope.hex(),
        "envelope": made.envelope.hex(),
        "day": made.day,
        "group": made.group.hex(),
        "signature": made.signature.hex(),
    }
    changes: list[dict[str, Any]] = [
        {"day": 20_779},
        {"day": -1},
        {"group": bytes(16).hex()},
        {"raw_envelope": b"other bytes".hex()},
        {"envelope": bytes(32).hex()},
        {"signature": bytes(64).hex()},
        {"signature": made.signature.hex()[:-2]},
    ]
    return {
        "verify_key": KEY.verify_key().raw.hex(),
        "receipts": [good],
        "failures": [{**good, **change} for change in changes],
    }


MAKERS = {"reports": reports, "rosters": roster, "receipts": receipt}

if __name__ == "__main__":
    for name, make in MAKERS.items():
        text = json.dumps(make(), indent=1, ensure_ascii=False) + "\n"
        (HERE / f"{name}.json").write_text(text, encoding="utf-8")
