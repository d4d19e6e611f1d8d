"""What casting costs the server, and what it leaves for everybody else.

    python -m bench.casting [--store sqlite|redis|both] [--seconds 30] [--json]

For electorates of 31 and of 1,000 (whose rings have up to 192 members): how long one check of a cast takes alone on
this machine (the floor), how many casts a second the server takes when they come as fast as they are answered, and
how long reports wait while 100 ballots a minute are cast, next to how long they wait without. Wanted: at least 0.5
of the floor's rate, and reports' p99 under 100 ms. Load comes from this process and competes with the server.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.intake import post, prepared
from bench.load import flat_out, paced
from polls.casting import check_cast
from service.cases.rosters import Members
from service.wire import calls
from service.wire.client import AsyncClient
from service.wire.puzzles import solve
from tests.support.communities import Community
from tests.support.groups import Group
from tests.support.redis_server import DURABLE, redis_server
from tests.support.server_polls import ServerPoll
from tests.support.timed_server import TimedServer, timed_server

PER_MINUTE = 100
REPORTS_PER_S = 40
FLAT_OUT = 60


async def opened(server: TimedServer, group: Group, community: Community) -> ServerPoll:
    """An open poll; its client is closed."""
    async with AsyncClient(server.base, clock=server.clock) as client:
        for statement in group.chain.statements:
            await client.do(calls.append_statement(group.id, statement.raw))
        await community.publish(client)
        poll = await ServerPoll.ready(client, server.clock, group, community)
    server.forward(61)
    return poll


async def tokens(server: TimedServer, group: Group, count: int) -> list[str]:
    """Be admitted so many times."""
    async with AsyncClient(server.base) as client:
        return [solve(await client.do(calls.challenge(group.id, "casts"))) for _ in range(count)]


def checking_ms(poll: ServerPoll, raws: Sequence[bytes]) -> float:
    """The median time of one check, alone."""
    took = []
    for raw in raws:
        begun = time.perf_counter()
        check_cast(poll.manifest, poll.election, poll.electorate, raw)
        took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1_000


async def beside(
    server: TimedServer, reports: Sequence[bytes], casts: Sequence[bytes]
) -> tuple[list[float], list[float]]:
    """Reports at their rate and casts at theirs, at the same time; seconds that each waited."""
    waited, cast = await asyncio.gather(
        paced(server.port, reports, REPORTS_PER_S),
        paced(server.port, casts, PER_MINUTE / 60) if casts else asyncio.sleep(0, []),
    )
    return sorted(waited), sorted(cast)


def at(times: Sequence[float], part: float) -> float:
    return times[min(len(times) - 1, int(len(times) * part))] * 1_000


def measure(store: str, members: int, seconds: int, folder: Path) -> dict[str, float]:
    """Measure one store and electorate."""
    community = Community.draw(members + 1)
    group = Group.draw(council=["Zoe"])
    group.say(Members(registry=community.id.hex()))
    slow = seconds * PER_MINUTE // 60
    with contextlib.ExitStack() as stack:
        url = None
        if store == "redis":
            url = stack.enter_context(redis_server(folder / "redis", DURABLE)).url
        server = stack.enter_context(timed_server(folder / "server", redis_url=url))
        poll = asyncio.run(opened(server, group, community))
        voters = list(community.keys)[1:]
        raws = [poll.make(voters[n % len(voters)], n % 4) for n in range(slow + FLAT_OUT)]
        path = f"/v1/polls/{poll.phi.hex()}/casts"
        admitted = asyncio.run(tokens(server, group, len(raws)))
        casts = [post(path, raw, token) for raw, token in zip(raws, admitted, strict=True)]
        envelopes = [group.seal(b"what happened" * 100) for _ in range(2 * seconds * REPORTS_PER_S)]
        reports = asyncio.run(prepared(server, group, envelopes))
        half = len(reports) // 2
        check_ms = checking_ms(poll, raws[:20])
        alone, _ = asyncio.run(beside(server, reports[:half], []))
        waited, cast = asyncio.run(beside(server, reports[half:], casts[:slow]))
        reached = asyncio.run(flat_out(server.port, casts[slow:]))
    return {
        "members": float(members),
        "check_ms": check_ms,
        "floor_casts_per_s": 1_000 / check_ms,
        "casts_per_s": reached,
        "ratio": reached * check_ms / 1_000,
        "cast_p50_ms": at(cast, 0.5),
        "cast_p99_ms": at(cast, 0.99),
        "report_p99_alone_ms": at(alone, 0.99),
        "report_p50_ms": at(waited, 0.5),
        "report_p99_ms": at(waited, 0.99),
    }


def main() -> None:
    """Measure and print; exit 1 when a wanted number is missed."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--store", choices=["sqlite", "redis", "both"], default="both")
    options.add_argument("--members", type=int, nargs="+", default=[31, 1_000])
    options.add_argument("--seconds", type=int, default=30)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    results = {}
    for store in ["sqlite", "redis"] if chosen.store == "both" else [chosen.store]:
        for members in chosen.members:
            with tempfile.TemporaryDirectory() as folder:
                found = measure(store, members, chosen.seconds, Path(folder))
            results[f"{store}, {members} members"] = found
            if not chosen.json:
                print(f"{store}, {members} members")
                for name, value in found.items():
                    print(f"  {name:22} {value:10.2f}")
    if chosen.json:
        print(json.dumps(results))
    missed = [name for name, r in results.items() if r["ratio"] < 0.5 or r["report_p99_ms"] >= 100]
    if missed:
        sys.exit(f"missed: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
