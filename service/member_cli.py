"""`sottovoce member …`: a community member's own keys, and asking the registry's keeper to list them.

Nothing that leaves this machine is secret: applications, signatures, consents. The keys stay in the folder, under a
passphrase. What the keeper signed is checked here, so that nobody is listed with keys that aren't theirs unnoticed.
"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from crypto.entropy import system
from crypto.errors import Refused
from service.cases.asking import Ask, AskJoin, AskLeave, AskRotate, ask_digest, encode_ask
from service.cases.joining import (
    NAMESPACE,
    application_text,
    apply,
    checked_invitation,
    checked_ssh,
    consent_to_leave,
    consent_to_replace,
)
from service.cases.registry import Registry
from service.cases.registry_statements import Application, BySsh
from service.cases.ssh_signatures import MAX_ARMOR, MAX_LINE, SshKey
from service.chain_files import read_whole
from service.console import command, emit, json_option, passphrase_option, shown, write_private
from service.member_home import MemberHome
from service.member_keys import HOME, MemberKeys
from service.registry_cli import proxy_option, server_option
from service.registry_home import MAX_SMALL, InvitationFile, built, registry_id, today
from service.wire import registry_calls
from service.wire.admitting import Admission
from service.wire.client import Client
from service.wire.patience import patiently

_NO_GROUP = bytes(16)
_out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write the request to this file, for the keeper, instead of sending it.",
)
_where_option = click.option("--server", help="Address of the server to send the request to.")


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


@member.command("apply")
@click.option("--registry", "registry_hex", help="Id of the registry, as its keeper tells it.")
@click.option("--account", help="Where and who you are, as github.com/alice.")
@click.option("--invitation", type=click.Path(path_type=Path), help="The file that a registrar gave you.")
@click.option("--signature", type=click.Path(path_type=Path), help="What ssh-keygen wrote: to-sign.txt.sig.")
@click.option("--ssh-key", type=click.Path(path_type=Path), help="Your public key, as ~/.ssh/id_ed25519.pub.")
@click.option("--published-at", help="Where anyone sees that it is your account's key.")
@click.option(
    "--replace", is_flag=True, help="You are listed with keys that you lost: these take their place."
)
@_where_option
@proxy_option
@_out_option
@json_option
@click.pass_obj
@command
def apply_(
    home: MemberHome,
    registry_hex: str | None,
    account: str | None,
    invitation: Path | None,
    signature: Path | None,
    ssh_key: Path | None,
    published_at: str | None,
    replace: bool,
    server: str | None,
    proxy: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Ask to be listed: with an invitation, or with an SSH signature in two steps.

    First `apply --registry … --account …` shows a text to sign with ssh-keygen; then `apply --signature … --ssh-key …
    --published-at …` sends it.
    """
    kind = AskRotate if replace else AskJoin
    if invitation is not None:
        file = _invitation(invitation)
        rid = bytes.fromhex(file.registry)
        application = _application(rid, file.account, home.keys())
        checked_invitation(application, file.invitation, rid, today())
        home.belongs(rid, file.account)
        _deliver(rid, kind(application, file.invitation), server, proxy, out, as_json)
    elif signature is not None:
        if ssh_key is None or published_at is None:
            raise Refused("a signature needs --ssh-key and --published-at")
        application = home.prepared()
        key = SshKey.parse_line(_text(ssh_key, MAX_LINE).strip())
        identity: BySsh = built(
            BySsh, key=key.line, published_at=published_at, signature=_text(signature, MAX_ARMOR)
        )
        checked_ssh(application, identity)
        rid = bytes.fromhex(application.registry)
        home.belongs(rid, application.account)
        _deliver(rid, kind(application, identity), server, proxy, out, as_json)
    elif registry_hex is not None and account is not None:
        application = _application(registry_id(registry_hex), account, home.keys())
        text = application_text(application)
        path = home.prepare(application, text)
        emit(
            {"text": text.decode(), "file": str(path), "namespace": NAMESPACE},
            as_json,
            shown(
                f"{text.decode()}\nThis is in {path}. Sign it with a key that your account publishes:\n"
                f"  ssh-keygen -Y sign -n {NAMESPACE} -f ~/.ssh/id_ed25519 {path}\n"
                "Then: sottovoce member apply --signature … --ssh-key … --published-at … --server …"
            ),
        )
    else:
        raise Refused("give --invitation, or --registry and --account, or --signature: see --help")


@member.command()
@_where_option
@proxy_option
@_out_option
@json_option
@click.pass_obj
@command
def rotate(home: MemberHome, server: str | None, proxy: str | None, out: Path | None, as_json: bool) -> None:
    """Make new keys and ask that they take the place of yours. Use the old ones until `check` says it is done."""
    rid, account = _listed(home)
    _destination(server, out)
    old = home.keys()
    fresh = home.keys(follows=True) if home.has_next() else home.new(follows=True)
    application = _application(rid, account, fresh)
    consent = consent_to_replace(old.member, application, entropy=system)
    _deliver(rid, AskRotate(application, consent), server, proxy, out, as_json)


@member.command()
@_where_option
@proxy_option
@_out_option
@json_option
@click.pass_obj
@command
def leave(home: MemberHome, server: str | None, proxy: str | None, out: Path | None, as_json: bool) -> None:
    """Ask to be listed no more. Voices that you gave stay as they are."""
    rid, account = _listed(home)
    _destination(server, out)
    consent = consent_to_leave(home.keys().member, rid, account, entropy=system)
    _deliver(rid, AskLeave(account, consent), server, proxy, out, as_json)


@member.command()
@server_option
@proxy_option
@json_option
@click.pass_obj
@command
def check(home: MemberHome, server: str, proxy: str | None, as_json: bool) -> None:
    """Download the registry, verify all of it, and say how you are listed. Needs no passphrase; do it now and then."""
    rid, account = _listed(home)
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
    result = {
        "status": status,
        "registry": rid.hex(),
        "name": registry.name,
        "account": account,
        "statements": registry.seq + 1,
        "head": registry.head.hex(),
        "members": len(registry.members),
        "snapshots": speaks,
    }
    lines = [
        text,
        *registry_lines(registry),
        f"Snapshots with you: {', '.join(speaks) or 'none yet; voices and polls go by snapshots'}.",
    ]
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


def _application(registry: bytes, account: str, keys: MemberKeys) -> Application:
    made = apply(registry, account, keys.member, keys.sealing.public_key(), entropy=system)
    checked: Application = built(Application, **msgspec.structs.asdict(made))
    return checked


def _listed(home: MemberHome) -> tuple[bytes, str]:
    """Where the keys were asked to be listed."""
    state = home.state()
    if state.registry is None or state.account is None:
        raise Refused("these keys belong to no registry yet: `sottovoce member apply`")
    return bytes.fromhex(state.registry), state.account


def _destination(server: str | None, out: Path | None) -> None:
    if (server is None) == (out is None):
        raise Refused("say where the request goes: --server, or --out for a file to hand to the keeper")


def _deliver(
    registry: bytes, ask: Ask, server: str | None, proxy: str | None, out: Path | None, as_json: bool
) -> None:
    """Send the request, or write it to a file."""
    _destination(server, out)
    digest = ask_digest(encode_ask(ask))
    if out is not None:
        write_private(out, encode_ask(ask))
        said = "Written. Hand the file to the registry's keeper."
    else:
        with (
            Client(server or "", proxy=proxy) as client,
            Admission(client, _NO_GROUP, "mailbox") as admission,
        ):
            patiently(client, admission, lambda token: registry_calls.ask(registry, ask, admission=token))
        said = "Sent. The registry's keeper decides; `sottovoce member check` tells what became of it."
    emit({"request": digest.hex(), "registry": registry.hex()}, as_json, f"Request {digest.hex()}\n{said}")


def _invitation(path: Path) -> InvitationFile:
    try:
        return msgspec.json.decode(read_whole(path, MAX_SMALL), type=InvitationFile)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused("that is not an invitation: it is the file of `sottovoce registry invite`") from None


def _text(path: Path, limit: int) -> str:
    try:
        return read_whole(path, limit).decode("ascii")
    except UnicodeDecodeError:
        raise Refused("a key or signature file is not text") from None
