"""Secrets show themselves nowhere but where `.reveal()` is written."""

from __future__ import annotations

import copy
import json
import pickle
import traceback

import msgspec
import pytest

from crypto.codes import Claim, MailboxKey, ReplyCode
from crypto.errors import Refused
from crypto.seal import SealingKey
from crypto.secrets import Passphrase, Secret, SymmetricKey
from crypto.signatures import SigningKey

KINDS = [ReplyCode, Claim, MailboxKey, SealingKey, SymmetricKey, SigningKey]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def secret(request: pytest.FixtureRequest) -> Secret:
    kind: type[Secret] = request.param
    return kind(b"\xca\xfe" * (kind.SIZE // 2))


def test_a_secret_hides(secret: Secret) -> None:
    """In repr, str, format, an f-string, a container, and a traceback with locals."""
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>10}", "%s" % secret, repr([secret])]  # noqa: UP031
    try:
        raise ValueError(secret)
    except ValueError as error:
        shown.append(
            "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        )
    for text in shown:
        assert "cafe" not in text.lower()
        assert "\\xca" not in text


def test_a_secret_is_refused_by_every_encoder(secret: Secret) -> None:
    """pickle, copy, json and msgspec can't carry it away by accident; nor can it be a key of a dict."""
    for act in (
        lambda: pickle.dumps(secret),
        lambda: copy.copy(secret),
        lambda: copy.deepcopy(secret),
        lambda: json.dumps(secret),
        lambda: msgspec.json.encode(secret),
        lambda: msgspec.msgpack.encode(secret),
        lambda: hash(secret),
        lambda: {secret: 1},
    ):
        with pytest.raises(TypeError):
            act()


def test_equality_is_of_one_kind(secret: Secret) -> None:
    """Same kind and bytes; another kind with the same bytes is another secret."""
    assert secret == type(secret)(secret.reveal())
    assert secret != type(secret)(bytes(secret.SIZE))
    assert all(
        secret != kind(secret.reveal())
        for kind in KINDS
        if kind is not type(secret) and kind.SIZE == secret.SIZE
    )


@pytest.mark.parametrize("off", [-1, 1])
def test_a_secret_has_one_size(secret: Secret, off: int) -> None:
    """A byte more or less is refused."""
    with pytest.raises(Refused):
        type(secret)(bytes(secret.SIZE + off))


def test_a_passphrase_of_no_text_is_refused_without_showing_it() -> None:
    """Half a surrogate pair, as a terminal of another encoding gives it: no error carries what was typed."""
    with pytest.raises(Refused) as caught:
        Passphrase("secret\udcff12")
    told: BaseException | None = caught.value
    while told is not None:
        assert "secret" not in f"{told!r} {vars(told)}"
        told = told.__context__


def test_a_passphrase_hides_and_is_normalised() -> None:
    """The same characters typed on another keyboard open the same file."""
    assert Passphrase("é").reveal() == Passphrase("e\u0301").reveal()
    assert "hunter2" not in repr(Passphrase("hunter2"))
    with pytest.raises(TypeError):
        pickle.dumps(Passphrase("hunter2"))
