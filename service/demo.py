"""`sottovoce demo`: a server on SQLite in a folder of its own, two groups, key files, and two walk-throughs to try.

Everything is real but the secrecy of the passphrase, which is printed: the key files of three handlers, a council
member and the alternate group's handlers are made with a light Argon2id, so that the start takes a second, not ten.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

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
from service.cases import rosters
from service.cases.policies import baseline
from service.console import command, write_private
from service.desk.cli import CARD_FILE, KEY_FILE, SETUP_FILE
from service.desk.keys import KIND, HandlerKey
from service.desk.session import Setup
from service.wire import calls
from service.wire.client import Client, Unreachable

PASSPHRASE = "demo"  # noqa: S105 - printed on purpose: these keys guard nothing
LIGHT = Stretching(memory_kib=16 * 1024, passes=1, lanes=1)
GROUPS_FILE = "groups.json"
STARTS_WITHIN_S = 30.0


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
    """Start a demonstration: a server, a group of three handlers, a council, an alternate group."""
    folder = folder.resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _free(port):
        raise Refused("that port is in use: choose another with --port")
    base = f"http://127.0.0.1:{port}"
    signal.signal(
        signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT)
    )  # so that no server is left behind
    server = _serve(folder, port)
    try:
        _wait(server, base)
        group, alternate = _groups(folder, base)
        click.echo(_told(folder, base, group, alternate))
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


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


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


def _groups(folder: Path, base: str) -> tuple[str, str]:
    """Found the groups at the first start; give their ids."""
    known = folder / GROUPS_FILE
    if known.exists():
        group, alternate = msgspec.json.decode(known.read_bytes(), type=tuple[str, str])
        return group, alternate
    write_private(folder / "passphrase.txt", PASSPHRASE.encode())
    other = _found(folder, base, "Foundation review", {"dina": "handler", "emil": "handler"}, None)
    people = {"ada": "handler", "bo": "handler", "cy": "handler", "gil": "council"}
    group = _found(folder, base, "Aurora working group", people, other)
    write_private(known, msgspec.json.encode((group, other)))
    return group, other


def _found(folder: Path, base: str, name: str, people: dict[str, str], alternate: str | None) -> str:
    root = SigningKey(system(32))
    gid = rosters.group_id_of(root.verify_key()).hex()
    chain = chains.empty(root.verify_key(), Label.ROSTER)
    statements: list[rosters.Statement] = [
        rosters.Found(
            name=name, languages=("en",), minimum=2, alternate=alternate, root=root.verify_key().raw
        ),
        rosters.Publish(policy=baseline()),
    ]
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


def _told(folder: Path, base: str, group: str, alternate: str) -> str:
    shown = Path(os.path.relpath(folder))
    run = f"{Path(os.path.relpath(sys.executable)).parent}/sottovoce"
    desk = f"{run} desk --home {shown}/ada --passphrase-file {shown}/passphrase.txt"
    with Client(base) as client:
        roster = client.do(calls.roster(bytes.fromhex(group))).latest
    names = ", ".join(handler.pseudonym for handler in roster.recipients)
    words = " ".join(fingerprint_words(roster.root.raw))
    return f"""
The server answers at {base} (Ctrl-C stops it; all of it is in {shown}/).
Group:     {roster.name} ({names}), id {group}
           its root key in words: {words}
Alternate: id {alternate}

Walk-through 1: file a report and read it. Open {base}/ in a browser, with scripts on or off, or in another terminal:
  {run} report --server {base} --group {group} --leave-out Cy
  {desk} sync
  {desk} list
  {desk} show ID              # the first characters of the id that the list shows

Walk-through 2: answer, and read the answer:
  {desk} ask ID               # opens your editor
  {desk} sync
  {run} mailbox --server {base} --group {group}      # asks for the twelve words of the reply code
                              # or "Return to your report" in the browser
  {desk} sync                 # what the reporter answered

The passphrase of every key file here is "{PASSPHRASE}".
The API describes itself at {base}/v1/openapi.json
"""
