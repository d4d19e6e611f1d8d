"""What something costs, held against a floor that is measured beside it, so that a slow or busy machine changes little.

One right after the other, again and again: the processor's clock changes from one moment to the next, and neighbours
take its caches. The least of either alone were twice apart on such a machine; the median of the pairs is not.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from statistics import median
from typing import Final

from crypto.errors import Refused
from service.wire.problems import ProblemError

PAIRS: Final = 9
_BEGUN: Final = 0.002  # seconds of a measurement at least: less is lost in the clock's grain


def cost(work: Callable[[], object], repeat: int = 1) -> float:
    """Processor seconds that `work` takes, refused or not, as often as it is repeated."""
    begun = time.process_time()
    for _ in range(repeat):
        with contextlib.suppress(ProblemError, Refused):
            work()
    return (time.process_time() - begun) / repeat


def times_as_dear(work: Callable[[], object], floor: Callable[[], object], pairs: int = PAIRS) -> float:
    """How many times the floor's processor time `work` takes: the median of pairs measured one after the other."""
    fast, slow = (max(1, round(_BEGUN / max(cost(one, 3), 1e-7))) for one in (floor, work))
    ratios = []
    for _ in range(pairs):
        least = cost(floor, fast)
        ratios.append(cost(work, slow) / least)
    return median(ratios)
