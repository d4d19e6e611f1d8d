"""What attacks on polls have in common: the stores that they are made on, and what a store holds of the votes."""

from __future__ import annotations

import pytest

from service.server.polls_records import Ballot, Voter
from service.server.records import decode
from tests.support.inprocess import World
from tests.support.server_polls import ServerPoll

ON_BOTH = pytest.mark.parametrize(
    "kept", ["sqlite", pytest.param("redis", marks=pytest.mark.redis)], indirect=True
)


async def stored(world: World, poll: ServerPoll) -> tuple[list[Voter], dict[str, Ballot]]:
    """The voters and ballots that the store holds."""
    rows = await world.rows(poll.partition)
    voters = [decode(value, Voter) for name, value in rows.items() if name.startswith(b"voter/")]
    found = {
        name[-32:].hex(): decode(value, Ballot) for name, value in rows.items() if name.startswith(b"ballot/")
    }
    return voters, found
