"""What the server must remember between two pages of a reporter without scripts, and doesn't: it hands it over, sealed.

A token is a PyNaCl SecretBox under the server's cookie key, in a hidden field and in the one `__Host-` cookie that the
pages ever set: from the page with a reply code until the reporter has confirmed it, and from every opened mailbox, so
that it doesn't tell whether letters were there. The cookie lets a reload show the same code again, and is cleared at
the end. Holds a code only in the form a browser can't read. design.md §3.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from crypto.entropy import Entropy
from crypto.errors import Refused
from crypto.hashing import digest, keyed
from crypto.labels import Label
from crypto.secrets import SymmetricKey, Unshown
from service.server.pages.forms import Posted

COOKIE: Final = "__Host-sottovoce"
LIVES_S: Final = 86_400
"""A day: there is no time limit that a person would notice, and a forgotten page opens nothing for ever."""
MAX_TOKEN: Final = (
    3_072  # characters: with its name and attributes it stays below what a browser keeps of a cookie
)
_NONCE: Final = SecretBox.NONCE_SIZE
Code = Annotated[bytes, Meta(min_length=16, max_length=16)]


class StaleToken(Refused):
    """Not a token of this server and purpose, or too old."""


class Shown(Unshown, Struct, frozen=True, array_like=True):
    """A code that a page showed and that is not confirmed yet.

    form: 16-byte digest of the form that led there, so that sending that very one twice shows the same page. used: the
    code that was opened; empty after a report. seen: slots of the mailbox that were looked at and are known to be
    taken. names, removed: what the page said.
    """

    purpose: Literal["report", "mailbox"]
    form: Annotated[bytes, Meta(min_length=16, max_length=16)]
    new: Code
    used: Annotated[bytes, Meta(max_length=16)]
    words: str
    seen: int
    expires_s: int
    names: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def form_digest(posted: Posted) -> bytes:
    """Name a form by everything that was sent in it: its ticket, which no other has, what was typed, and the files.

    So only an identical form is a repeat. One that was changed under a ticket already spent is not, and nothing that
    was added to it is taken for received.
    """
    parts = [b"form"]
    for name in sorted(posted.fields):
        values = posted.fields[name]
        parts += [name.encode(), len(values).to_bytes(4, "big"), *(value.encode() for value in values)]
    for upload in posted.uploads:
        parts += [b"file", upload.name.encode(), digest(Label.COOKIE, upload.content)]
    return digest(Label.COOKIE, *parts, size=16)


def seal_token(key: SymmetricKey, shown: Shown, entropy: Entropy) -> str:
    """Seal a token: base64url of nonce 24 ‖ SecretBox. Names are left out when it would be too long for a cookie."""
    raw = msgspec.msgpack.encode(shown)
    if len(raw) > MAX_TOKEN * 3 // 4 - _NONCE - SecretBox.MACBYTES:
        raw = msgspec.msgpack.encode(msgspec.structs.replace(shown, names=(), removed=()))
    nonce = entropy(_NONCE)
    return base64.urlsafe_b64encode(bytes(_box(key).encrypt(raw, nonce))).decode().rstrip("=")


def open_token(key: SymmetricKey, text: str, purpose: str, now_s: int) -> Shown:
    """Open a token. Raises StaleToken for anything that is not one, of this purpose and in time."""
    if len(text) > MAX_TOKEN:
        raise StaleToken("a page's token is too long")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        shown = msgspec.msgpack.decode(_box(key).decrypt(raw), type=Shown)
    except (binascii.Error, ValueError, CryptoError, msgspec.MsgspecError, RecursionError):
        raise StaleToken("a page's token is not this server's") from None
    if shown.purpose != purpose or not now_s < shown.expires_s <= now_s + LIVES_S:
        raise StaleToken("a page's token is too old")
    return shown


def _box(key: SymmetricKey) -> SecretBox:
    return SecretBox(keyed(key.reveal(), Label.COOKIE, b"page", size=32))
