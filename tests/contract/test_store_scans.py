"""Scans of every store: names in the order of their bytes, page by page, in both directions."""

from __future__ import annotations

import pytest

from service.storage import Put, Store
from service.storage.protocol import MAX_SCAN
from tests.support.engines import P, names


async def test_scan_is_ordered_as_bytes_and_pages_in_both_directions(store: Store) -> None:
    """Shorter before longer, 0x00 to 0xff; a page begins strictly beyond `after`."""
    written = sorted(
        [b"a", b"a\0", b"a/", b"a/\0", b"a/\xff", b"a/\xff\xff", b"a0", b"b", b"\0", b"\xff", b"\xff\xff"]
    )
    for name in reversed(written):
        await store.commit(P, [Put(name, name * 2)])
    for prefix in (b"", b"a", b"a/", b"a/\xff", b"\xff", b"\xff\xff", b"\xff\xff\xff", b"nothing"):
        wanted = [name for name in written if name.startswith(prefix)]
        assert await names(store, prefix) == wanted
        for reverse in (False, True):
            found: list[tuple[bytes, bytes]] = []
            while page := await store.scan(P, prefix, found[-1][0] if found else b"", 2, reverse=reverse):
                assert len(page) <= 2
                found += page
            assert [name for name, _ in found] == (wanted[::-1] if reverse else wanted)
            assert all(value == name * 2 for name, value in found)


async def test_scan_begins_beyond_a_name_that_does_not_exist(store: Store) -> None:
    """A cursor stays good when its record is deleted, and may lie outside of the prefix."""
    await store.commit(P, [Put(b"k1", b""), Put(b"k3", b""), Put(b"l", b"")])
    assert [n for n, _ in await store.scan(P, b"k", b"k2")] == [b"k3"]
    assert [n for n, _ in await store.scan(P, b"k", b"a")] == [b"k1", b"k3"]
    assert await store.scan(P, b"k", b"z") == []
    assert [n for n, _ in await store.scan(P, b"k", b"k2", reverse=True)] == [b"k1"]
    assert [n for n, _ in await store.scan(P, b"k", b"z", reverse=True)] == [b"k3", b"k1"]
    assert await store.scan(P, b"k", b"a", reverse=True) == []


async def test_a_scan_of_large_values_stops_early_and_goes_on(store: Store) -> None:
    """No page holds much more than MAX_SCAN bytes, and only an empty page is the end."""
    size = 6 * 2**20
    for n in range(5):
        await store.commit(P, [Put(b"k%d" % n, bytes((n,)) * size)])
    found: list[bytes] = []
    while page := await store.scan(P, b"k", found[-1] if found else b""):
        assert sum(len(value) for _, value in page) <= MAX_SCAN + size
        found += [name for name, _ in page]
    assert found == [b"k0", b"k1", b"k2", b"k3", b"k4"]


async def test_scan_limits_are_bounded(store: Store) -> None:
    """1 to 1,000."""
    for limit in (0, -1, 1001):
        with pytest.raises(ValueError, match="limit"):
            await store.scan(P, b"", limit=limit)
