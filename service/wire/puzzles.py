"""Turns an admission challenge into a token for one request, by work or by waiting. abuse/SPEC.md.

What the server asks for is bounded before any work is done: abuse.puzzle refuses what no honest server sends.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Callable

from abuse.admission import encode
from abuse.puzzle import solving
from crypto.errors import Refused
from service.wire.shapes import ChallengeShape


def solve(challenge: ChallengeShape, progress: Callable[[int], None] | None = None) -> str:
    """Solve the puzzle and give the token. progress: called with the number of solved parts, 0 to 16.

    Raises Refused for a challenge that is malformed or harder than any honest server's.
    """
    try:
        raw = urlsafe_b64decode(challenge.puzzle + "=" * (-len(challenge.puzzle) % 4))
    except ValueError:
        raise Refused("the server's puzzle is malformed") from None
    for step in solving(raw):
        if isinstance(step, bytes):
            if progress is not None:
                progress(16)
            return encode(raw + step)
        if progress is not None:
            progress(step)
    raise AssertionError("solving() ends with a solution")
