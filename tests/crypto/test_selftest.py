"""The self-tests pass on sound libraries, and name each one that misbehaves and what to install."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from crypto import selftest
from crypto.selftest import Libraries, SelfTestFailed, check
from crypto.torsion import SMALL_ORDER
from service import cli

SOUND = Libraries()


def _broken(*_: object) -> Any:
    raise OSError("no such symbol /secret/path")


def _flip(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


def _cofactored(signature: bytes, key: bytes) -> bool:
    """A verifier that lets S ≥ L through, as old libraries did: it reduces S first."""
    s = int.from_bytes(signature[32:], "little") % selftest._ORDER
    return SOUND.verifies(signature[:32] + s.to_bytes(32, "little"), key)


def _ignores_data(sealed: bytes, data: bytes, nonce: bytes, key: bytes) -> bytes:
    del data
    return SOUND.aead_open(sealed, selftest._AEAD_DATA, nonce, key)


def test_sound_libraries_pass_in_time() -> None:
    """Under 50 ms of processor time, the best of three."""
    took = []
    for _ in range(3):
        begun = time.process_time()
        check(SOUND)
        took.append(time.process_time() - begun)
    assert min(took) < 0.05


MISBEHAVING: dict[str, tuple[dict[str, Any], str]] = {
    "torsion passes": ({"is_valid_point": lambda raw: True}, "torsion"),
    "G + (0, -1) passes, as before PyNaCl 1.6.2": (
        {"is_valid_point": lambda raw: raw not in SMALL_ORDER},
        "torsion",
    ),
    "no point passes": ({"is_valid_point": lambda raw: False}, "torsion"),
    "other signatures": ({"sign": lambda seed: _flip(SOUND.sign(seed))}, "Ed25519"),
    "nothing verifies": ({"verifies": lambda signature, key: False}, "Ed25519"),
    "everything verifies": ({"verifies": lambda signature, key: True}, "Ed25519"),
    "S from L up verifies": ({"verifies": _cofactored}, "Ed25519"),
    "small keys verify": (
        {"verifies": lambda signature, key: key in SMALL_ORDER or SOUND.verifies(signature, key)},
        "Ed25519",
    ),
    "another tag": ({"aead_seal": lambda *given: _flip(SOUND.aead_seal(*given))}, "XChaCha20"),
    "associated data ignored": ({"aead_open": _ignores_data}, "XChaCha20"),
    "personalisation ignored": (
        {"hash": lambda data, person: SOUND.hash(data, b"sv1 claim")},
        "BLAKE2b",
    ),
    "no personalisation": ({"hash": lambda data, person: SOUND.hash(data, b"")}, "BLAKE2b"),
    "Argon2i instead": (
        {"stretch": lambda passphrase, salt: _flip(SOUND.stretch(passphrase, salt))},
        "Argon2id",
    ),
    "another key from the seed": ({"key_id": lambda: bytes(16)}, "HPKE"),
    "opens to something else": ({"unseal": lambda sealed, context: b"another"}, "HPKE"),
    "context ignored": (
        {"unseal": lambda sealed, context: SOUND.unseal(sealed, selftest._CONTEXT)},
        "HPKE",
    ),
    "seals what doesn't open": (
        {"seal": lambda plaintext, context: _flip(SOUND.seal(plaintext, context))},
        "HPKE",
    ),
    "a tag is not checked": (
        {"unseal": lambda sealed, context: selftest._PLAINTEXT},
        "HPKE",
    ),
    "two words swapped": ({"english": lambda: SOUND.english()[1::-1] + SOUND.english()[2:]}, "word list"),
    "a word is missing": ({"english": lambda: SOUND.english()[:-1]}, "word list"),
    **{
        f"{name} raises": ({name: _broken}, "Self-test failed")
        for name in ("is_valid_point", "sign", "verifies", "aead_seal", "aead_open", "hash", "stretch")
    },
    **{
        f"{name} raises": ({name: _broken}, "Self-test failed")
        for name in ("key_id", "seal", "unseal", "english")
    },
}


@pytest.mark.parametrize("name", MISBEHAVING)
def test_a_library_that_misbehaves_is_named(name: str) -> None:
    """What fails and what to install, in one sentence of fixed text."""
    change, named = MISBEHAVING[name]
    with pytest.raises(SelfTestFailed, match=named) as failed:
        check(replace(SOUND, **change))
    assert "Install " in str(failed.value)
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize("face", ["serve", "desk", "group", "member", "report", "mailbox"])
def test_no_face_starts_on_a_library_that_misbehaves(face: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence and exit code 3, before the face is even imported."""
    monkeypatch.setattr(selftest, "check_once", lambda: check(replace(SOUND, hash=_broken)))
    result = CliRunner().invoke(cli.main, [face, "--help"])
    assert result.exit_code == 3
    assert "BLAKE2b" in result.output
    assert "Usage" not in result.output


async def test_no_worker_serves_on_a_library_that_misbehaves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A worker of the server says that it can't start, and never makes the application."""
    from service.server.asgi import Served
    from service.server.settings import load

    monkeypatch.setattr(selftest, "check_once", lambda: check(replace(SOUND, stretch=_broken)))
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    served = Served(load(None, {"SOTTOVOCE_DATA": str(tmp_path / "data")}))
    await served({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.failed"]
    assert not (tmp_path / "data").exists()
