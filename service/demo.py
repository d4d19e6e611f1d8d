"""`sottovoce demo`: a server on SQLite in a folder of its own, two groups, a poll, key files, and walk-throughs to try.

Everything is real but the secrecy of the passphrase, which is printed: the key files of handlers, a council member,
members and trustees are made with a light Argon2id, so that the start takes two seconds, not twenty.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
import msgspec

from crypto import chains
from crypto.codes import fingerprint_words
from crypto.entropy import system
from crypto.errors import Refused
from crypto.keyfiles import Stretching, lock
from crypto.labels import Label
from crypto.secrets import Passphrase
from crypto.signatures import SigningKey
from service import demo_poll
from service.booth.vote_cli import moment
from service.cases import rosters
from service.cases.policies import baseline
from service.chain_files import write_private
from service.console import command
from service.desk.cli import CARD_FILE, KEY_FILE, SETUP_FILE
from service.desk.keys import KIND, HandlerKey
from service.desk.session import Setup
from service.server.listening import check_free
from service.wire import calls
from service.wire.client import Client
from service.wire.failures import Unreachable

PASSPHRASE_FILE = "passphrase.txt"  # noqa: S105
PASSPHRASE = "demo"  # noqa: S105 - printed on purpose: these keys guard nothing
LIGHT = Stretching(memory_kib=16 * 1024, passes=1, lanes=1)
MADE_FILE = "made.json"
COUNCIL = "gil"
STARTS_WITHIN_S = 30.0


class Made(msgspec.Struct, frozen=True):
    """What the first start made: ids, and when the poll closes (seconds since 1970)."""

    group: str
    alternate: str
    registry: str
    poll: str
    closes_at: int


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo-data"),
    show_default=True,
    help="Where everything is kept. Delete it to start anew.",
)
@click.option(
    "--port", type=click.IntRange(1, 65_535), default=8080, show_default=True, help="Port to listen on."
)
@command
def demo(folder: Path, port: int) -> None:
    """Start a demonstration: a server, a group of three handlers, a council, an alternate group, members, a poll."""
    folder = folder.resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"the folder can't be made: {error.strerror}") from None
    check_free("127.0.0.1", port)
    base = f"http://127.0.0.1:{port}"
    signal.signal(signal.SIGTERM, _interrupted)  # so that no server is left behind
    server = _serve(folder, port)
    try:
        _wait(server, base)
        click.echo(_told(folder, base, _made(folder, base)))
        server.wait()
    except KeyboardInterrupt:
        click.echo("Stopping.")
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
    if server.returncode not in {0, -signal.SIGTERM, -signal.SIGINT}:
        raise Refused("the server stopped by itself")


def _interrupted(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt  # not by SIGINT, which a shell has background jobs ignore


def _serve(folder: Path, port: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "SOTTOVOCE_NAME": "Sottovoce demonstration"}
    command_line = [sys.executable, "-m", "service.cli", "serve", "--data", str(folder / "server")]
    options = ["--port", str(port), "--batch-seconds", "0", "--open-groups"]
    return subprocess.Popen([*command_line, *options], env=environment, stdin=subprocess.DEVNULL)


def _wait(server: subprocess.Popen[bytes], base: str) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    with Client(base) as client:
        while time.monotonic() < until and server.poll() is None:
            try:
                client.do(calls.server_info())
            except Unreachable:
                time.sleep(0.1)
            else:
                return
    raise Refused("the server did not start; what it says stands above")


def _made(folder: Path, base: str) -> Made:
    """Make everything at the first start; afterwards, say what was made."""
    known = folder / MADE_FILE
    if known.exists():
        try:
            return msgspec.json.decode(known.read_bytes(), type=Made)
        except msgspec.MsgspecError:
            raise Refused("the demonstration's folder is damaged: delete it to start anew") from None
    if (folder / PASSPHRASE_FILE).exists():
        raise Refused("the first start was interrupted: delete the demonstration's folder to start anew")
    write_private(folder / PASSPHRASE_FILE, PASSPHRASE.encode())
    registry = demo_poll.community(folder, base, PASSPHRASE, LIGHT).hex()
    other = _found(folder, base, "Foundation review", {"dina": "handler", "emil": "handler"})
    people = {"ada": "handler", "bo": "handler", "cy": "handler", COUNCIL: "council"}
    group = _found(folder, base, "Aurora working group", people, alternate=other, registry=registry)
    poll, closes_at = demo_poll.poll(folder, base, COUNCIL, PASSPHRASE, LIGHT)
    made = Made(group, other, registry, poll, closes_at)
    write_private(known, msgspec.json.encode(made))
    return made


def _found(
    folder: Path,
    base: str,
    name: str,
    people: dict[str, str],
    *,
    alternate: str | None = None,
    registry: str | None = None,
) -> str:
    root = SigningKey(system(32))
    gid = rosters.group_id_of(root.verify_key()).hex()
    chain = chains.empty(root.verify_key(), Label.ROSTER)
    statements: list[rosters.Statement] = [
        rosters.Found(
            name=name, languages=("en",), minimum=2, alternate=alternate, root=root.verify_key().raw
        ),
        rosters.Publish(policy=baseline()),
    ]
    if registry is not None:
        statements.append(rosters.Members(registry=registry))
    for person, role in people.items():
        card = _desk(folder / person, base, gid, person.capitalize())
        statements.append(
            rosters.Add(handler=system(16).hex(), role=msgspec.convert(role, rosters.Role), card=card)
        )
    with Client(base) as client:
        for statement in statements:
            chain = chains.append(chain, rosters.encode_statement(statement), root)
            client.do(calls.append_statement(bytes.fromhex(gid), chain.statements[-1].raw))
    key_file = lock(root.reveal(), Passphrase(PASSPHRASE), LIGHT, entropy=system, kind="group root")
    write_private(folder / f"root-{gid[:8]}.key", key_file)
    return gid


def _desk(home: Path, base: str, group: str, name: str) -> rosters.HandlerCard:
    key = HandlerKey.draw(system)
    card = key.card(name)
    write_private(
        home / KEY_FILE, lock(key.payload(), Passphrase(PASSPHRASE), LIGHT, entropy=system, kind=KIND)
    )
    write_private(home / SETUP_FILE, msgspec.json.encode(Setup(base, group, name)))
    write_private(home / CARD_FILE, msgspec.json.encode(card))
    return card


def _told(folder: Path, base: str, made: Made) -> str:
    shown = shlex.quote(os.path.relpath(folder))
    run = shlex.quote(f"{Path(os.path.relpath(sys.executable)).parent}/sottovoce")
    unlocked = f"--passphrase-file {shown}/{PASSPHRASE_FILE}"
    desk = f"{run} desk --home {shown}/ada {unlocked}"
    with Client(base) as client:
        roster = client.do(calls.roster(bytes.fromhex(made.group))).latest
    names = ", ".join(handler.pseudonym for handler in roster.recipients)
    words = " ".join(fingerprint_words(roster.root.raw))
    ada, *_ = demo_poll.MEMBERS
    trustee = f"{run} trustee --home {shown}/trustees/$name {unlocked}"
    return f"""
The server answers at {base} (Ctrl-C stops it; all of it is in {shown}/).
Group:     {roster.name} ({names}), id {made.group}
           its root key in words: {words}
Alternate: id {made.alternate}
Members:   {", ".join(demo_poll.MEMBERS)}, in the registry {made.registry}

Walk-through 1: file a report and read it. Open {base}/ in a browser, with scripts on or off, or in another terminal:
  {run} report --server {base} --group {made.group} --leave-out Cy
                              # --voice {shown}/members/{ada}/member.key adds a member's voice
  {desk} sync
  {desk} list
  {desk} show ID              # the first characters of the id that the list shows
  {desk} web                  # or all of it, and the answer, in a page on this machine

Walk-through 2: answer, and read the answer:
  {desk} ask ID               # opens your editor
  {desk} sync
  {run} mailbox --server {base} --group {made.group}      # asks for the twelve words of the reply code
                              # or "Return to your report" in the browser
  {desk} sync                 # what the reporter answered

Walk-through 3: vote on a sanction, until {moment(made.closes_at)}; {demo_poll.LEFT_OUT} may not, whom it is about:
  {run} vote {made.poll} --server {base} --home {shown}/members/{ada} {unlocked}
                              # the same with two other members, or nothing is opened; --web votes in a page
                              # after the close: all three verify the same board before any of them decrypts
  for name in {demo_poll.DECRYPTING}; do
    {trustee} decrypt --poll {made.poll} --server {base}
  done
  {run} desk --home {shown}/{COUNCIL} {unlocked} result {made.poll}
  {run} desk --home {shown}/{COUNCIL} {unlocked} acknowledge {made.poll}
  {run} desk --home {shown}/{COUNCIL} {unlocked} rollout {made.poll}
                              # what to do now, in which order, and the letters for it

The passphrase of every key file here is "{PASSPHRASE}".
The API describes itself at {base}/v1/openapi.json
"""
