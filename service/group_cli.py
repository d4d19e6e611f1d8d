"""`sottovoce group …`: for who holds a group's root key. Everything is signed here; the server only stores it.

A folder holds the root key under a passphrase (`root.key`) and the chain of statements (`chain.json`). Statements are
signed offline; `publish` sends what the server doesn't have yet and refuses to go on from a chain it can't verify.
"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from crypto import chains
from crypto.codes import fingerprint_words
from crypto.entropy import system
from crypto.errors import Refused
from crypto.keyfiles import lock
from crypto.labels import Label
from crypto.signatures import SigningKey
from service.cases import rosters
from service.cases.policies import baseline, decode_policy
from service.cases.texts import counted
from service.chain_files import read_whole, write_private
from service.console import (
    command,
    emit,
    hex_id,
    json_option,
    passphrase_option,
    read_passphrase,
    say,
    server_options,
    shown,
)
from service.group_home import (
    KEY_FILE,
    KIND,
    append,
    card_of,
    named,
    read_chain,
    shortage,
    statement,
    verified,
    write_chain,
)
from service.wire import calls
from service.wire.client import Client
from service.wire.failures import Declined
from service.wire.problems import Kind

MAX_POLICY = 512 * 1_024


@click.group()
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path.home() / ".sottovoce" / "group",
    show_default="~/.sottovoce/group",
    help="Folder of the root key and the chain.",
)
@passphrase_option
@click.pass_context
def group(context: click.Context, home: Path, passphrase_file: Path | None) -> None:
    """Found a working group and say who is in it, with its root key."""
    context.obj = (home, passphrase_file)


@group.command()
@click.option("--name", required=True, help="Name that reporters see.")
@click.option(
    "--language", "languages", multiple=True, required=True, help="A language tag; may be repeated."
)
@click.option(
    "--minimum", type=click.IntRange(1, 32), default=2, show_default=True, help="Fewest recipients."
)
@click.option("--alternate", help="Id of the group that takes reports when too few are left.")
@json_option
@click.pass_context
@command
def create(
    context: click.Context,
    name: str,
    languages: tuple[str, ...],
    minimum: int,
    alternate: str | None,
    as_json: bool,
) -> None:
    """Make the root key and the first statement."""
    home, passphrase_file = context.obj
    if (home / KEY_FILE).exists():
        raise Refused("there is a root key here already; it was not touched")
    root = SigningKey(system(SigningKey.SIZE))
    found = statement(
        rosters.Found,
        name=name,
        languages=languages,
        minimum=minimum,
        alternate=None if alternate is None else hex_id(alternate, 16, "a group's id").hex(),
        root=root.verify_key().raw,
    )
    rosters.check_new(None, found)
    chain = chains.append(
        chains.empty(root.verify_key(), Label.ROSTER), rosters.encode_statement(found), root
    )
    history = verified(chain)
    passphrase = read_passphrase(passphrase_file, "New passphrase", confirm=True)
    write_private(home / KEY_FILE, lock(root.reveal(), passphrase, entropy=system, kind=KIND))
    write_chain(home, history.latest.group, chain)
    words = " ".join(fingerprint_words(root.verify_key().raw))
    emit(
        {"group": history.latest.group.hex(), "fingerprint": words},
        as_json,
        f"Group {history.latest.group.hex()}\nIts key in words, for everyone to compare:\n  {words}\n"
        "Keep the key file and its passphrase safe: without them nobody can be added or retired.",
    )


@group.command()
@click.option(
    "--card", type=click.Path(path_type=Path), required=True, help="The card that `desk init` made."
)
@click.option(
    "--role",
    type=click.Choice(["handler", "council", "mediator"]),
    default="handler",
    show_default=True,
    help="Role.",
)
@json_option
@click.pass_context
@command
def add(context: click.Context, card: Path, role: str, as_json: bool) -> None:
    """Add a handler, council member or mediator by the card they made. Compare its words with them first."""
    read = card_of(card)
    append(context, statement(rosters.Add, handler=system(16).hex(), role=role, card=read), as_json, read)


@group.command()
@click.argument("name")
@click.option("--card", type=click.Path(path_type=Path), required=True, help="The handler's new card.")
@json_option
@click.pass_context
@command
def rotate(context: click.Context, name: str, card: Path, as_json: bool) -> None:
    """Give a handler new keys, by the card that `desk rotate` made. Compare its words with them first.

    They go on with all their reports: their key file keeps the former keys. Whoever lost it makes a new desk with `desk
    init`, which opens nothing that was sealed to the lost keys; a colleague can forward it to them.
    """
    handler = named(context, name)
    read = card_of(card)
    append(context, rosters.Rotate(handler=handler, card=read), as_json, read)


@group.command()
@click.argument("name")
@json_option
@click.pass_context
@command
def retire(context: click.Context, name: str, as_json: bool) -> None:
    """Take a handler out of the group. They lose access at once when it is published."""
    append(context, rosters.Retire(handler=named(context, name)), as_json)


@group.command("settings")
@click.option("--name", help="New name.")
@click.option("--language", "languages", multiple=True, help="All languages anew; may be repeated.")
@click.option("--minimum", type=click.IntRange(1, 32), help="Fewest recipients.")
@click.option("--alternate", help="Id of the alternate group, or `none`.")
@json_option
@click.pass_context
@command
def settings(
    context: click.Context,
    name: str | None,
    languages: tuple[str, ...],
    minimum: int | None,
    alternate: str | None,
    as_json: bool,
) -> None:
    """Change the group's name, languages, minimum or alternate group."""
    if name is None and not languages and minimum is None and alternate is None:
        raise Refused("say what to change: --name, --language, --minimum or --alternate")
    now = verified(read_chain(context.obj[0])).latest
    kept = now.alternate.hex() if now.alternate else "none"
    named = kept if alternate is None else alternate
    said = statement(
        rosters.Settings,
        name=now.name if name is None else name,
        languages=languages or now.languages,
        minimum=minimum or now.minimum,
        alternate=None if named == "none" else hex_id(named, 16, "a group's id").hex(),
    )
    append(context, said, as_json)


@group.command()
@click.option(
    "--file", "path", type=click.Path(path_type=Path), help="Policy as JSON. Default: the universal baseline."
)
@click.option(
    "--example", is_flag=True, help="Print the baseline as JSON to start from, and do nothing else."
)
@json_option
@click.pass_context
@command
def policy(context: click.Context, path: Path | None, example: bool, as_json: bool) -> None:
    """Publish what is conduct to act on, the criteria and the consequences. A policy only adds to the baseline."""
    if example:
        say(msgspec.json.format(msgspec.json.encode(baseline()), indent=2).decode())
        return
    read = baseline() if path is None else decode_policy(read_whole(path, MAX_POLICY))
    append(context, rosters.Publish(policy=read), as_json)


@group.command()
@click.option("--registry", help="Id of the registry, as `sottovoce registry list` shows it.")
@click.option("--none", "no_registry", is_flag=True, help="No member's voice counts any more.")
@json_option
@click.pass_context
@command
def members(context: click.Context, registry: str | None, no_registry: bool, as_json: bool) -> None:
    """Name the registry of community members whose voices count for this group."""
    if (registry is None) != no_registry:
        raise Refused("give either --registry or --none")
    named = None if registry is None else hex_id(registry, 32, "a registry's id").hex()
    append(context, statement(rosters.Members, registry=named), as_json)


@group.command()
@json_option
@click.pass_context
@command
def show(context: click.Context, as_json: bool) -> None:
    """Show the group as this folder has it. Needs no passphrase."""
    now = verified(read_chain(context.obj[0])).latest
    words = " ".join(fingerprint_words(now.root.raw))
    people = [
        {"name": h.pseudonym, "role": h.role, "active": h.active, "key": h.key_id.hex(), "id": h.id.hex()}
        for h in now.handlers
    ]
    result = {
        "group": now.group.hex(),
        "name": now.name,
        "languages": now.languages,
        "minimum": now.minimum,
        "alternate": now.alternate.hex() if now.alternate else None,
        "fingerprint": words,
        "statements": now.seq + 1,
        "policy": now.policy is not None,
        "registry": now.registry.hex() if now.registry else None,
        "people": people,
    }
    lines = [
        f"{now.name}  {now.group.hex()}",
        f"key in words: {words}",
        f"minimum of recipients: {now.minimum}",
        f"registry of members: {now.registry.hex() if now.registry else 'none'}",
    ]
    for person in people:
        lines.append(f"  {person['name']} ({person['role']}{'' if person['active'] else ', retired'})")  # noqa: PERF401
    emit(result, as_json, shown("\n".join([*lines, *shortage(now)])))


@group.command()
@server_options
@json_option
@click.pass_context
@command
def publish(context: click.Context, server: str, proxy: str | None, as_json: bool) -> None:
    """Send the statements that the server doesn't have yet. Needs no passphrase; repeating is harmless."""
    chain = read_chain(context.obj[0])
    ours = verified(chain)
    gid = ours.latest.group
    with Client(server, proxy=proxy) as client:
        try:
            theirs = client.do(calls.roster(gid))
        except Declined as declined:
            if declined.kind is not Kind.NOT_FOUND:
                raise
            theirs = None
        have = 0 if theirs is None else len(theirs.rosters)
        if theirs is not None and (
            have > len(ours.rosters) or ours.rosters[have - 1].digest != theirs.latest.digest
        ):
            raise Refused(
                "The server has statements that this folder has not: another holder of the root key signed too. "
                "Nothing was sent. Fetch their chain.json first."
            )
        for statement in chain.statements[have:]:
            client.do(calls.append_statement(gid, statement.raw))
    sent = len(chain.statements) - have
    emit(
        {"group": gid.hex(), "sent": sent},
        as_json,
        f"{counted(sent, 'statement', 'statements')} sent; the server has all {have + sent}.",
    )
