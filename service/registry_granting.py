"""`sottovoce registry applications | admit | dismiss`: what members ask for, and granting it.

The tools check all that can be checked: proofs, signatures, invitations. Whether an account publishes the SSH key that
a request rests on is for a person to look up; nothing is fetched from there.
"""

from __future__ import annotations

from pathlib import Path

import click

from crypto.errors import Refused
from service.cases.asking import MAX_REQUEST, Ask, AskLeave, decode_ask, statement_of
from service.cases.registry import GrowingRegistry
from service.cases.registry_statements import ByInvitation, ByOldKey, BySsh
from service.cases.ssh_signatures import SshKey
from service.chain_files import read_whole
from service.console import command, emit, hex_id, json_option, one_line, shown
from service.registry_cli import proxy_option, registry, server_option, signed
from service.registry_home import RegistryHome, registry_id, today
from service.wire import registry_calls
from service.wire.client import Client
from service.wire.registry_pins import download
from service.wire.registry_shapes import MAX_DISMISSED

__all__ = ["registry"]


@registry.command()
@click.option("--registry", "registry_hex", help="Id of the registry, for whoever has not its chain.")
@server_option
@proxy_option
@json_option
@click.pass_obj
@command
def applications(
    home: RegistryHome, registry_hex: str | None, server: str, proxy: str | None, as_json: bool
) -> None:
    """List requests that wait on the server, with what there is to compare. Needs no passphrase."""
    growing = None if registry_hex else home.growing()[1]
    with Client(server, proxy=proxy) as client:
        if growing is None:
            growing = download(client, registry_id(registry_hex or "")).growing
        found = _waiting(client, growing.registry.id)
    rows = []
    for digest, ask in found.items():
        rows.append({**_described(ask), "digest": digest.hex(), "problem": _problem(growing, ask)})
    lines = [
        f"{row['digest']}\n  {row['what']} {row['account']}: {row['evidence']}"
        + (f"\n  can't be granted: {row['problem']}" if row["problem"] else "")
        for row in rows
    ]
    text = "\n".join(lines) or "Nothing waits."
    emit({"requests": rows}, as_json, shown(text))


@registry.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--server", help="Address of the server, to grant requests that wait there.")
@proxy_option
@click.option(
    "--digest", "digests", multiple=True, help="A request that waits on the server; may be repeated."
)
@click.option("--vouched", is_flag=True, help="All that wait with an invitation or a member's consent.")
@click.option(
    "--published",
    is_flag=True,
    help="You looked: each account publishes the SSH key that `applications` shows, where it says.",
)
@json_option
@click.pass_obj
@command
def admit(
    home: RegistryHome,
    files: tuple[Path, ...],
    server: str | None,
    proxy: str | None,
    digests: tuple[str, ...],
    vouched: bool,
    published: bool,
    as_json: bool,
) -> None:
    """Grant requests to join, to replace keys or to leave: from files, or those that wait on the server."""
    _, growing = home.growing()
    now = growing.registry
    skipped = 0
    asks = [decode_ask(read_whole(path, MAX_REQUEST)) for path in files]
    if (digests or vouched) and server is None:
        raise Refused("say where the requests wait with --server")
    wanted = [_digest(each) for each in digests]
    if server is not None:
        with Client(server, proxy=proxy) as client:
            found = _waiting(client, now.id)
        if any(each not in found for each in wanted):
            raise Refused(
                "a request does not wait there any more: list them with `sottovoce registry applications`"
            )
        asks += [found[each] for each in wanted]
        if vouched:
            others = [ask for each, ask in found.items() if _vouched(ask) and each not in wanted]
            grantable = [ask for ask in others if not _problem(growing, ask)]
            asks, skipped = asks + grantable, len(others) - len(grantable)
    if not asks and vouched:
        left_out = f"; {skipped} that do can't be granted: see `applications`" if skipped else ""
        raise Refused(f"no request waits there that rests on an invitation or a member's consent{left_out}")
    if not asks:
        raise Refused("no request to grant: name files, --digest or --vouched")
    if not published and not all(map(_vouched, asks)):
        raise Refused(
            "A request rests on an SSH key. Look whether the account publishes that key where the request says "
            "(`sottovoce registry applications` shows both), then repeat with --published. Anyone can sign with a "
            "key of their own and claim to be somebody."
        )
    signed(home, [statement_of(ask, today(now)) for ask in asks], as_json, skipped=skipped)


@registry.command()
@click.option(
    "--digest", "digests", multiple=True, required=True, help="A request that waits; may be repeated."
)
@click.option("--registry", "registry_hex", help="Id of the registry, for a registrar without its chain.")
@server_option
@proxy_option
@json_option
@click.pass_obj
@command
def dismiss(
    home: RegistryHome,
    digests: tuple[str, ...],
    registry_hex: str | None,
    server: str,
    proxy: str | None,
    as_json: bool,
) -> None:
    """Drop requests that wait on the server."""
    rid = home.growing()[1].registry.id if registry_hex is None else registry_id(registry_hex)
    wanted = sorted({_digest(each) for each in digests})
    key, dropped = home.signing_key(), 0
    with Client(server, proxy=proxy) as client:
        for at in range(0, len(wanted), MAX_DISMISSED):
            dropped += client.do(registry_calls.dismiss(rid, wanted[at : at + MAX_DISMISSED], key))
    if dropped < len(wanted):
        raise Refused(
            f"{len(wanted) - dropped} of these requests did not wait there, or no longer; {dropped} were dropped: "
            "see `sottovoce registry applications`"
        )
    emit({"dropped": dropped}, as_json, f"{dropped} requests dropped.")


def _digest(text: str) -> bytes:
    """Read a request's digest as a person gives it."""
    return hex_id(text, 32, "a request's digest, as `sottovoce registry applications` shows it,")


def _waiting(client: Client, rid: bytes) -> dict[bytes, Ask]:
    """Fetch all requests that wait."""
    found: dict[bytes, Ask] = {}
    after, more = None, True
    while more:
        page, more = client.do(registry_calls.waiting(rid, after))
        found.update(page)
        after = page[-1][0] if page else None
    return found


def _problem(growing: GrowingRegistry, ask: Ask) -> str:
    """Say why a request can't be granted as things are; empty when it can."""
    try:
        growing.check(statement_of(ask, today(growing.registry)))
    except Refused as refused:
        return refused.reason
    return ""


def _vouched(ask: Ask) -> bool:
    return isinstance(ask, AskLeave) or not isinstance(ask.identity, BySsh)


def _described(ask: Ask) -> dict[str, str]:
    """Say what a request wants and what it rests on."""
    if isinstance(ask, AskLeave):
        return {"what": "leave", "account": ask.account, "evidence": "the member's own consent"}
    what = type(ask).__name__.removeprefix("Ask").lower()
    match ask.identity:
        case BySsh(key=key, published_at=where):
            evidence = f"SSH key {_fingerprint(key)}, said to be published at {one_line(where)}"
        case ByInvitation(registrar=registrar):
            evidence = f"invitation by {registrar.hex()}"
        case ByOldKey():
            evidence = "the member's own consent, with the key in force"
    return {"what": what, "account": ask.application.account, "evidence": evidence}


def _fingerprint(line: str) -> str:
    try:
        return SshKey.parse_line(line).fingerprint
    except Refused:
        return "that can't be read"
