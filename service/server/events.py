"""The server's log: names of events and places in the code, never a request, an address or a text of anyone's.

Lines go to standard error. There is no access log.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from service.storage.limiter import LimiterUnavailable
from service.storage.protocol import StoreRefused, StoreUnavailable

_logger = logging.getLogger("sottovoce.server")


def set_up() -> None:
    """Send events to standard error, and silence every other logger below errors."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s sottovoce %(message)s", "%Y-%m-%dT%H:%MZ"))
    _logger.handlers[:] = [handler]
    _logger.propagate = False
    _logger.setLevel(logging.INFO)


def event(name: str) -> None:
    """Write that something happened. name: a fixed word of the code."""
    _logger.info("%s", name)


def failure(name: str, error: BaseException) -> None:
    """Write that something failed: the kind of error and where, without its message, which could hold input.

    The sentences of a store or a limiter are fixed, and say what to change: these are written too.
    """
    said = f": {error}" if isinstance(error, StoreUnavailable | StoreRefused | LimiterUnavailable) else ""
    _logger.error("%s %s at %s%s", name, type(error).__name__, _place(error.__traceback__), said)


@contextmanager
def one_of_many(name: str) -> Iterator[None]:
    """Log what goes wrong with one record of many, so that those after it have their turn.

    Raises StoreUnavailable and StoreRefused: no other would do better. name: a fixed word for the log.
    """
    try:
        yield
    except (StoreUnavailable, StoreRefused):
        raise
    except Exception as error:  # noqa: BLE001 - the edge: it may be a damaged record
        failure(name, error)


def _place(at: TracebackType | None) -> str:
    frames = traceback.extract_tb(at)
    return " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-4:])) or "?"
