"""Every request about registries of members as a value, like `service.wire.calls`.

Parsers check that an answer is about what was asked and goes forward; that statements are signed, linked and may follow
is for `service.wire.registry_pins`, which also remembers chains, and that a request is one for who reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from crypto.labels import Label
from crypto.signatures import SigningKey, VerifyKey, sign, verify
from service.cases.asking import Ask, ask_digest, decode_ask, encode_ask
from service.wire import registry_shapes as shapes
from service.wire.calls import JSON, BadAnswer, Call
from service.wire.shapes import Appended
from service.wire.signing import ADMISSION_HEADER

S = TypeVar("S")


def registries() -> Call[shapes.RegistryList]:
    """List the server's registries. Unsigned: a registry's chain says what is true of it."""
    return Call("GET", "/v1/registries", _json(shapes.RegistryList), cap=512 * 1_024)


def statements(registry: bytes, after: int = 0) -> Call[shapes.StatementsPage]:
    """Fetch a part of a registry's chain: statements from number `after` on. Nothing is verified yet."""

    def parse(raw: bytes) -> shapes.StatementsPage:
        page = _json(shapes.StatementsPage)(raw)
        if (page.registry, page.after) != (registry.hex(), after):
            raise BadAnswer("the server answered with another part or another registry")
        if page.more and not page.statements:
            raise BadAnswer("the server's registry goes in circles")
        return page

    target = f"/v1/registries/{registry.hex()}?after={after}"
    missing = "This server has no registry with that id."
    return Call("GET", target, parse, cap=shapes.MAX_STATEMENTS_PAGE_JSON, missing=missing)


def append_statements(registry: bytes, raw: Sequence[bytes]) -> Call[Appended]:
    """Add up to 32 signed statements to a registry's chain; the first one ever founds it. Repeating is harmless."""
    body = msgspec.json.encode(shapes.AppendStatements(tuple(raw)))
    target = f"/v1/registries/{registry.hex()}/statements"
    return Call("POST", target, _json(Appended), body=body, content_type=JSON)


def ask(registry: bytes, request: Ask, *, admission: str) -> Call[bytes]:
    """Send a request to the registry's keeper, who fetches it. Gives its digest. Repeating is harmless.

    admission: a token for the route `mailbox`.
    """
    sent = encode_ask(request)

    def parse(raw: bytes) -> bytes:
        if _json(shapes.Waits)(raw).digest != ask_digest(sent).hex():
            raise BadAnswer("the server names another request than was sent")
        return ask_digest(sent)

    body = msgspec.json.encode(shapes.PostRequest(sent))
    target = f"/v1/registries/{registry.hex()}/applications"
    headers = {ADMISSION_HEADER: admission}
    return Call("POST", target, parse, body=body, content_type=JSON, headers=headers)


def waiting(registry: bytes, after: bytes | None = None) -> Call[tuple[tuple[tuple[bytes, Ask], ...], bool]]:
    """List requests that wait, as (digest, request), and whether there are more beyond the last one.

    after: the digest of the last one seen. That the requests hold is for `service.cases.registry` to say.
    """
    cursor = "" if after is None else after.hex()

    def parse(raw: bytes) -> tuple[tuple[tuple[bytes, Ask], ...], bool]:
        page = _json(shapes.RequestsPage)(raw)
        if page.registry != registry.hex() or (page.more and not page.requests):
            raise BadAnswer("the server answered with another registry, or goes in circles")
        last, found = cursor, []
        for each in page.requests:
            if each.digest <= last or ask_digest(each.request).hex() != each.digest:
                raise BadAnswer("the server's list of requests is out of order or misnamed")
            last = each.digest
            found.append((bytes.fromhex(each.digest), decode_ask(each.request)))
        return tuple(found), page.more

    target = f"/v1/registries/{registry.hex()}/applications?after={cursor}"
    return Call("GET", target, parse, cap=shapes.MAX_REQUESTS_PAGE_JSON)


def dismiss(registry: bytes, digests: Sequence[bytes], key: SigningKey) -> Call[int]:
    """Drop up to 64 requests that wait, as the root or a registrar. Gives how many there were."""
    signature = sign(key, Label.DISMISSAL, registry, *digests)
    sent = shapes.Dismiss(tuple(each.hex() for each in digests), key.verify_key().raw, signature)

    def parse(raw: bytes) -> int:
        return _json(shapes.Dismissed)(raw).dropped

    target = f"/v1/registries/{registry.hex()}/applications/dismissals"
    return Call("POST", target, parse, body=msgspec.json.encode(sent), content_type=JSON)


def check_dismissal(registry: bytes, sent: shapes.Dismiss) -> VerifyKey:
    """Check the signature of `dismiss` and give its key. Refused; whether the key may is for the registry."""
    key = VerifyKey(sent.key)
    verify(key, Label.DISMISSAL, sent.signature, registry, *map(bytes.fromhex, sent.digests))
    return key


def _json(shape: type[S]) -> Callable[[bytes], S]:
    def parse(raw: bytes) -> S:
        try:
            return msgspec.json.decode(raw, type=shape)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise BadAnswer("the server's answer is not what was asked for") from None

    return parse
