"""Who holds a poll's key: its board of trustees, by name and by the words of each card.

Guarantees: the board that is shown is the one whose ceremony made the manifest's key, every message of it signed by the
key of its trustee's card. So the words say whose key it is, if people compare them with what the trustees themselves
read out; the names are only what the maker of the board wrote. A name is one line and stands under the words, so none
can be written to look like a trustee's words.
"""

from __future__ import annotations

from crypto.codes import fingerprint_words
from crypto.errors import Refused
from service.cases.names import under_words
from service.wire import poll_calls
from service.wire.client import Client
from service.wire.poll_shapes import DefineBoard, TrusteeCard
from service.wire.poll_views import BoardView, PollView


def board_of(client: Client, view: PollView) -> BoardView:
    """Fetch a poll's board and replay its ceremony. Refused unless it made the poll's key, for the poll's group."""
    board = client.do(poll_calls.board(bytes.fromhex(view.shape.board)))
    if (board.transcript.board().hash, board.shape.group) != (view.manifest.trustees, view.manifest.group_id):
        raise Refused(
            "poll: its key is not the one that this board made; show nothing, cast nothing, and tell the others"
        )
    return board


def card_words(card: TrusteeCard) -> str:
    """Write the key of a trustee's card as 8 words, for people to compare."""
    return " ".join(fingerprint_words(card.key))


def trustees_told(board: DefineBoard) -> list[str]:
    """Say how many trustees open ballots together, then two lines for each: place and words; name."""
    return [
        f"{board.threshold} of these {len(board.trustees)} trustees together can open ballots. Names are what the "
        "board's maker wrote; the words are of their keys, so ask those you know for theirs:",
        *(
            f"  {place}. {under_words(card_words(card), card.name)}"
            for place, card in enumerate(board.trustees, 1)
        ),
    ]


def trustees_listed(board: DefineBoard) -> list[dict[str, object]]:
    """Give the same for --json."""
    return [
        {"place": place, "name": card.name, "key": card.key.hex(), "words": card_words(card)}
        for place, card in enumerate(board.trustees, 1)
    ]
