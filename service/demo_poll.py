"""What the demonstration has for voices and votes: a registry of seven members, a board of three trustees, a poll.

Nothing here is special to the demonstration but the light passphrase and the haste: it does what docs/members.md and
docs/polls.md have people do over days, with the same parts, and over the same HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from crypto import chains
from crypto.entropy import system
from crypto.keyfiles import Stretching, lock, unlock
from crypto.labels import Label
from crypto.secrets import Passphrase
from crypto.signatures import SigningKey
from service import member_keys
from service.booth.trustees import CARD_FILE, TrusteeHome, TrusteeKeys
from service.booth.trustees import KEY_FILE as TRUSTEE_FILE
from service.booth.trustees import KIND as TRUSTEE_KIND
from service.booth.trustees_work import Trustee
from service.cases.joining import apply, invite, registry_id_of
from service.cases.registry_statements import Beacon, Found, Freeze, Join, Statement, encode_statement
from service.chain_files import write_private, write_whole
from service.desk.cli import KEY_FILE, SETUP_FILE, STORE_FILE
from service.desk.keys import KIND, HandlerKey
from service.desk.polls import create
from service.desk.session import Session, Setup
from service.desk.sync import sync
from service.desk.vault import Vault
from service.member_home import STATE, MemberState
from service.member_keys import MemberKeys
from service.registry_home import CHAIN_FILE, ROOT_FILE, ROOT_KIND
from service.wire import poll_calls, registry_calls
from service.wire.client import Client
from service.wire.poll_shapes import DefineBoard
from service.wire.registry_pins import save_chain

MEMBERS: Final = ("ada", "bo", "cy", "fay", "gus", "hal", "ida")
LEFT_OUT: Final = "cy"
TRUSTEES: Final = ("tess", "uma", "vic")
DECRYPTING: Final = "tess uma vic tess uma"
"""Who runs `trustee decrypt`, in order: with the third all have verified the board, from there on each decrypts, and
the last two have a threshold's decryptions at hand, so that both sign and send the council its result."""
QUORUM: Final = 3
_SNAPSHOT: Final = "demo"
_OPENS_IN_S: Final = 15  # until then the trustees have to show their shares
_OPEN_FOR_S: Final = 15 * 60

_POLL: Final = """\
question = "Which action, if any, should the council take?"
matter = "{matter}"
board = "{board}"
snapshot = "{snapshot}"
left_out = ["{left_out}"]
summary = "summary.txt"
conduct = ["harassment"]
quorum = {quorum}
opens_at = {opens_at}
closes_at = {closes_at}
page_minutes = 1

[[measures]]
text = "Written warning"
review_after_days = 90

[[measures]]
text = "Three-month suspension"
review_after_days = 100
"""
_SUMMARY: Final = """\
Two members describe remarks in the chat that went on after they had asked for them to stop. Two talks with everybody
led to an apology, and three weeks later to the same remarks again. This summary is an example: nobody did any of it.
"""


def account(name: str) -> str:
    """Give the account under which the registry lists a member of the demonstration."""
    return f"example.org/{name}"


def community(folder: Path, base: str, passphrase: str, stretching: Stretching) -> bytes:
    """Found a registry, let everybody join by invitation, freeze a snapshot, publish. Gives the registry's id."""
    root, day = SigningKey(system(SigningKey.SIZE)), datetime.now(UTC).date().isoformat()
    registry = registry_id_of(root.verify_key())
    said: list[Statement] = [Found(day, "Aurora", root.verify_key().raw)]
    for name in MEMBERS:
        keys, home = MemberKeys.draw(system), folder / "members" / name
        locked = lock(
            keys.payload(), Passphrase(passphrase), stretching, entropy=system, kind=member_keys.KIND
        )
        write_private(home / member_keys.FILE, locked)
        state = MemberState(keys.member.public().raw.hex(), registry.hex(), account(name))
        write_whole(home / STATE, msgspec.json.encode(state))
        application = apply(registry, account(name), keys.member, keys.sealing.public_key(), entropy=system)
        said.append(Join(day, application, invite(root, registry, account(name), until=day, entropy=system)))
    said += [
        Freeze(day, _SNAPSHOT, "drawn at home: a demonstration"),
        Beacon(day, _SNAPSHOT, system(32).hex()),
    ]
    chain = chains.empty(root.verify_key(), Label.REGISTRY)
    for statement in said:
        chain = chains.append(chain, encode_statement(statement), root)
    statements = [each.raw for each in chain.statements]
    with Client(base) as client:
        client.do(registry_calls.append_statements(registry, statements))
    locked = lock(root.reveal(), Passphrase(passphrase), stretching, entropy=system, kind=ROOT_KIND)
    write_private(folder / "registry" / ROOT_FILE, locked)
    save_chain(folder / "registry" / CHAIN_FILE, registry, statements)
    return registry


def poll(folder: Path, base: str, council: str, passphrase: str, stretching: Stretching) -> tuple[str, int]:
    """Make a board and its key, create a poll at a council member's desk, have shares shown.

    Gives the poll's id and when it closes, in seconds since 1970.
    """
    homes = [_trustee(folder / "trustees" / name, name, passphrase, stretching) for name in TRUSTEES]
    desk = folder / council
    payload = unlock((desk / KEY_FILE).read_bytes(), Passphrase(passphrase), kind=KIND)
    setup = msgspec.json.decode((desk / SETUP_FILE).read_bytes(), type=Setup)
    key = HandlerKey.from_payload(payload)
    vault = Vault(desk / STORE_FILE, key.store_key())
    try:
        with Client(base) as client:
            session = Session(vault, key, setup, system)
            sync(session, client, int(time.time()))
            return _poll(session, client, desk, homes)
    finally:
        vault.close()


def _trustee(
    folder: Path, name: str, passphrase: str, stretching: Stretching
) -> tuple[TrusteeHome, TrusteeKeys]:
    home, keys = TrusteeHome(folder, None), TrusteeKeys.draw(system)
    locked = lock(keys.payload(), Passphrase(passphrase), stretching, entropy=system, kind=TRUSTEE_KIND)
    home.begin_memory()
    write_private(folder / TRUSTEE_FILE, locked)
    write_whole(folder / CARD_FILE, msgspec.json.encode(keys.card(name.capitalize())))
    return home, keys


def _poll(
    session: Session, client: Client, desk: Path, homes: Sequence[tuple[TrusteeHome, TrusteeKeys]]
) -> tuple[str, int]:
    trustees = [Trustee(home, keys, client) for home, keys in homes]
    cards = tuple(home.card() for home, _ in homes)
    board = client.do(poll_calls.define_board(session.signer, DefineBoard("Aurora's trustees", 2, cards)))
    while [waits for trustee in trustees for waits in trustee.step(board).waits]:
        pass  # each takes its turn until nobody waits
    opens_at = int(time.time()) + _OPENS_IN_S
    closes_at = opens_at + _OPEN_FOR_S
    write_whole(desk / "summary.txt", _SUMMARY.encode())
    file = _POLL.format(
        matter=system(32).hex(),
        board=board.hex(),
        snapshot=_SNAPSHOT,
        left_out=account(LEFT_OUT),
        quorum=QUORUM,
        opens_at=datetime.fromtimestamp(opens_at, UTC).isoformat(),
        closes_at=datetime.fromtimestamp(closes_at, UTC).isoformat(),
    )
    write_whole(desk / "poll.toml", file.encode())
    phi = create(session, client, desk, desk / "poll.toml").manifest.phi
    for trustee in trustees:
        trustee.prove(phi)
    return phi.hex(), closes_at
