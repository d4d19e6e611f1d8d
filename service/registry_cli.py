"""`sottovoce registry …`: for who keeps a community's registry of members. Signed here; the server only stores it.

The root key signs the chain. Registrars invite with keys of their own. `publish` sends what the server doesn't have yet
and refuses to go on from a chain it can't verify.
"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from crypto.codes import fingerprint_words
from crypto.entropy import system
from crypto.errors import Refused
from service.cases.joining import invite as make_invitation
from service.cases.registry_statements import (
    Beacon,
    ByRegistrar,
    Freeze,
    Leave,
    Registrars,
    Statement,
)
from service.cases.texts import counted
from service.chain_files import write_private
from service.console import command, emit, hex_id, json_option, one_line, passphrase_option, shown
from service.registry_home import (
    InvitationFile,
    RegistryHome,
    built,
    checked_account,
    day,
    registry_id,
    today,
)
from service.wire import registry_calls
from service.wire.client import Client
from service.wire.failures import Declined
from service.wire.problems import Kind
from service.wire.registry_pins import download
from service.wire.registry_shapes import STATEMENTS_AT_ONCE

server_option = click.option(
    "--server", required=True, help="Address of the server, such as https://example.org."
)
proxy_option = click.option("--proxy", help="SOCKS proxy for Tor, such as socks5h://127.0.0.1:9050.")


@click.group()
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path.home() / ".sottovoce" / "registry",
    show_default="~/.sottovoce/registry",
    help="Folder of the key and the chain.",
)
@passphrase_option
@click.pass_context
def registry(context: click.Context, home: Path, passphrase_file: Path | None) -> None:
    """Keep a community's registry of members: whose voices and votes count."""
    context.obj = RegistryHome(home, passphrase_file)


@registry.command()
@click.option("--name", required=True, help="Name of the community.")
@json_option
@click.pass_obj
@command
def create(home: RegistryHome, name: str, as_json: bool) -> None:
    """Make the root key and the first statement."""
    made = home.found(name)
    words = " ".join(fingerprint_words(made.root.raw))
    emit(
        {"registry": made.id.hex(), "fingerprint": words},
        as_json,
        f"Registry {made.id.hex()}\nIts key in words, for everyone to compare:\n  {words}\n"
        "Keep the key file and its passphrase safe: without them nobody can join or leave.",
    )


@registry.command("new-registrar")
@json_option
@click.pass_obj
@command
def new_registrar(home: RegistryHome, as_json: bool) -> None:
    """Make a registrar's key, in a folder of its own. The root's holder names it with `registrars`."""
    key = home.new_registrar().verify_key()
    words = " ".join(fingerprint_words(key.raw))
    emit(
        {"key": key.raw.hex(), "fingerprint": words},
        as_json,
        f"Registrar's key {key.raw.hex()}\nIn words, to compare with the root's holder:\n  {words}",
    )


@registry.command()
@click.option(
    "--key", "keys", multiple=True, help="A registrar's key, 64 hexadecimal digits; may be repeated."
)
@click.option("--none", is_flag=True, help="Nobody but the root key may invite any more.")
@json_option
@click.pass_obj
@command
def registrars(home: RegistryHome, keys: tuple[str, ...], none: bool, as_json: bool) -> None:
    """Say who may invite from now on, all anew. The root key always may. `list` shows who may now."""
    _, growing = home.growing()
    if bool(keys) == none:
        raise Refused(
            "name all who may invite from now on with --key, or say --none; `sottovoce registry list` shows who may now"
        )
    raw = tuple(hex_id(key, 32, "a registrar's key, as `registry new-registrar` shows it,") for key in keys)
    signed(home, [built(Registrars, on=today(growing.registry), keys=raw)], as_json)


@registry.command()
@click.option("--account", required=True, help="Whom: where and who, as github.com/alice.")
@click.option("--until", required=True, help="The last day it is good for, as 2026-12-31.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="File to write: hand it to that person only.",
)
@click.option("--registry", "registry_hex", help="Id of the registry, for a registrar without its chain.")
@json_option
@click.pass_obj
@command
def invite(
    home: RegistryHome, account: str, until: str, out: Path, registry_hex: str | None, as_json: bool
) -> None:
    """Invite one account, once. You vouch for whom you hand the file to: whoever holds it joins as that account."""
    until = day(until)
    if until < today():
        raise Refused("the invitation's last day is over already")
    if home.has_root:
        rid = home.growing()[1].registry.id
    elif registry_hex is None:
        raise Refused("give the registry's id with --registry")
    else:
        rid = registry_id(registry_hex)
    checked_account(account)  # before anyone types a passphrase
    made = make_invitation(home.signing_key(), rid, account, until=until, entropy=system)
    file = InvitationFile(rid.hex(), account, made)
    write_private(out, msgspec.json.encode(file))
    emit(
        {"account": account, "until": until, "nonce": made.nonce},
        as_json,
        shown(f"Invitation for {account}, good once until {until}. Hand the file to that person only."),
    )


@registry.command()
@click.option("--account", required=True, help="The member's account.")
@click.option("--reason", required=True, help="Why, for everyone to read.")
@json_option
@click.pass_obj
@command
def remove(home: RegistryHome, account: str, reason: str, as_json: bool) -> None:
    """Take a member out without their consent. The reason is public; snapshots frozen before stay as they are."""
    _, growing = home.growing()
    consent = built(ByRegistrar, reason=reason)
    signed(home, [built(Leave, on=today(growing.registry), account=account, consent=consent)], as_json)


@registry.command()
@click.option("--name", required=True, help="Name of the snapshot, as 2026-q1.")
@click.option(
    "--beacon-source", required=True, help="Which public randomness of the future will deal sub-rings."
)
@json_option
@click.pass_obj
@command
def freeze(home: RegistryHome, name: str, beacon_source: str, as_json: bool) -> None:
    """Freeze all members of this moment: voices and polls go by snapshots. Above 255, a beacon has to follow."""
    _, growing = home.growing()
    said = built(Freeze, on=today(growing.registry), name=name, beacon_source=beacon_source)
    signed(home, [said], as_json)


@registry.command()
@click.option("--name", required=True, help="Name of the snapshot.")
@click.option("--value", required=True, help="What the source said after the freeze: 64 hexadecimal digits.")
@json_option
@click.pass_obj
@command
def beacon(home: RegistryHome, name: str, value: str, as_json: bool) -> None:
    """Say the randomness that a snapshot's source promised, once. Everyone can compare it with the source."""
    _, growing = home.growing()
    signed(home, [built(Beacon, on=today(growing.registry), name=name, value=value)], as_json)


@registry.command("list")
@json_option
@click.pass_obj
@command
def list_(home: RegistryHome, as_json: bool) -> None:
    """Show the registry as this folder has it: members, snapshots, registrars. Needs no passphrase."""
    statements, growing = home.growing()
    now = growing.registry
    snapshots = [
        {"name": s.name, "members": len(s.members), "source": s.beacon_source, "beacon": s.beacon is not None}
        for s in now.snapshots
    ]
    result = {
        "registry": now.id.hex(),
        "name": now.name,
        "fingerprint": " ".join(fingerprint_words(now.root.raw)),
        "statements": len(statements),
        "head": now.head.hex(),
        "members": [m.account for m in now.members],
        "snapshots": snapshots,
        "registrars": sorted(key.hex() for key in now.registrars),
    }
    lines = [
        f"{one_line(now.name)}  {now.id.hex()}",
        f"key in words: {result['fingerprint']}",
        f"head: {now.head.hex()}",
        f"{len(now.members)} members:",
    ]
    lines += [f"  {member.account}" for member in now.members]
    lines += [f"snapshot {one_line(str(s['name']))}: {s['members']} members" for s in snapshots]
    lines += [f"registrar {key}" for key in sorted(key.hex() for key in now.registrars)]
    emit(result, as_json, shown("\n".join(lines)))


@registry.command()
@server_option
@proxy_option
@json_option
@command
def find(server: str, proxy: str | None, as_json: bool) -> None:
    """List the registries that a server has. Compare an id with the community before you trust it."""
    with Client(server, proxy=proxy) as client:
        found = client.do(registry_calls.registries()).registries
    text = "\n".join(f"{each.registry}  {one_line(each.name)}" for each in found) or "There are none."
    emit({"registries": found}, as_json, shown(text))


@registry.command()
@server_option
@proxy_option
@json_option
@click.pass_obj
@command
def publish(home: RegistryHome, server: str, proxy: str | None, as_json: bool) -> None:
    """Send the statements that the server doesn't have yet. Needs no passphrase; repeating is harmless."""
    statements, growing = home.growing()
    rid = growing.registry.id
    with Client(server, proxy=proxy) as client:
        try:
            theirs = download(client, rid).growing.links
        except Declined as declined:
            if declined.kind is not Kind.NOT_FOUND:
                raise
            theirs = ()
        if theirs != growing.links[: len(theirs)]:
            raise Refused(
                "The server has statements that this folder has not: another holder of the root key signed too. "
                "Nothing was sent. Fetch their chain.json first."
            )
        pending = statements[len(theirs) :]
        for at in range(0, len(pending), STATEMENTS_AT_ONCE):
            client.do(registry_calls.append_statements(rid, pending[at : at + STATEMENTS_AT_ONCE]))
    emit(
        {"registry": rid.hex(), "sent": len(pending)},
        as_json,
        f"{counted(len(pending), 'statement', 'statements')} sent; the server has all {len(statements)}.",
    )


def signed(home: RegistryHome, said: list[Statement], as_json: bool, *, skipped: int = 0) -> None:
    """Sign statements and say so. skipped: requests that were left out, since they can't be granted."""
    now = home.say(said)
    left_out = f" {skipped} requests can't be granted: see `applications`." if skipped else ""
    emit(
        {
            "registry": now.id.hex(),
            "statements": now.seq + 1,
            "members": len(now.members),
            "head": now.head.hex(),
            "skipped": skipped,
        },
        as_json,
        f"Signed {counted(len(said), 'statement', 'statements')}; "
        f"{counted(len(now.members), 'member', 'members')}.{left_out} "
        "`sottovoce registry publish` sends them.",
    )
