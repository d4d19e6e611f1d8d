"""What a trustee's machine does: steps of the ceremony, proof of a share, agreeing, decrypting, signing, delivering.

Each function does what is due and says what it did, what it waits for, or refuses; repeating is harmless. Everything
that is decrypted or signed was verified here, from the downloaded board and the members' registry that the group's root
key names, and nothing is decrypted before enough trustees signed that they verified the same board; the server's word
is taken for nothing but the order of things.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from crypto.entropy import system
from crypto.errors import Refused
from crypto.seal import DoesNotOpen
from polls import closing
from polls.agreement import Agreement, agreements_needed, board_name, board_statement, board_words, weigh
from polls.audit import Mapper
from polls.encoding import encode, hash_hex
from polls.results import sign_statement
from polls.tally import check_partial
from polls.transcript import Step
from polls.verify import Closed
from service.booth.trustees import Contradiction, TrusteeHome, TrusteeKeys
from service.cases.rosters import RosterHistory
from service.cases.texts import counted
from service.cases.verdicts import Verdict, open_decryption, seal_decryption, seal_verdict
from service.wire import poll_calls, poll_closing_calls
from service.wire.calls import BadAnswer
from service.wire.client import Client
from service.wire.poll_boards import board_of
from service.wire.poll_records import gather
from service.wire.poll_shapes import DefineBoard
from service.wire.poll_views import BoardView, PollView, trustee_signer
from service.wire.poll_voters import Voters, voters_of

_AFTER_CLOSE = ("closed", "decided", "delivered", "acknowledged", "implemented")


@dataclass
class Done:
    """What a command did and what it waits for, in sentences."""

    did: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    words: str = ""
    """The closed board's fingerprint, for trustees to read to each other."""
    trustees: DefineBoard | None = None
    """Who holds the key together with this trustee: their words are to be compared too."""


@dataclass(frozen=True)
class Trustee:
    """An unlocked trustee at a server."""

    home: TrusteeHome
    keys: TrusteeKeys
    client: Client
    mapper: Mapper = map

    def place(self, view: BoardView) -> int:
        """Give one's place on a board, from 1. Refused when not on it."""
        key = self.keys.signing.verify_key().raw
        for place, card in enumerate(view.shape.definition.trustees, 1):
            if card.key == key:
                return place
        raise Refused("trustee: this key is not on that board")

    def step(self, board: bytes) -> Done:
        """Send whatever the ceremony waits for from this trustee."""
        signer = trustee_signer(board, self.keys.signing)
        view = self.client.do(poll_calls.board(board))
        done = Done(trustees=view.shape.definition)
        place = self.place(view)
        while (answer := view.transcript.answer(self.keys.seed, place)) is not None:
            step, message = answer
            self.home.will_say(board, step.value, hash_hex(message))
            view = self.client.do(poll_calls.say(signer, step, message))
            if view.transcript.said[step].get(place) != message:  # else it would be due again, for ever
                raise BadAnswer("the server does not show the message that it was sent")
            done.did.append(f"Sent the {step.value}.")
        if view.transcript.due(place) is Step.DONE:
            done.did.append("This trustee's part of the ceremony is done.")
            if view.transcript.complete(Step.OUTPUT):
                view.transcript.share(self.keys.seed, place)  # Refused unless it is the one published
        names = [card.name for card in view.shape.definition.trustees]
        missing = _missing(view)
        if missing:
            who = ", ".join(names[at - 1] for at in missing)
            done.waits.append(f"Waits for {who}. Run this again then.")
        return done

    def prove(self, phi: bytes) -> Done:
        """Show before a poll opens that the share is still here."""
        view, board, place = self._poll(phi)
        if place in view.shape.proved:
            shown = f"Trustee {place} has shown its share for this poll."
            return Done([shown], _more_to_prove(view), trustees=board.shape.definition)
        if view.state != "waiting":
            raise Refused(f"poll: it is {view.state}; shares are shown before a poll opens")
        # Before anything is shown: with enough proofs a poll opens, whoever its voters are.
        told = self._voters(view).told()
        share = board.transcript.share(self.keys.seed, place)
        proof = closing.prove_share(view.trustees, share, place, phi, system)
        after = self.client.do(poll_closing_calls.prove_share(self._signer(view), phi, proof))
        shown = f"Trustee {place} has shown its share."
        return Done([shown, told], _more_to_prove(after), trustees=board.shape.definition)

    def decrypt(self, phi: bytes, now: int, *, words_compared: bool = False) -> Done:
        """Verify everything, agree on the board, then decrypt, sign and deliver as far as is due.

        Nothing is decrypted, or signed below the quorum, before enough trustees agreed (`polls.agreement`).
        words_compared: the person compared this board's words by voice with every trustee who will decrypt, so that a
        threshold is enough. Refused when this machine never showed the words.
        """
        view, board, place = self._poll(phi)
        if view.state not in _AFTER_CLOSE:
            raise Refused(f"poll: it is {view.state}; trustees decrypt when it has closed")
        if now < view.manifest.closes_at:
            raise Refused("poll: by this machine's clock it has not closed")
        closed, history, told = self.verified(phi)
        did = ["Verified the board, every certificate and every ballot, against the registry.", told]
        done = Done(did, trustees=board.shape.definition)
        tally = hash_hex(closed.tally_raw)
        before, held = self.home.memory().polls.get(phi.hex()), dict[int, bytes]()
        view, found = self._agree(view, closed, place, words_compared, done)
        if not closed.quorum_met:
            # What this trustee signed before, enough had agreed to; and nothing else is signed after it.
            signed = before is not None and before.outcome is not None
            if not signed and not _enough(closed, found, words_compared, done):
                return done
            done.did.append("Below the quorum: nothing was decrypted, and the outcome is no action.")
        else:
            # The server's word for it is harmless: a trustee who is said to have decrypted decrypts nothing.
            if place not in view.shape.decrypted:
                if not _enough(closed, found, words_compared, done):
                    return done
                share = board.transcript.share(self.keys.seed, place)
                partial, _ = closing.decrypt(closed, share, now, system, {phi: tally})
                sealed = seal_decryption(view.trustees, self.keys.seed, phi, partial, system)
                view = self.client.do(poll_closing_calls.post_decryptions(self._signer(view), phi, sealed))
                done.did.append("Sent the partial decryption, sealed to the trustees.")
            held = self._partials(view, closed, done)
            if (missing := view.trustees.threshold - len(held)) > 0:
                awaited = counted(missing, "more trustee", "more trustees")
                done.waits.append(f"Waits for {awaited} to decrypt. Run this again then.")
                return done
        verdict = self._verdict(view, closed, place, held, done)
        if place not in view.shape.signed:
            call = poll_closing_calls.post_statement(
                self._signer(view), phi, verdict.outcome, verdict.outcome_signature
            )
            view = self.client.do(call)
            done.did.append("Signed the outcome.")
        if place not in view.shape.sent:
            council = [each for each in history.latest.active if each.role == "council"]
            copies = [(each.key_id, seal_verdict(verdict, each.seal_key, phi)) for each in council]
            view = self.client.do(poll_closing_calls.post_verdicts(self._signer(view), phi, copies))
            done.did.append(
                f"Sealed the result to the {counted(len(council), 'member', 'members')} of the council."
            )
        missing = view.trustees.threshold - len(view.shape.sent)
        if missing > 0:
            done.waits.append(
                "The council has the result when "
                f"{counted(missing, 'more trustee has', 'more trustees have')} sent it."
            )
        return done

    def verified(self, phi: bytes) -> tuple[Closed[Any, Any], RosterHistory, str]:
        """Download a closed poll and verify all of it up to the tally; Refused for the first thing that fails.

        Also gives the group's roster, and who the voters are and who was left out, in sentences.
        """
        gathered = gather(self.client, phi)
        voters = self._voters(gathered.view)
        closed = gathered.closed(voters.members, self.mapper)
        return closed, voters.history, voters.told()

    def _voters(self, view: PollView) -> Voters:
        """Hold a poll's electorate against the registry that the group's root key names."""
        return voters_of(self.client, view.manifest, self.home.folder, self.home.accept)

    def _poll(self, phi: bytes) -> tuple[PollView, BoardView, int]:
        view = self.client.do(poll_calls.poll(phi))
        board = board_of(self.client, view)
        return view, board, self.place(board)

    def _signer(self, view: PollView) -> Any:
        return trustee_signer(bytes.fromhex(view.shape.board), self.keys.signing)

    def _agree(
        self, view: PollView, closed: Closed[Any, Any], place: int, words_compared: bool, done: Done
    ) -> tuple[PollView, Agreement]:
        """Sign which board was verified, once and for all, and hold what the others signed against it."""
        phi, signer, mine = closed.manifest.phi, self._signer(view), board_statement(closed)
        name = board_name(mine)
        before = self.home.memory().polls.get(phi.hex())
        if words_compared and (before is None or before.agreement is None):
            raise Refused(
                "trustee: this board's words were not shown here yet, so nobody has compared them; run this without "
                "--words-compared first"
            )
        said = self.client.do(poll_closing_calls.agreements(signer, phi))
        found = weigh(closed.trustees, place, mine, said)
        if place in found.other:
            # Signed by this seed and not remembered: the memory is an older one, or the key is in two places.
            raise Contradiction("poll: this trustee signed another board before; nothing was sent")
        self.home.will_tell(phi, tally=hash_hex(closed.tally_raw), agreement=name)
        if place not in view.shape.agreed:
            signature = sign_statement(closed.trustees, self.keys.seed, place, mine, system)
            view = self.client.do(poll_closing_calls.post_agreement(signer, phi, mine, signature))
            done.did.append("Told the other trustees which board was verified.")
        done.words = " ".join(board_words(name))
        for at, theirs in found.other.items():
            done.did.append(
                f"WARNING: trustee {at} signed another board of this poll: either that trustee or the server shows two "
                f"boards. Tell the others. Theirs: {' '.join(board_words(board_name(theirs)))}. Yours: {done.words}."
            )
        for at in found.false:
            done.did.append(
                f"WARNING: what trustee {at} is said to have signed does not hold and was left out."
            )
        return view, found

    def _partials(self, view: PollView, closed: Closed[Any, Any], done: Done) -> dict[int, bytes]:
        """Fetch the decryptions sealed to us; one that doesn't hold is left out, and named if it was signed."""
        phi, held = closed.manifest.phi, dict[int, bytes]()
        for sender, sealed in self.client.do(poll_closing_calls.decryptions(self._signer(view), phi)).items():
            try:
                partial = open_decryption(closed.trustees, self.keys.seed, phi, sender, sealed)
            except (Refused, DoesNotOpen):  # nobody signed it: it may be the server's, and accuses no trustee
                done.did.append(
                    f"WARNING: what trustee {sender} is said to have sent is not signed by them and was left out."
                )
                continue
            try:
                check_partial(closed.election, closed.trustees.keys[sender - 1], closed.tally, partial)
            except Refused:
                done.did.append(f"WARNING: what trustee {sender} sent does not hold and was left out.")
            else:
                held[sender] = partial
        return held

    def _verdict(
        self, view: PollView, closed: Closed[Any, Any], place: int, held: dict[int, bytes], done: Done
    ) -> Verdict:
        decided, false = closing.decide_and_name(closed, held)
        done.did += [f"WARNING: what trustee {at} sent is false and was left out." for at in false]
        outcome, counts = closing.statements(closed, decided)
        self.home.will_tell(
            closed.manifest.phi,
            outcome=hash_hex(encode(outcome)),
            counts=None if counts is None else hash_hex(encode(counts)),
        )
        seed, trustees = self.keys.seed, view.trustees
        return Verdict(
            outcome=outcome,
            outcome_signature=sign_statement(trustees, seed, place, outcome, system),
            counts=counts,
            counts_signature=None
            if counts is None
            else sign_statement(trustees, seed, place, counts, system),
            decryption=None if counts is None or place not in held else held[place].decode(),
        )


def _enough(closed: Closed[Any, Any], found: Agreement, words_compared: bool, done: Done) -> bool:
    """Whether enough trustees agreed for this one to decrypt; says what is missing, or whose word was taken."""
    size, threshold = len(closed.trustees.keys), closed.trustees.threshold
    needed = agreements_needed(size, threshold)
    if not found.missing(needed):
        done.did.append(f"{len(found.same)} of {size} trustees verified the same board.")
        return True
    if words_compared and not found.missing(threshold):
        done.did.append(
            f"Only {len(found.same)} of {size} trustees signed this board. On your word that you compared its words "
            "by voice with every trustee who will decrypt, that was taken as enough."
        )
        return True
    missing = found.missing(threshold if words_compared else needed)
    done.waits.append(
        f"Waits for {counted(missing, 'more trustee', 'more trustees')} to verify the same board. Run this again then."
    )
    return False


def _more_to_prove(view: PollView) -> list[str]:
    """Say how many more have to show their shares before a poll that has not opened."""
    missing = view.shape.proofs_needed - len(view.shape.proved)
    if view.state != "waiting" or missing <= 0:
        return []
    return [f"Waits for {counted(missing, 'more trustee', 'more trustees')}."]


def _missing(view: BoardView) -> list[int]:
    """The places of those that the ceremony waits for."""
    waiting = (Step.WAIT, Step.DONE)
    return [at for at in range(1, view.transcript.size + 1) if view.transcript.due(at) not in waiting]
