"""`sottovoce poll file-report | reports`: what independent verifiers said of a poll, which outlives its ballots.

A report is text that carries its verifier's own signature, by whatever their readers trust, such as `ssh-keygen -Y
sign`. A mediator or the council files it after the close and before the poll is archived. The server keeps up to 32
for a poll, word for word; it judges none and checks no signature in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from crypto.errors import Refused
from service.cases.texts import counted
from service.chain_files import read_whole
from service.console import command, emit, json_option, poll_id, server_options, shown
from service.desk.cli import client_of, opened
from service.wire import poll_calls
from service.wire.client import Client
from service.wire.poll_council_shapes import MAX_REPORT_JSON, MAX_REPORT_TEXT


@click.command("file-report")
@click.argument("poll_hex", metavar="POLL")
@click.option(
    "--text-file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The verifier's report, with their own signature in it: text of at most 16,384 bytes of UTF-8.",
)
@json_option
@click.pass_context
@command
def file_report(context: click.Context, poll_hex: str, text_file: Path, as_json: bool) -> None:
    """File a verifier's report of a closed poll, as a mediator or the council. The same again changes nothing.

    The text should carry the verifier's own signature: the server doesn't check who wrote it. After the poll is
    archived no other report is taken.
    """
    phi, text = poll_id(poll_hex), _text(text_file)
    with opened(context) as session, client_of(session) as client:
        filed = client.do(poll_calls.file_report(session.signer, phi, text)).reports
    emit(
        {"poll": poll_hex, "reports": len(filed)},
        as_json,
        f"Filed. The poll has {counted(len(filed), 'report', 'reports')}.",
    )


@click.command()
@click.argument("poll_hex", metavar="POLL")
@server_options
@json_option
@command
def reports(poll_hex: str, server: str, proxy: str | None, as_json: bool) -> None:
    """Print the verifiers' reports of a poll. Check their signatures yourself: the server doesn't.

    Their lines are set in; --json has them word for word, as they were signed.
    """
    phi = poll_id(poll_hex)
    with Client(server, proxy=proxy) as client:
        filed = client.do(poll_calls.reports(phi)).reports
    emit({"poll": poll_hex, "reports": list(filed)}, as_json, reports_told(filed))


def reports_told(filed: Sequence[str]) -> str:
    """Write reports for a person, each under its number. Set in, so that no line of one passes for another's number."""
    told = [
        "\n".join([f"Report {number} of {len(filed)}:", *(f"    {line}" for line in text.splitlines())])
        for number, text in enumerate(filed, 1)
    ]
    return shown("\n\n".join(told) or "None was filed.")


def _text(path: Path) -> str:
    raw = read_whole(path, 4 * MAX_REPORT_TEXT)  # beyond the limit, to say by how little
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Refused("the report is not UTF-8 text") from None
    if not 1 <= len(raw) <= MAX_REPORT_TEXT:
        raise Refused(
            f"a report has 1 to {MAX_REPORT_TEXT:,} bytes of UTF-8, in which many characters take two to four; "
            f"this one has {len(raw):,}"
        )
    if len(msgspec.json.encode(text)) > MAX_REPORT_JSON:
        raise Refused(
            f"a report takes at most {MAX_REPORT_JSON:,} bytes as JSON, in which a quotation mark, backslash or line's "
            "end takes two and any other control character six"
        )
    return text
