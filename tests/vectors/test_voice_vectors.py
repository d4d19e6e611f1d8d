"""The published vectors of voices: the code makes what the file says, and the desk hears them as the file says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crypto.group import Point
from crypto.ring import Ring
from crypto.seal import PublicKey
from crypto.signatures import VerifyKey
from service.cases.reports import Report, voice_binding
from service.cases.voices import contexts_of
from service.desk.voices import Hearing, hear
from tests.support.desk_records import held
from tests.support.members import make_registry
from tests.vectors.make_voices import make

VECTORS: dict[str, Any] = json.loads(Path(__file__).with_name("voices.json").read_text(encoding="utf-8"))
REPORT = msgspec.json.decode(VECTORS["report"], type=Report)
RING = Ring.of(Point(bytes.fromhex(raw)) for raw in VECTORS["ring"])
ROOT = VerifyKey(bytes.fromhex(VECTORS["group_root"]))
REGISTRY = make_registry(2)[0]


def heard(voice: str) -> Hearing:
    record = held(
        1, VECTORS["mailbox_address"], mailbox_key=VECTORS["mailbox_key"], who=REPORT.who, has_voice=True
    )
    report = msgspec.structs.replace(REPORT, voice=voice)
    return hear(record, report, ROOT, REGISTRY, {RING.digest: RING})


def test_the_file_is_what_the_code_makes() -> None:
    """Every byte, from the same seeds."""
    assert json.loads(json.dumps(make())) == VECTORS


def test_contexts_and_binding() -> None:
    """Five names are three people: two spellings of one, and one on no known platform."""
    assert [context.hex() for context in contexts_of(ROOT, REPORT.who)] == VECTORS["contexts"]
    assert len(VECTORS["contexts"]) == 3
    address, key = (bytes.fromhex(VECTORS[name]) for name in ("mailbox_address", "mailbox_key"))
    assert voice_binding(REPORT, address, PublicKey(key)).hex() == VECTORS["binding"]


def test_the_voice_is_heard_about_each_person() -> None:
    """One tag for each, in the order of the names."""
    hearing = heard(VECTORS["voice"])
    assert hearing.unheard == ()
    assert [(each.context, each.tag) for each in hearing.spoken] == list(
        zip(VECTORS["contexts"], VECTORS["tags"], strict=True)
    )


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["what"])
def test_refused(case: dict[str, str]) -> None:
    """By the name that the file gives."""
    hearing = heard(case["voice"])
    assert hearing.spoken == ()
    assert [each.why for each in hearing.unheard] == [case["why"]]
