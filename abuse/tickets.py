"""The slow lane: a ticket that ripens while the person writes. SPEC.md, "Ticket".

For pages without scripts and for weak devices. A ticket names a time before which it does nothing and
one after which it is void; a MAC under the server's admission key binds both to group, route and epoch.
It is the same for everybody: no address, no client, no counter. Spent once, by the limiter (admission.py).
"""

from __future__ import annotations

import struct
from hmac import compare_digest

from msgspec import Struct

from abuse.routes import EPOCH_SIZE, NONCE_SIZE, AdmissionKey, Route, check_group
from crypto.errors import Refused
from crypto.hashing import keyed
from crypto.labels import Label

VERSION = 1
KIND = 2
MAC_SIZE = 16
TICKET_SIZE = 2 + EPOCH_SIZE + NONCE_SIZE + 4 + 4 + MAC_SIZE  # 50
_FIELDS = struct.Struct(f">BB{EPOCH_SIZE}s{NONCE_SIZE}sII")


class Ticket(Struct, frozen=True, gc=False):
    """A ticket the server recognises as its own. Times in seconds on the limiter's clock."""

    epoch: bytes
    nonce: bytes
    not_before_s: int
    expires_s: int


def _mac(key: AdmissionKey, group: bytes, route: Route, fields: bytes) -> bytes:
    _, _, epoch, nonce, not_before_s, expires_s = _FIELDS.unpack(fields)
    return keyed(
        key.reveal(),
        Label.TICKET,
        fields[:1],
        group,
        route.value,
        nonce,
        not_before_s.to_bytes(4, "big"),
        expires_s.to_bytes(4, "big"),
        epoch,
        size=MAC_SIZE,
    )


def issue(
    key: AdmissionKey,
    group: bytes,
    route: Route,
    *,
    epoch: bytes,
    nonce: bytes,
    not_before_s: int,
    expires_s: int,
) -> bytes:
    """Write a ticket of 50 bytes, good from `not_before_s` until just before `expires_s`."""
    check_group(group)
    if not 0 <= not_before_s < expires_s < 1 << 32:
        raise ValueError("a ticket ripens before it expires")
    if len(epoch) != EPOCH_SIZE or len(nonce) != NONCE_SIZE:
        raise ValueError("an epoch is 8 bytes, a nonce 16")
    fields = _FIELDS.pack(VERSION, KIND, epoch, nonce, not_before_s, expires_s)
    return fields + _mac(key, group, route, fields)


def check(key: AdmissionKey, group: bytes, route: Route, raw: bytes) -> Ticket:
    """Recognise a ticket. Raises Refused when it is not ours, altered, or for another group or route."""
    if len(raw) != TICKET_SIZE or raw[0] != VERSION or raw[1] != KIND:
        raise Refused("not an admission token")
    fields = raw[:-MAC_SIZE]
    if not compare_digest(_mac(key, group, route, fields), raw[-MAC_SIZE:]):
        raise Refused("an admission token that is not ours, or not for this")
    _, _, epoch, nonce, not_before_s, expires_s = _FIELDS.unpack(fields)
    return Ticket(epoch, nonce, not_before_s, expires_s)
