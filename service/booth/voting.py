"""Voting, on the voter's own machine: what a voter checks before, what is sent, and the receipts that are kept.

Guarantees: nothing is cast before manifest, trustees and electorate were held against φ and against the registry that
the group's root key names, which is the one that this member joined (roster and registry are downloaded and pinned); no
login and no address of the voter's making goes with a cast; that a receipt can be kept is tried before, and it is kept
before the voter is told; nobody is told that nothing was cast once something was sent, nor that a ballot is in without
a word when the server put it before one that it should replace. The choice itself is kept nowhere. polls/SPEC.md §3.4,
design.md §9.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from crypto.entropy import system
from crypto.errors import Refused
from crypto.secrets import Unshown
from polls.casting import Receipt as BallotReceipt
from polls.casting import make_cast, read_receipt
from polls.election import Election
from polls.electorate import Electorate
from polls.encoding import hash_hex
from polls.manifest import Manifest, election_of
from service.booth.receipts import SLACK_S, keep_receipt, prepare
from service.cases.summaries import open_summary
from service.member_home import MemberHome
from service.member_keys import MemberKeys
from service.wire import poll_calls
from service.wire.admitting import Admission
from service.wire.client import Client
from service.wire.failures import Declined, Unreachable
from service.wire.patience import Attempts, patiently
from service.wire.poll_boards import board_of
from service.wire.poll_shapes import DefineBoard
from service.wire.poll_views import PollView, ballot_hash
from service.wire.poll_voters import Voters, voters_of

NO_SUMMARY: Final = "There is no summary."
NO_RECEIPT: Final = (
    "Your ballot was sent, but no receipt of it came back: it may be in or not. Vote again to be sure; of all your "
    "ballots the last one counts."
)
NOT_LAST: Final = (
    "Your ballot is in and its receipt is kept, but the server did not put it after all that you may have cast before: "
    "another of your ballots may count."
)
NOT_SEALED: Final = (
    "WARNING: the mediator's summary does not open with your key, though the poll says that it is sealed to you. "
    "Whoever made the poll may have kept it from you. Tell a trustee or another member whom you trust, and ask "
    "whether theirs opens. You can vote all the same."
)


class NotAVoter(Refused):
    """This member's key is not in the poll's electorate: left out, or registered after it was frozen."""


class NotOpen(Refused):
    """Nobody can vote in the poll now, by its state."""


class NotKept(Refused):
    """The ballot is in, but its receipt could not be kept: show it. receipt: its text, checked."""

    def __init__(self, reason: str, receipt: bytes) -> None:
        super().__init__(f"your ballot is in, but its receipt could not be kept: {reason}")
        self.receipt = receipt


class Unsure(Exception):
    """A ballot was sent and no receipt came back. cause: why; it names how the command ends."""

    title, said = "It may be in or not", NO_RECEIPT

    def __init__(self, cause: Refused | Declined | Unreachable) -> None:
        super().__init__(self.said)
        self.cause = cause


class NotLast(Unsure):
    """A receipt came back and is kept, and by it the ballot need not be the last of its voter's."""

    title, said = "It is in, and may not be the one that counts", NOT_LAST


@dataclass(frozen=True, repr=False)
class Summary(Unshown):
    """The mediator's summary as this member has it. opens: whether their key opens it, where there is one."""

    text: str | None = None
    opens: bool = True

    def told(self) -> str:
        """Give the text, or say why there is none."""
        return (self.text or NO_SUMMARY) if self.opens else NOT_SEALED


@dataclass(frozen=True)
class Checked:
    """A poll of which everything was checked that a voter can check before the close.

    voters: who may vote, and the accounts of the members' snapshot that may not. board: who holds the key.
    """

    view: PollView
    voters: Voters
    board: DefineBoard
    election: Election[Any, Any]

    @property
    def manifest(self) -> Manifest:
        """What the poll is about."""
        return self.view.manifest

    @property
    def electorate(self) -> Electorate:
        """Who may vote, as rings."""
        return self.voters.electorate


def check_poll(client: Client, phi: bytes, folder: Path) -> Checked:
    """Fetch a poll and hold it against φ, its board, the group's roster and the registry, pinned in `folder`.

    Raises Refused, naming what fails, also where the group names another registry than the one this member joined.
    """
    view = client.do(poll_calls.poll(phi))
    home = MemberHome(folder, None)
    voters = voters_of(client, view.manifest, folder, home.accept)
    board = board_of(client, view).shape.definition
    return Checked(view, voters, board, election_of(view.manifest, view.trustees))


def check_open(checked: Checked) -> None:
    """Raise NotOpen, which names the state, for a poll in which nobody can vote now."""
    if checked.view.state != "open":
        raise NotOpen(f"the poll is {checked.view.state}: nobody can vote in it now")


def check_voter(checked: Checked, keys: MemberKeys) -> None:
    """Raise NotAVoter unless this member may vote in the poll."""
    if keys.member.public() not in checked.electorate.members:
        raise NotAVoter("this key is not among the poll's voters: it was left out, or registered too late")


def read_summary(client: Client, checked: Checked, keys: MemberKeys) -> Summary:
    """Fetch and open the mediator's summary. One that does not open keeps nobody from voting.

    The server sees whose key ids a summary names and not what is sealed to them, so its maker could choose who can read
    it: if that ended the vote, whoever makes a poll would choose who votes.
    """
    if checked.view.shape.state != "open" or checked.manifest.summary == hash_hex(b""):
        return Summary()  # an urgent poll may have none, and then the server has nothing to give
    sealed = client.do(poll_calls.summary(checked.manifest))
    group, matter = bytes.fromhex(checked.manifest.group_id), bytes.fromhex(checked.manifest.matter)
    try:
        return Summary(open_summary(sealed, keys.sealing, group=group, matter=matter))
    except Refused:
        return Summary(opens=False)


def cast(
    client: Client, checked: Checked, keys: MemberKeys, option: int, admission: Admission, folder: Path
) -> BallotReceipt:
    """Cast a ballot and keep its receipt in `folder`. Again replaces: the later one counts.

    option: a place in the manifest's options. Raises Refused, Declined or Unreachable when nothing was cast; Unsure
    when something may have been, NotLast when it was, and need not be the one that counts; NotKept when it was, and its
    receipt is in the error only. A lost answer is asked for again with the same bytes, which changes nothing.
    """
    check_open(checked)
    # What has a receipt now was cast before; a page that was over then may be before one of another machine's.
    first = max(prepare(folder, checked.manifest) + 1, _page_not_over(checked.manifest, client.now_s()))
    raw = make_cast(checked.manifest, checked.election, checked.electorate, keys.member, option, system)
    answer = _send(client, checked.manifest, raw, admission)
    receipt = read_receipt(checked.manifest, answer)
    if receipt.ballot != ballot_hash(raw):
        raise Unsure(Refused("the server's receipt is for another ballot"))
    try:
        keep_receipt(folder, checked.manifest, answer)
    except Refused as refused:
        raise NotKept(refused.reason, answer) from None
    if receipt.page < first:
        # The board's order is what counts: a server that chose pages freely would choose which ballot counts.
        again = "vote again; if this is said again, look at this machine's clock, and tell a trustee whom you trust"
        raise NotLast(Refused(again))
    return receipt


def _page_not_over(manifest: Manifest, now_s: int) -> int:
    """Give the first page that a ballot can be put on, by this machine's clock, SLACK_S in the server's favour."""
    return max(0, min(now_s - SLACK_S, manifest.closes_at - 1) - manifest.opens_at) // manifest.page_s


def _send(client: Client, manifest: Manifest, raw: bytes, admission: Admission) -> bytes:
    """Post a cast until there is an answer. Raises Unsure for every failure after which the ballot may be in."""
    attempts = Attempts(lambda token: poll_calls.cast(manifest, raw, admission=token))
    try:
        return patiently(client, admission, attempts)
    except (Refused, Declined, Unreachable) as error:
        if not attempts.may_have_arrived:
            raise
        raise Unsure(error) from None
