"""`sottovoce member apply | rotate | leave`: asking the registry's keeper to list a member, or to do so no more.

Nothing that leaves this machine is secret: applications, signatures, consents. What an ask rests on is checked before
it is sent; whether it is granted is for the keeper.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from urllib.parse import urlsplit

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
from service.cases.registry_statements import Application, BySsh
from service.cases.ssh_signatures import MAX_ARMOR, MAX_LINE, SshKey
from service.chain_files import read_whole, write_private
from service.console import command, emit, json_option, shown
from service.member_cli import listed, member
from service.member_home import MemberHome
from service.member_keys import MemberKeys
from service.registry_cli import proxy_option
from service.registry_home import MAX_SMALL, InvitationFile, built, checked_account, registry_id, today
from service.wire import registry_calls
from service.wire.admitting import Admission
from service.wire.client import Client
from service.wire.patience import patiently

__all__ = ["member"]

_NO_GROUP = bytes(16)
_out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write the request to this file, for the keeper, instead of sending it.",
)
_where_option = click.option("--server", help="Address of the server to send the request to.")


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
        _destination(server, out)
        file = _invitation(invitation)
        rid = bytes.fromhex(file.registry)
        home.check_free(rid, file.account)  # before anyone types a passphrase
        application = _application(rid, file.account, home.keys())
        checked_invitation(application, file.invitation, rid, today())
        home.belongs(rid, file.account)
        _deliver(rid, kind(application, file.invitation), server, proxy, out, as_json)
    elif signature is not None:
        if ssh_key is None or published_at is None:
            raise Refused("a signature needs --ssh-key and --published-at")
        _destination(server, out)
        _checked_address(published_at)
        armored = _text(signature, MAX_ARMOR, "--signature")
        line = _text(ssh_key, MAX_LINE, "--ssh-key")
        if "PRIVATE KEY" in line:
            raise Refused(
                "--ssh-key: that is the private key; the file beside it that ends in .pub is wanted"
            )
        application = home.prepared()
        key = SshKey.parse_line(line.strip())
        identity: BySsh = built(BySsh, key=key.line, published_at=published_at, signature=armored)
        checked_ssh(application, identity)
        rid = bytes.fromhex(application.registry)
        home.belongs(rid, application.account)
        _deliver(rid, kind(application, identity), server, proxy, out, as_json)
    elif registry_hex is not None and account is not None:
        rid = registry_id(registry_hex)
        home.check_free(rid, checked_account(account))
        application = _application(rid, account, home.keys())
        text = application_text(application)
        path = home.prepare(application, text)
        emit(
            {"text": text.decode(), "file": str(path), "namespace": NAMESPACE},
            as_json,
            shown(
                f"{text.decode()}\nThis is in {path}. Sign it with a key that your account publishes:\n"
                f"  ssh-keygen -Y sign -n {NAMESPACE} -f ~/.ssh/id_ed25519 {shlex.quote(str(path))}\n"
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
    rid, account = listed(home)
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
    rid, account = listed(home)
    _destination(server, out)
    consent = consent_to_leave(home.keys().member, rid, account, entropy=system)
    _deliver(rid, AskLeave(account, consent), server, proxy, out, as_json)


def _application(registry: bytes, account: str, keys: MemberKeys) -> Application:
    made = apply(registry, account, keys.member, keys.sealing.public_key(), entropy=system)
    checked: Application = built(Application, **msgspec.structs.asdict(made))
    return checked


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


def _checked_address(url: str) -> None:
    """Refuse what a keeper can't open to see the key: they compare, and turn down what shows none."""
    try:
        parts = urlsplit(url)
        opens = parts.scheme in {"https", "http"} and bool(parts.hostname) and not any(map(str.isspace, url))
    except ValueError:
        opens = False
    if not opens:
        raise Refused(
            "--published-at: that is no web address: give the one that shows your key, such as "
            "https://github.com/alice.keys"
        )


def _invitation(path: Path) -> InvitationFile:
    try:
        return msgspec.json.decode(_read(path, MAX_SMALL, "--invitation"), type=InvitationFile)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Refused("that is not an invitation: it is the file of `sottovoce registry invite`") from None


def _read(path: Path, limit: int, option: str) -> bytes:
    try:
        return read_whole(path, limit)
    except Refused as refused:
        raise Refused(f"{option}: {refused.reason}") from None


def _text(path: Path, limit: int, option: str) -> str:
    try:
        return _read(path, limit, option).decode("ascii")
    except UnicodeDecodeError:
        raise Refused(f"{option}: the file is not text") from None
