"""When the queries of two web addresses are one. SPEC.md "Corroboration: evidence".

Guarantees: nothing that can tell two pages apart is dropped, only the marks that a few services add when an address is
shared; so different pages never become one piece of evidence. Leaves to `abuse.evidence` host, path and fragment.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote_plus, unquote_to_bytes

# What sites add to say who shared an address and where; no site shows another page for it.
_TRACKING: Final = frozenset(
    {"fbclid", "gclid", "igsh", "igshid", "mc_cid", "mc_eid", "mibextid", "ref_src", "si"}
)


def one_query(query: str) -> str:
    """Give a query (what follows the "?") one form: no tracking, named fields sorted and percent-encoded alike.

    A field without "=" stays as it is written, and before the others: some sites name a page by it alone
    (`showthread.php?1111-title`). A field with nothing after its "=" stays too. Raises UnicodeEncodeError on a
    surrogate.
    """
    unnamed: list[str] = []
    named: list[str] = []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        if equals:
            written = _encoded(name)
            if written not in _TRACKING and written[:4] != "utm_":
                named.append(f"{written}={_encoded(value)}")
        elif part:
            unnamed.append(part)
    return "&".join([*unnamed, *sorted(named)])


def _encoded(text: str) -> str:
    # As bytes: in other encodings than UTF-8, as old forums have them, different names must stay different.
    return quote_plus(unquote_to_bytes(text.replace("+", " ")))
