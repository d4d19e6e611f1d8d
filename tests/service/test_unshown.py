"""What people wrote, and secrets that are held in clear, show themselves in no repr: asked of every type there is."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import msgspec
import pytest

import abuse
import crypto
import service.cases
import service.desk
import service.reporter
import service.server.pages
from abuse.accounts import Account
from crypto.codes import ReplyCode
from crypto.secrets import Secret, Unshown
from service.cases.log import Note
from service.cases.reports import File, Person
from service.reporter.answering import NewCode
from service.wire.shapes import OpenMailbox

CANARY = "perfidious plumage"

TELLING = {
    "claim", "code", "content", "content_key", "fears", "fields", "files", "headline", "message", "note", "paragraphs",
    "payload", "plaintext", "proof", "raw", "reason", "shared", "shingles", "text", "used", "what", "words",
}  # fmt: skip
"""Names of fields that hold what somebody wrote, or what opens it."""

HARMLESS = {
    "OpenedReport": "a key that hides itself",
    "Filed": "a code that hides itself",
    "Overlap": "a matrix",
    "Puzzle": "is handed to everybody",
    "Sent": "is still sealed",
    **dict.fromkeys(["Application", "ByOldKey", "HandlerCard"], "a proof of having a key"),
    **dict.fromkeys(
        ["ByRegistrar", "Decision", "Item", "Measure", "Step", "Turn", "Wording"],
        "published by those who write it",
    ),
    **dict.fromkeys(["GroupView", "HandlerView"], "a fingerprint in words"),
    **dict.fromkeys(["Language", "Unreadable", "Wrong"], "a text of our own"),
}


def types() -> Iterator[type]:
    for package in (abuse, crypto, service.cases, service.desk, service.reporter, service.server.pages):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            yield from (
                one for _, one in inspect.getmembers(module, inspect.isclass) if one.__module__ == found.name
            )


def shown(one: type) -> set[str]:
    """Give the fields that a type's repr tells."""
    if inspect.getattr_static(one, "__repr__") is Unshown.__repr__:
        return set()
    if issubclass(one, msgspec.Struct):
        return set(one.__struct_fields__)
    if dataclasses.is_dataclass(one):
        return {field.name for field in dataclasses.fields(one) if field.repr}
    return set()


def test_no_type_shows_what_somebody_wrote() -> None:
    """A new type with such a field is hidden, or named above with the reason why not; none is named in vain."""
    found = list(types())
    telling = {one.__name__: shown(one) & TELLING for one in found if shown(one) & TELLING}
    assert sum(issubclass(one, Unshown) and not issubclass(one, Secret) for one in found) > 25
    assert telling.keys() == HARMLESS.keys(), telling


@pytest.mark.parametrize(
    "value",
    [
        NewCode(ReplyCode(bytes(16)), CANARY.split(), noted=False, as_json=False),
        File(CANARY, "text/plain", CANARY.encode()),
        Note(CANARY),
        Person("github", CANARY),
        Account("id", 0.0, CANARY),
        OpenMailbox(CANARY.encode() * 2, 0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_shows_its_types_name(value: object) -> None:
    """Also inside of another, and formatted."""
    told = f"{value} {value!r} {[value]!r}"
    assert type(value).__name__ in told
    assert not any(word in told for word in CANARY.split())
