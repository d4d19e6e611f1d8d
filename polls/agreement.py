"""What trustees tell each other between verifying a closed board and decrypting it. SPEC.md §3.7.

The difference of two tallies is somebody's vote. A server may show half of the trustees a board without one ballot and
the other half the board with it; with a malicious trustee's help each half would be a threshold. So every trustee
signs which board they verified, and decrypts only when so many others signed exactly the same that no other board can
have as many. So too before signing that too few voted: else a board cut below the quorum for one of them would give a
second outcome. That a trustee signs one board only is for their memory to keep (`service.booth.trustees`). What
other trustees are said to have signed comes from the server, and is judged here one by one: no false signature, and no
trustee who says something else, stands in the way of those who agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crypto.codes import fingerprint_words
from crypto.errors import Refused
from polls.encoding import decode, encode, hash_hex
from polls.group import E, S
from polls.results import BoardStatement, TrusteeSignature, check_one_signature
from polls.trustees import Trustees
from polls.verify import Closed

Signed = tuple[bytes, bytes]
"""A board statement and its signature, as the texts that trustees send."""


def agreements_needed(size: int, threshold: int) -> int:
    """Give how many of `size` trustees have to sign the same board before one of them decrypts it, own included.

    Two sets of q of n trustees share at least 2q - n. With q = ⌊(n + t - 1) / 2⌋ + 1 that is at least t, and at most
    t - 1 are malicious: one of them is honest, and signs one board only. So no two boards both get q signatures.
    One fewer wouldn't do. It is at least t + 1 and at most n for every t < n; 3 of 3 for t = 2, 4 of 5 for t = 3.
    """
    return (size + threshold - 1) // 2 + 1


def board_statement(closed: Closed[E, S]) -> BoardStatement:
    """Write which board was verified: the poll, the last head, the encrypted tally."""
    return BoardStatement(
        poll=closed.manifest.phi.hex(),
        head=closed.evidence.wire.head.head,
        tally=hash_hex(closed.tally_raw),
    )


def board_name(statement: BoardStatement) -> str:
    """Name a board: SHA-256 of its statement, in hexadecimal. A trustee remembers it, and agrees to no other."""
    return hash_hex(encode(statement))


def board_words(name: str) -> tuple[str, ...]:
    """Write a board's name as 16 words, for trustees to read to each other.

    176 bits, twice those of a key: who makes a board can draw salts until two of them have the same words, which for 8
    words takes 2⁴⁴ tries, and for 16 takes 2⁸⁸.
    """
    raw = bytes.fromhex(name)
    return fingerprint_words(raw) + fingerprint_words(raw[11:] + raw[:11])


@dataclass(frozen=True)
class Agreement:
    """What became of the statements of a board's trustees, by place.

    same: who signed exactly one's own statement, oneself included. other: who signed another board of this poll.
    false: whose statement or signature doesn't hold, which may be the server's doing.
    """

    same: tuple[int, ...]
    other: Mapping[int, BoardStatement]
    false: tuple[int, ...]

    def missing(self, needed: int) -> int:
        """Give how many more have to sign the same, until `needed` have."""
        return max(0, needed - len(self.same))


def weigh(
    trustees: Trustees[E, S], place: int, mine: BoardStatement, said: Mapping[int, Signed]
) -> Agreement:
    """Hold what trustees are said to have signed, by place, against what the one at `place` made and signed.

    One's own counts whatever the server shows of it; another one with one's own valid signature comes back in `other`.
    """
    same, other, false = {place}, dict[int, BoardStatement](), list[int]()
    for at, (text, signature) in sorted(said.items()):
        try:
            statement = read_agreement(trustees, at, mine.poll, text, signature)
        except Refused:
            false.append(at)
            continue
        if statement == mine:
            same.add(at)
        else:
            other[at] = statement
    return Agreement(tuple(sorted(same)), other, tuple(false))


def read_agreement(
    trustees: Trustees[E, S], place: int, poll: str, text: bytes, signature: bytes
) -> BoardStatement:
    """Read a trustee's board statement of this poll; Refused unless the one at `place` signed it. poll: φ in hex."""
    statement = decode(text, BoardStatement, "board statement")
    signed = decode(signature, TrusteeSignature, "signature")
    if signed.owner != place or statement.poll != poll:
        raise Refused("board statement: of another trustee or another poll")
    check_one_signature(trustees, statement, signed)
    return statement
