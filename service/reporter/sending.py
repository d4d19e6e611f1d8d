"""Sending what a reporter typed: as often as they want, and with the truth on what may have arrived when they stop.

Guarantees: what is held in memory only is given up when somebody says so, and the code of what the server may have is
shown by then. Leaves broken connections and pressure to service.wire.patience.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self, TypeVar

import click

from crypto.errors import Refused
from service.console import fail_interrupted
from service.reporter.terminal import shown_code
from service.wire.calls import Call
from service.wire.failures import Declined, Unreachable
from service.wire.patience import Attempts

T = TypeVar("T")
UNSENT: Final = "interrupted; nothing was sent"


class Unsent:
    """Says of whatever interrupts somebody in this context that nothing was sent, until it is `over`."""

    def __init__(self) -> None:
        self._over = False

    def over(self) -> None:
        """Sending begins."""
        self._over = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if isinstance(error, click.Abort | KeyboardInterrupt) and not self._over:
            fail_interrupted(UNSENT)


def send(
    patience: Callable[[Attempts[T]], T],
    make: Callable[[str], Call[T]],
    *,
    held: bool,
    unsure: Callable[[], None],
) -> T:
    """Send what is sealed. Every try sends the same, which the server counts once.

    patience: sends a call and waits as long as that makes sense. held: what somebody typed is in this machine's memory
    only, so they are asked before it is given up. unsure: called when it is given up and may have arrived all the same.
    Raises what went wrong last.
    """
    attempts = Attempts(make)
    while True:
        try:
            return patience(attempts)
        except (Unreachable, Declined, Refused) as error:
            if held and _try_again(error):
                continue
            if attempts.may_have_arrived:
                unsure()
            raise
        except KeyboardInterrupt:
            if not attempts.may_have_arrived:
                raise
            unsure()
            fail_interrupted("interrupted")


def _try_again(error: Exception) -> bool:
    told = error.reason if isinstance(error, Refused) else str(error)
    click.echo(f"\nIt did not get through: {told}", err=True)
    click.echo("What you wrote is still here, and nowhere else on this machine.", err=True)
    try:
        return click.confirm("Try again?", default=True, err=True)
    except click.Abort:
        return False


def tell_unsure(words: Sequence[str]) -> None:
    """Show the code of a report that may have arrived."""
    click.echo(
        "\nIt may have arrived although no answer came. If so, these words open the answers:", err=True
    )
    click.echo("\n".join(shown_code(words)), err=True)
