"""A picture of a subject's reports: arrivals over time, one row per group of alike reports, as SVG.

Guarantees: a self-contained SVG text: no script, no style sheet, no reference to anything outside; every text is
escaped; the same input gives the same bytes; the figures are in the text alternative too, so that nothing is said by
colour alone. Leaves to the desk: where it is shown. SPEC.md "Corroboration: plot".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape

from abuse.accounts import Account
from abuse.bursts import Burst
from abuse.corroboration import Corroboration

WIDTH: Final = 760
_LEFT, _RIGHT, _TOP, _ROW, _BOTTOM = 130, 20, 44, 24, 34
_MOST_ROWS: Final = 24
_PLAIN, _VOICE, _BAND, _INK = "#5b6b7b", "#b3541e", "#f3e3c3", "#1c2733"


def plot(
    accounts: Sequence[Account], scored: Corroboration, *, title: str, burst: Burst | None = None
) -> str:
    """Draw the accounts of one score. Circles are reports, diamonds reports with a voice; the band is the burst.

    title: any text, escaped and cut at 90 characters. Groups beyond 24 share the last row. Returns an SVG document.
    """
    row_of = {report: min(row, _MOST_ROWS - 1) for row, ids in enumerate(scored.clusters) for report in ids}
    rows = max(1, min(len(scored.clusters), _MOST_ROWS))
    height = _TOP + rows * _ROW + _BOTTOM
    times = [account.at_s for account in accounts] or [0.0]
    first, last = min(times), max(times)
    span = max(last - first, 3600.0)

    def across(at_s: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * (at_s - first) / span, 1)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" aria-labelledby="plot-title plot-words" font-family="sans-serif" font-size="11">',
        f'<title id="plot-title">{_text(title)}</title>',
        f'<desc id="plot-words">{_text(" ".join(scored.sentences()), 2000)}</desc>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="10" y="20" font-size="14" fill="{_INK}">{_text(title)}</text>',
    ]
    if burst is not None and burst.notable:
        left, right = across(max(burst.from_s, first)), across(min(burst.to_s, last))
        width = max(right - left, 2.0)
        out.append(
            f'<rect x="{left - 5:.1f}" y="{_TOP - 12}" width="{width + 10:.1f}" height="{rows * _ROW + 12}" '
            f'fill="{_BAND}"><title>{_text(burst.sentence(), 400)}</title></rect>'
        )
    for row in range(rows):
        middle = _TOP + row * _ROW + _ROW // 2
        out.append(
            f'<line x1="{_LEFT}" y1="{middle}" x2="{WIDTH - _RIGHT}" y2="{middle}" stroke="#d5dbe1"/>'
            f'<text x="10" y="{middle + 4}" fill="{_INK}">{_label(scored, row, rows)}</text>'
        )
    for account in sorted(accounts, key=lambda a: (a.at_s, a.report_id)):
        x, y = across(account.at_s), _TOP + row_of.get(account.report_id, rows - 1) * _ROW + _ROW // 2
        said = f"<title>{_text(account.report_id)} {_when(account.at_s)}</title>"
        if account.voice_tag is None:
            out.append(f'<circle cx="{x}" cy="{y}" r="5" fill="{_PLAIN}" fill-opacity="0.6">{said}</circle>')
        else:
            out.append(
                f'<path d="M{x} {y - 7}l7 7l-7 7l-7 -7z" fill="{_VOICE}" fill-opacity="0.8">{said}</path>'
            )
    foot = height - 12
    out.append(
        f'<text x="{_LEFT}" y="{foot}" fill="{_INK}">{_when(first)}</text>'
        f'<text x="{WIDTH - _RIGHT}" y="{foot}" fill="{_INK}" text-anchor="end">{_when(last)} UTC</text></svg>\n'
    )
    return "\n".join(out)


def _label(scored: Corroboration, row: int, rows: int) -> str:
    if row == rows - 1 and len(scored.clusters) > rows:
        return f"{len(scored.clusters) - rows + 1} more groups"
    size = len(scored.clusters[row]) if scored.clusters else 0
    return f"{size} alike" if size > 1 else f"{size} alone"


def _when(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M")


def _text(text: str, most: int = 90) -> str:
    """Escape for element text, and drop what XML 1.0 forbids or what would turn the line around."""
    short = text if len(text) <= most else text[: most - 1] + "…"
    kept = (c if c.isprintable() or c == " " else " " for c in short)
    return escape("".join(kept), {'"': "&quot;", "'": "&#39;"})
