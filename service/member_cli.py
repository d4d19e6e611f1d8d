"""`sottovoce member …`: a community member's own keys, and how the registry lists them.

The keys stay in the folder, under a passphrase. What the keeper signed is checked here, so that nobody is listed with
keys that aren't theirs unnoticed. Asking the keeper is member_asking.py.
"""

from __future__ import annotations

from pathlib import Path

import click

from crypto.errors import Refused
from service.cases.registry import Registry
from service.console import command, emit, json_option, passphrase_option, shown
from service.member_home import MemberHome
from service.member_keys import HOME
from service.registry_cli import proxy_option, server_option
from service.wire.client import Client


@click.group()
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=HOME,
    show_default="~/.sottovoce/member",
    help="Folder of the key.",
)
@passphrase_option
@click.pass_context
def member(context: click.Context, home: Path, passphrase_file: Path | None) -> None:
    """Join the community's registry, to add your voice to reports and to vote."""
    context.obj = MemberHome(home, passphrase_file)


@member.command()
@json_option
@click.pass_obj
@command
def new(home: MemberHome, as_json: bool) -> None:
    """Make your keys. Keep file and passphrase: whoever has both can speak as you, and tell what you said."""
    public = home.new().member.public().raw.hex()
    emit(
        {"member_key": public},
        as_json,
        f"Member key {public}\nNow ask to be listed: `sottovoce member apply --help`.",
    )


@member.command()
@server_option
@proxy_option
@json_option
@click.pass_obj
@command
def check(home: MemberHome, server: str, proxy: str | None, as_json: bool) -> None:
    """Download the registry, verify all of it, and say how you are listed. Needs no passphrase; do it now and then."""
    rid, account = listed(home)
    state, following = home.state(), home.following()
    with Client(server, proxy=proxy) as client:
        registry = home.registry(client, state)
    found = registry.member(account)
    if found is None:
        status, text = "absent", "You are not listed."
    elif found.member_key == state.public:
        status, text = "member", "You are listed with your key."
    elif following is not None and found.member_key == following.public:
        state = home.take_over()
        status, text = "rotated", "You are listed with your new key. The old one stays beside it."
    else:
        raise Refused(
            "Your account is listed with a key that is not in this folder. If you made it elsewhere, use that "
            "folder; if not, somebody joined in your name: tell the registry's keeper and everyone."
        )
    speaks = [s.name for s in registry.snapshots if any(m.member_key == state.public for m in s.members)]
    earlier = [
        s.name
        for s in registry.snapshots
        if s.name not in speaks and home.keeps_old_of(m.member_key for m in s.members)
    ]
    result = {
        "status": status,
        "registry": rid.hex(),
        "name": registry.name,
        "account": account,
        "statements": registry.seq + 1,
        "head": registry.head.hex(),
        "members": len(registry.members),
        "snapshots": speaks,
        "snapshots_with_old_keys": earlier,
    }
    lines = [
        text,
        *registry_lines(registry),
        f"Snapshots with you: {', '.join(speaks) or 'none yet; voices and polls go by snapshots'}.",
    ]
    if earlier:
        lines.append(
            f"Snapshots with a key that you replaced: {', '.join(earlier)}. `vote` finds it here by itself."
        )
    emit(result, as_json, shown("\n".join(lines)))


def registry_lines(registry: Registry) -> list[str]:
    """Say which registry was verified. Its keeper wrote the name: no line begins with it, nor does it begin one."""
    return [
        f"The registry {registry.name!r}: {len(registry.members)} members, {registry.seq + 1} statements, all of "
        "them verified.",
        f"Head {registry.head.hex()}: the same for everybody who looks now.",
    ]


@member.command()
@json_option
@click.pass_obj
@command
def show(home: MemberHome, as_json: bool) -> None:
    """Show what is public of your keys. Needs no passphrase and no server."""
    state, following = home.state(), home.following()
    result = {
        "member_key": state.member_key,
        "registry": state.registry,
        "account": state.account,
        "next_key": None if following is None else following.member_key,
    }
    lines = [
        f"member key {state.member_key}",
        f"account {state.account or 'none yet'}",
        f"registry {state.registry or 'none yet'}",
    ]
    if following is not None:
        lines.append(f"new key that waits {following.member_key}")
    emit(result, as_json, shown("\n".join(lines)))


def listed(home: MemberHome) -> tuple[bytes, str]:
    """Where the keys were asked to be listed."""
    state = home.state()
    if state.registry is None or state.account is None:
        raise Refused("these keys belong to no registry yet: `sottovoce member apply`")
    return bytes.fromhex(state.registry), state.account
