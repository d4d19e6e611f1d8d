"""A poll's result at the council's desk: opened, believed only with a threshold's signatures, in words and as a plot.

What is shown follows the disclosure rule of the manifest: counts only where the trustees told them.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

from crypto.errors import Refused
from crypto.seal import DoesNotOpen
from polls.electorate import Disclosure
from polls.manifest import Manifest
from polls.outcome import Outcome, sentence, support
from service.cases.verdicts import Delivered, deliver, open_verdict
from service.desk.session import Session
from service.wire import poll_calls
from service.wire.client import Client
from service.wire.poll_views import PollView

_WIDTH, _LEFT, _ROW, _TOP = 760, 250, 34, 54


@dataclass(frozen=True)
class CouncilResult:
    """A poll and the result that a threshold of its trustees signed."""

    view: PollView
    delivered: Delivered

    @property
    def manifest(self) -> Manifest:
        """The poll's manifest."""
        return self.view.manifest

    @property
    def counts(self) -> tuple[int, ...] | None:
        """The count of each option, where the trustees told it."""
        signed = self.delivered.counts
        return None if signed is None else tuple(signed.statement.counts)

    def sentence(self) -> str:
        """Say the result in words."""
        said, texts = self.delivered.outcome.statement, self.manifest.texts
        if self.counts is not None:
            decided = Outcome(said.outcome, quorum_met=said.quorum_met)
            return sentence(texts, self.counts, said.electorate, decided)
        voted = f"{said.ballots} of {said.electorate} voted."
        if not said.quorum_met:
            return f"{voted} Below the quorum: no action, and no ballot was opened."
        why = "Only the outcome is told of this poll."
        if self.manifest.disclosure is Disclosure.COUNTS:
            why = "The counts are not here."
        return f"{voted} {why} Outcome: {texts[said.outcome]}."


def result(session: Session, client: Client, phi: bytes) -> CouncilResult:
    """Fetch and open the trustees' verdicts; Refused while no threshold agrees."""
    view = client.do(poll_calls.poll(phi))
    if bytes.fromhex(view.manifest.group_id) != session.group:
        raise Refused("poll: of another group")
    if view.state in {"waiting", "open", "lapsed"}:
        raise Refused(f"poll: it is {view.state}, so there is no result")
    if view.state == "archived":
        raise Refused("poll: it is archived; `sottovoce poll archive` shows what remains")
    opened = []
    for place, sealed in client.do(poll_calls.verdicts(session.signer, phi)):
        for pair in session.key.pairs:
            try:
                opened.append((place, open_verdict(sealed, pair.sealing, phi)))
            except (Refused, DoesNotOpen):
                continue  # one trustee's broken word must not hide what a threshold says
            break
    return CouncilResult(view, deliver(view.manifest, view.trustees, opened))


def plot(found: CouncilResult) -> str:
    """Draw for each option how many chose it or a more severe one, as a self-contained SVG.

    Refused where no counts are told.
    """
    if found.counts is None:
        raise Refused("of this poll no counts are told, so there is nothing to draw")
    texts, rows = found.manifest.texts, support(found.counts)
    half = _LEFT + (_WIDTH - _LEFT - 80) // 2
    height = _TOP + len(rows) * _ROW + 30
    chosen = found.delivered.outcome.statement.outcome
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" aria-labelledby="t d" font-family="sans-serif" font-size="12">',
        f'<title id="t">{escape(found.manifest.question)}</title>',
        f'<desc id="d">{escape(found.sentence())}</desc>',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="10" y="22" font-size="14" fill="#1c2733">{escape(found.manifest.question[:100])}</text>',
    ]
    for place, each in enumerate(rows):
        y = _TOP + place * _ROW
        width = 0 if each.of == 0 else (_WIDTH - _LEFT - 80) * each.at_least / each.of
        name = texts[each.option] if len(texts[each.option]) <= 34 else texts[each.option][:33] + "…"
        words = f"{name}{' (outcome)' if each.option == chosen else ''}"
        fill = "#b3541e" if each.option == chosen else "#5b6b7b"
        out.append(
            f'<text x="10" y="{y + 14}" fill="#1c2733">{escape(words)}</text>'
            f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="20" fill="{fill}"/>'
            f'<text x="{_LEFT + width + 6:.1f}" y="{y + 14}" fill="#1c2733">{each.at_least} of {each.of}</text>'
        )
    bottom = height - 22
    out.append(
        f'<line x1="{half}" y1="{_TOP - 6}" x2="{half}" y2="{bottom}" stroke="#1c2733" stroke-dasharray="4 3"/>'
        f'<text x="{half}" y="{height - 8}" text-anchor="middle" fill="#1c2733">half</text></svg>\n'
    )
    return "\n".join(out)
