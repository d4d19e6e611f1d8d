"""Which addresses are understood, and that none is ever repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.storage import StoreRefused, open_store
from service.storage.addresses import RedisAddress, SqliteAddress, parse_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("sqlite:///var/lib/x/store.db", SqliteAddress(Path("/var/lib/x/store.db"))),
        ("sqlite://data/store.db", SqliteAddress(Path("data/store.db"))),
        ("redis://h", RedisAddress("single", (("h", 6379),))),
        ("redis://h:1/3", RedisAddress("single", (("h", 1),), db=3)),
        ("redis://[::1]:7", RedisAddress("single", (("::1", 7),))),
        ("rediss://u:p%40%2F@h:1", RedisAddress("single", (("h", 1),), True, "u", "p@/")),
        ("redis://:p@h", RedisAddress("single", (("h", 6379),), password="p")),
        (
            "redis+sentinel://:p@a:1,b/svc",
            RedisAddress("sentinel", (("a", 1), ("b", 26379)), password="p", service="svc"),
        ),
        ("rediss+sentinel://a/svc", RedisAddress("sentinel", (("a", 26379),), True, service="svc")),
        ("redis+cluster://a:1,b:2", RedisAddress("cluster", (("a", 1), ("b", 2)))),
    ],
)
def test_an_address_is_taken_apart(url: str, address: object) -> None:
    """Hosts, ports, account, service."""
    assert parse_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "store.db",
        "sqlite://",
        "sqlite:///folder/",
        "postgres://h/hunter2",
        "redis://",
        "redis://:hunter2@",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:x",
        "redis://a,b",
        "redis://h/one",
        "redis://h /0",
        "redis://:hunter2@h:1:2",
        "redis+sentinel://:hunter2@h",
        "redis+sentinel://:hunter2@h/",
        "redis+cluster://:hunter2@h/0",
        "redis+cluster://h,",
        "redis+other://:hunter2@h",
        "http://:hunter2@h",
    ],
)
async def test_other_addresses_are_refused_with_examples_and_without_repeating_them(url: str) -> None:
    """A password in a mistyped address would otherwise end up in a log."""
    with pytest.raises(StoreRefused, match="Examples: sqlite:///") as refused:
        await open_store(url)
    assert "hunter2" not in repr(refused.value)
    assert refused.value.__cause__ is None


def test_an_address_does_not_show_its_password() -> None:
    """Nor its user."""
    assert "hunter2" not in repr(parse_address("redis://hunter2:hunter2@h"))
