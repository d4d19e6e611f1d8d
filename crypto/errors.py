"""The one exception for whatever an attacker can cause.

Its text is fixed by this project and never repeats input, so it can be shown and logged.
"""

from __future__ import annotations


class Refused(Exception):
    """Input that is malformed, forged, out of range or not for us. `reason` is safe to show."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
