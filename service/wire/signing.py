"""How a handler signs a request: no password, no session, nothing to steal from the server.

Ed25519, label REQUEST, over (signer's group 16, method, path with query, digest of the body, time as u64 seconds,
nonce 16). Headers: `Sottovoce-Group` (the signer's own group, which may differ from the one in the path when a report
was forwarded), `Sottovoce-Key` (hex id of the handler's sealing key, which names the handler in that group's roster),
`-Time`, `-Nonce`, `-Signature`. Group and path are signed, so a request can't be replayed as another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from crypto.errors import Refused
from crypto.hashing import digest
from crypto.labels import Label
from crypto.signatures import SigningKey, VerifyKey, sign, verify

GROUP_HEADER = "Sottovoce-Group"
KEY_HEADER = "Sottovoce-Key"
TIME_HEADER = "Sottovoce-Time"
NONCE_HEADER = "Sottovoce-Nonce"
SIGNATURE_HEADER = "Sottovoce-Signature"
ADMISSION_HEADER = "Sottovoce-Admission"
URGENT_HEADER = "Sottovoce-Urgent"
WINDOW_S = 120
NONCE_SIZE = 16

_SHAPES = {
    GROUP_HEADER: re.compile(r"[0-9a-f]{32}"),
    KEY_HEADER: re.compile(r"[0-9a-f]{32}"),
    TIME_HEADER: re.compile(r"[0-9]{1,12}"),
    NONCE_HEADER: re.compile(r"[0-9a-f]{32}"),
    SIGNATURE_HEADER: re.compile(r"[0-9a-f]{128}"),
}


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: a handler's signing key, the id of their sealing key, and their group."""

    group: bytes
    key_id: bytes
    key: SigningKey


@dataclass(frozen=True, slots=True)
class Claimed:
    """The headers of a signed request: parsed, not yet believed."""

    group: bytes
    key_id: bytes
    time_s: int
    nonce: bytes
    signature: bytes


def headers_for(
    signer: Signer, method: str, target: str, body: bytes, *, now_s: int, nonce: bytes
) -> dict[str, str]:
    """Sign a request. target: path with query as sent; nonce: 16 fresh random bytes."""
    parts = _parts(signer.group, method, target, body, now_s, nonce)
    return {
        GROUP_HEADER: signer.group.hex(),
        KEY_HEADER: signer.key_id.hex(),
        TIME_HEADER: str(now_s),
        NONCE_HEADER: nonce.hex(),
        SIGNATURE_HEADER: sign(signer.key, Label.REQUEST, *parts).hex(),
    }


def parse_claimed(headers: Mapping[str, str]) -> Claimed:
    """Read the four headers. Refused when one is missing or malformed."""
    values = {}
    for name, shape in _SHAPES.items():
        value = headers.get(name.lower(), "")
        if shape.fullmatch(value) is None:
            raise Refused("signed request: a header is missing or malformed")
        values[name] = value
    return Claimed(
        bytes.fromhex(values[GROUP_HEADER]),
        bytes.fromhex(values[KEY_HEADER]),
        int(values[TIME_HEADER]),
        bytes.fromhex(values[NONCE_HEADER]),
        bytes.fromhex(values[SIGNATURE_HEADER]),
    )


def check_signature(claimed: Claimed, key: VerifyKey, method: str, target: str, body: bytes) -> None:
    """Refuse unless the signature holds. Time and nonce are for the server to judge."""
    parts = _parts(claimed.group, method, target, body, claimed.time_s, claimed.nonce)
    verify(key, Label.REQUEST, claimed.signature, *parts)


def _parts(
    group: bytes, method: str, target: str, body: bytes, time_s: int, nonce: bytes
) -> tuple[bytes, ...]:
    if len(nonce) != NONCE_SIZE or not 0 <= time_s < 2**40:
        raise Refused("signed request: nonce or time out of range")
    return (
        group,
        method.encode("ascii"),
        target.encode("ascii"),
        digest(Label.REQUEST, body),
        time_s.to_bytes(8, "big"),
        nonce,
    )
