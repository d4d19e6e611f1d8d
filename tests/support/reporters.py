"""A reporter for tests: files a real report, opens the mailbox, burns it with a follow-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from crypto.codes import ReplyCode, address_of, claim_of, mailbox_of
from crypto.entropy import system
from crypto.letters import open_letter
from crypto.seal import DoesNotOpen
from service.cases.answers import Answers
from service.cases.filing import Burning, Recipients, burn_mailbox, file_report, proof_of
from service.cases.letters import Letter, read_letter
from service.cases.receipts import Receipt
from service.cases.reports import File, FollowUp
from service.wire import calls
from service.wire.client import Client
from tests.support.groups import Group, Member, admitted, burned, server_key, slots

TODAY = date(2026, 11, 21)


def recipients(group: Group, names: Sequence[str] | None = None) -> Recipients:
    """Recipients by name; all handlers when none are given."""
    chosen: list[Member] = [
        m for m in group.handlers if m.role == "handler" and (names is None or m.name in names)
    ]
    return Recipients(group.id, group.roster.digest, tuple(m.sealing.public_key() for m in chosen))


@dataclass
class Reporter:
    """Someone with one report and the code in force."""

    client: Client
    group: Group
    code: ReplyCode = field(default_factory=lambda: ReplyCode.draw(system))

    def report(
        self, answers: Answers, files: Sequence[File] = (), to: Sequence[str] | None = None
    ) -> Receipt:
        """File a report."""
        report = answers.to_report(tuple(files), TODAY)
        filed = file_report(report, files, recipients(self.group, to), self.code, system)
        return self.client.do(
            calls.submit(
                self.group.id,
                filed.envelope,
                server_key(self.client),
                admission=admitted(self.client, self.group.id),
                urgent=answers.urgency == "danger",
            )
        )

    def letters(self, code: ReplyCode | None = None) -> list[Letter]:
        """Open the mailbox and read every letter in it."""
        code = code or self.code
        address = address_of(claim_of(code))
        found = []
        for page in range(8):
            opened = 0
            for slot in slots(self.client, claim_of(code), page):
                try:
                    found.append(read_letter(open_letter(mailbox_of(code), slot), address))
                    opened += 1
                except DoesNotOpen:
                    continue
            if opened < 8:
                break
        return found

    def prepared(
        self,
        new: ReplyCode,
        seen: int,
        message: str,
        to: Sequence[str] | None = None,
        files: Sequence[File] = (),
    ) -> Burning:
        """Seal the follow-up that burns the present mailbox."""
        follow_up = FollowUp(
            proof=proof_of(self.code),
            message=message,
            language="en",
            filed_on=TODAY.isoformat(),
            attachments=tuple(file.described() for file in files),
        )
        return burn_mailbox(self.code, new, seen, follow_up, files, recipients(self.group, to), system)

    def burn(self, burning: Burning, seen: int) -> Receipt | None:
        """Burn the present mailbox; the new code takes its place once the server says so."""
        receipt = burned(self.client, self.group, claim_of(self.code), seen, burning.filed.envelope)
        if receipt is not None:
            self.code = burning.filed.code
        return receipt
