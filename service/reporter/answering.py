"""An answer burns the old code, once the new one was written down and every letter was shown.

Guarantees: whatever breaks off, the reporter is told which code is good. How it is known that no letter is burned
unread says service.reporter.mailboxes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Final, Self

import click

from crypto.codes import ReplyCode, confirm, confirmation_positions
from crypto.codes import claim_of as claim
from crypto.entropy import system
from crypto.errors import Refused
from crypto.secrets import Unshown
from crypto.signatures import VerifyKey
from service.cases.filing import Recipients, burn_mailbox, proof_of
from service.cases.letters import Letter
from service.cases.receipts import Receipt
from service.cases.reports import File, FollowUp
from service.console import Unwritten, say
from service.reporter.mailboxes import read_next
from service.reporter.sending import send
from service.reporter.terminal import Waiting, shown_code
from service.wire import calls
from service.wire.admitting import Admission
from service.wire.calls import Call
from service.wire.client import Client
from service.wire.failures import Declined, Unreachable
from service.wire.patience import patiently

_EXPECTED: Final = (click.Abort, KeyboardInterrupt, Unreachable, Declined, Refused, Unwritten)


@dataclass(frozen=True, slots=True, repr=False)
class Answer(Unshown):
    """What a reporter answers, perhaps nothing, and to whom. language: such as en."""

    message: str
    files: Sequence[File]
    language: str
    to: Recipients

    def sealed(self, used: ReplyCode, new: ReplyCode, seen: int) -> bytes:
        """Seal it, once: the same envelope again is the same answer, whatever became of the first request."""
        follow_up = FollowUp(
            proof=proof_of(used),
            message=self.message,
            language=self.language,
            filed_on=datetime.now(UTC).date().isoformat(),
            attachments=tuple(file.described() for file in self.files),
        )
        return burn_mailbox(used, new, seen, follow_up, self.files, self.to, system).filed.envelope


@dataclass(frozen=True, slots=True, repr=False)
class NewCode(Unshown):
    """The code that takes the old one's place. `words`: the same to be shown. noted: not to be typed back.

    as_json: it is shown by the caller, at the end, unless nobody knows what became of the old one.
    """

    code: ReplyCode
    words: Sequence[str]
    noted: bool
    as_json: bool

    def hand_over(self) -> None:
        """Show it, and have two words of it typed back, as often as it takes: nothing is burned before."""
        if not self.as_json:
            say("\n".join(shown_code(self.words)))
        if not self.noted:
            _confirm(self.code)


def send_answer(
    client: Client,
    opening: Admission,
    key: VerifyKey,
    used: ReplyCode,
    new: NewCode,
    answer: Answer,
    seen: int,
    came: Callable[[Sequence[Letter]], None],
    *,
    held: bool,
) -> None:
    """Burn the mailbox of the used code with an answer. opening: for looking into mailboxes. key: the server's.

    seen: how many of its slots are; came: shows letters that came meanwhile. held: as `send` says.
    Raises what the connection and the server do, Refused, and click.Abort.
    """
    wait = Waiting()
    with (
        _Codes(new) as codes,
        Admission(client, answer.to.group_id, progress=wait.solving) as admission,
    ):
        admission.begin()  # solved while the new code is written down
        new.hand_over()
        envelope = answer.sealed(used, new.code, seen)
        patience = partial(patiently, client, admission, waiting=wait.under_pressure)
        sending = partial(send, patience, held=held, unsure=codes.unsure)
        while not _burn(used, seen, envelope, answer.to, key, sending):
            # Something lies there that was not seen: look at it, show it if it is a letter, and go on.
            letters, seen = read_next(client, used, seen, opening)
            came(letters)
        codes.burned()


class _Codes:
    """Says which code is good when the new one was drawn and then something went wrong."""

    def __init__(self, new: NewCode) -> None:
        self._new, self._old_stands = new, True

    def burned(self) -> None:
        """From now on the new one is."""
        self._old_stands = False

    def unsure(self) -> None:
        """The old code may be used up already: nobody knows."""
        self._old_stands = False
        click.echo(
            "\nIt may have arrived although no answer came. Keep both codes, and try the new one first.",
            err=True,
        )
        if self._new.as_json:  # otherwise they were shown
            click.echo("\n".join(shown_code(self._new.words)), err=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if isinstance(error, _EXPECTED) and self._old_stands and not self._new.as_json:
            click.echo("\nYour old code is still good; the new words are worth nothing.", err=True)


def _burn(
    used: ReplyCode,
    seen: int,
    envelope: bytes,
    to: Recipients,
    key: VerifyKey,
    sending: Callable[[Callable[[str], Call[Receipt | None]]], Receipt | None],
) -> bool:
    """Burn the mailbox; False when more lies there than was seen, and nothing was changed."""
    receipt = sending(
        lambda token: calls.burn_mailbox(claim(used), seen, envelope, to.group_id, key, admission=token)
    )
    return receipt is not None


def _confirm(code: ReplyCode) -> None:
    positions = confirmation_positions(code)
    while True:
        typed = {
            position: click.prompt(f"Word {position} of the new code", err=True) for position in positions
        }
        if confirm(code, typed):
            return
        click.echo("That is not it. Look at what you wrote down; the old code is still good.", err=True)
