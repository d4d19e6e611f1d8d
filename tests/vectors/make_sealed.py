"""Write the vectors of sealed files: `python -m tests.vectors.make_sealed`. Hexadecimal.

Sealing draws by itself, so files and what is changed in them are others at each run; all else is the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from crypto.entropy import seeded
from crypto.framing import part
from crypto.labels import Label
from crypto.seal import SealingKey
from crypto.signatures import SigningKey, sign
from service.cases.consultations import (
    Advice,
    Consultation,
    seal_advice,
    seal_consultation,
    sign_advice,
    sign_consultation,
)
from service.cases.log import Advised, Consulted, Entry
from service.cases.notices import Notice, seal_notice, sign_notice

HERE = Path(__file__).parent
DRAW = seeded(b"sottovoce sealed files")
AUTHOR, OTHER = SigningKey(DRAW(32)), SigningKey(DRAW(32))
READER, ANSWERS = SealingKey(DRAW(32)), SealingKey(DRAW(32))
GROUP, TO, ID = DRAW(16), DRAW(16), DRAW(16)


def spoiled(signed: bytes, label: Label, changes: dict[str, tuple[bytes, bytes]]) -> list[dict[str, str]]:
    """Give signed contents that are refused: each change is signed anew, as a forger would who is its author."""
    body, found = signed[4:-64], {}
    for what, (old, new) in changes.items():
        assert old in body, what
        changed = body.replace(old, new, 1)
        found[what] = part(changed) + sign(AUTHOR, label, changed)
    group, to, *rest = body[1:-1].split(b",")
    for what, changed in (
        ("white space", body.replace(b":", b": ", 1)),
        ("another order", b"{" + b",".join((to, group, *rest)) + b"}"),
        ("an escape that need not be", body.replace(b'"group"', b'"\\u0067roup"', 1)),
        ("a field twice", b"{" + group + b"," + body[1:]),
    ):
        assert json.loads(changed) == json.loads(body)
        found[what] = part(changed) + sign(AUTHOR, label, changed)
    found |= {
        "white space, signed without it": part(body.replace(b":", b": ", 1)) + signed[-64:],
        "signature": signed[:-1] + bytes([signed[-1] ^ 1]),
        "another's signature": part(body) + sign(OTHER, label, body),
        "signature of another use": part(body) + sign(AUTHOR, Label.LETTER, body),
        "cut": signed[:-1],
        "longer": signed + b"\0",
        "a byte order mark": part(b"\xef\xbb\xbf" + body) + sign(AUTHOR, label, b"\xef\xbb\xbf" + body),
    }
    return [{"what": what, "signed": raw.hex()} for what, raw in found.items()]


def edits(file: bytes) -> list[dict[str, Any]]:
    """Give changes of a file for one person that make it refused: at a place, the bytes there, and those instead."""
    return [
        {"what": what, "at": at, "old": file[at : at + size].hex(), "new": new.hex()}
        for what, at, size, new in (
            ("kind", 2, 1, b"x"),
            ("version", 8, 1, b"\2"),
            ("who tells", 9, 16, bytes(16)),
            ("who is told", 25, 16, bytes(16)),
            ("for nobody", 41, 1, b"\0"),
            ("for two", 41, 1, b"\2"),
            ("another's key", 42, 16, bytes(16)),
            ("encapsulation", 58, 1, bytes([file[58] ^ 1])),
            ("ciphertext", len(file) - 17, 1, bytes([file[-17] ^ 1])),
            ("tag", len(file) - 1, 1, bytes([file[-1] ^ 1])),
            ("cut", len(file) - 1, 1, b""),
            ("longer", len(file), 0, b"\0"),
        )
    ]


def notices() -> dict[str, Any]:
    notice = Notice(
        group=GROUP.hex(), to=TO.hex(), name="spring-1", author="Gil", author_key=AUTHOR.verify_key().raw.hex(),
        said_s=1_790_000_000, about=("github:eve", "irc:\"e\""), measure="Temporary ban", where="全ての場所",
        since=20_000, until=20_090, review=None, lifted=False,
    )  # fmt: skip
    signed = sign_notice(notice, AUTHOR)
    changes = {
        "an unknown field": (b'"lifted":false', b'"lifted":false,"x":1'),
        "a missing field": (b',"lifted":false', b""),
        "about nobody": (b'["github:eve","irc:\\"e\\""]', b"[]"),
        "a name in capitals": (b"spring-1", b"Spring-1"),
        "an escape sequence": (b"Temporary ban", b"\\u001b[2J"),
        "a direction override": (b"Temporary ban", b"\\u202enab"),
        "a day before 1970": (b'"since":20000', b'"since":-1'),
        "a fraction": (b'"since":20000', b'"since":20000.0'),
    }
    file = seal_notice(signed, GROUP, TO, [READER.public_key()])
    return {
        "reader": READER.reveal().hex(),
        "notice": msgspec.to_builtins(notice),
        "signed": signed.hex(),
        "file": file.hex(),
        "failures": spoiled(signed, Label.NOTICE, changes),
        "file_failures": edits(file),
    }


def consultations() -> dict[str, Any]:
    question = Consultation(
        group=GROUP.hex(), to=TO.hex(), id=ID.hex(), author_key=AUTHOR.verify_key().raw.hex(), day=20_000,
        answer_key=ANSWERS.public_key().raw, text="Twice, at a meeting.\nThe \"second\" step? 二",
    )  # fmt: skip
    answer = Advice(
        group=TO.hex(), to=GROUP.hex(), id=ID.hex(), asked=question.digest(),
        author_key=AUTHOR.verify_key().raw.hex(), day=20_001, text="نعم",
    )  # fmt: skip
    asked, answered = sign_consultation(question, AUTHOR), sign_advice(answer, AUTHOR)
    common = {
        "an unknown field": (b'"day"', b'"x":1,"day"'),
        "a missing field": (b'"id":"' + ID.hex().encode() + b'",', b""),
        "an id in capitals": (ID.hex().encode(), b"A" * 32),
        "an escape sequence": (b'"text":"', b'"text":"\\u001b'),
        "a direction override": (b'"text":"', b'"text":"\\u202e'),
        "a text that is too long": (b'"text":"', b'"text":"' + b"x" * 3_000),
        "a day that is none": (b'"day":200', b'"day":-200'),
    }
    key = msgspec.json.encode(ANSWERS.public_key().raw)
    small = msgspec.json.encode(ANSWERS.public_key().raw[:-32] + bytes(32))
    keys = {
        "an answer key of small order": (key, small),
        "an answer key that is cut": (key, msgspec.json.encode(ANSWERS.public_key().raw[:-1])),
    }
    question_file = seal_consultation(asked, GROUP, TO, [READER.public_key()])
    answer_file = seal_advice(answered, question)
    return {
        "reader": READER.reveal().hex(),
        "answer_seed": ANSWERS.reveal().hex(),
        "question": {
            "content": msgspec.to_builtins(question),
            "digest": question.digest(),
            "signed": asked.hex(),
            "file": question_file.hex(),
            "failures": spoiled(asked, Label.CONSULTATION, {**common, **keys}),
            "file_failures": edits(question_file),
        },
        "answer": {
            "content": msgspec.to_builtins(answer),
            "signed": answered.hex(),
            "file": answer_file.hex(),
            "failures": spoiled(answered, Label.ADVICE, common),
            "file_failures": edits(answer_file),
        },
        "log": logged(question, answer, answered[-64:]),
    }


def logged(question: Consultation, answer: Advice, signature: bytes) -> dict[str, Any]:
    """Give what a log has of both, entries of a colleague that answer nothing, and some that are none."""
    consulted = Consulted(
        consultation=question.id, asking=question.group, group=question.to, group_name="The council", handlers=("Gil",),
        key_ids=(READER.public_key().key_id.hex(),), day=question.day, answer_seed=ANSWERS.reveal().hex(),
        text=question.text,
    )  # fmt: skip
    again = msgspec.structs.replace(consulted, consultation=DRAW(16).hex())
    advised = Advised(
        answer.id, question.author_key, "Gil", answer.author_key, answer.day, answer.text, signature
    )

    def entry(act: Consulted | Advised, number: int, key: SigningKey) -> Any:
        who = key.verify_key().raw.hex()
        return msgspec.to_builtins(Entry(f"{number:032x}", "Ada", who, 1_790_000_000, act))

    def signed(by: SigningKey, **changes: Any) -> bytes:
        theirs = msgspec.structs.replace(answer, author_key=by.verify_key().raw.hex(), **changes)
        return sign_advice(theirs, by)[-64:]

    others = OTHER.verify_key().raw.hex()
    second = msgspec.structs.replace(question, id=again.consultation).digest()
    changes: dict[str, dict[str, Any]] = {
        "signed by nobody": {"signature": bytes(64)},
        "another's signature": {"signature": signed(OTHER)},
        "another's key": {"adviser_key": others},
        "a key that is none": {"adviser_key": "0" * 64},
        "another text": {"text": "لا"},
        "another day": {"day": answer.day + 1},
        "moved to another question": {"consultation": again.consultation},
        "moved from another question": {"signature": signed(AUTHOR, id=again.consultation, asked=second)},
        "to another text of the question": {"signature": signed(AUTHOR, asked="0" * 64)},
        "from another group": {"signature": signed(AUTHOR, group=GROUP.hex())},
        "to a question of somebody else": {"asker_key": others},
        "to no question": {"consultation": "0" * 32},
    }
    true = entry(advised, 3, OTHER)
    without = {name: value for name, value in true["act"].items() if name != "signature"}
    short = {**true["act"], "signature": true["act"]["signature"][:84]}
    return {
        "consulted": [entry(consulted, 1, AUTHOR), entry(again, 2, AUTHOR)],
        "advised": true,
        "adviser_key_of_another": entry(
            msgspec.structs.replace(advised, adviser_key=others, signature=signed(OTHER)), 3, OTHER
        ),
        "failures": [
            {"what": what, "advised": entry(msgspec.structs.replace(advised, **change), 4, OTHER)}
            for what, change in changes.items()
        ],
        "no_entries": [
            {"what": what, "advised": {**true, "act": act}}
            for what, act in (
                ("no signature", without),
                ("a signature that is cut", short),
                ("no text", {**true["act"], "text": ""}),
            )
        ],
    }


MAKERS = {"notices": notices, "consultations": consultations}

if __name__ == "__main__":
    for name, make in MAKERS.items():
        text = json.dumps(make(), indent=1, ensure_ascii=False) + "\n"
        (HERE / f"{name}.json").write_text(text, encoding="utf-8")
