"""What a sync did, in lines for the person who asked for it."""

from __future__ import annotations

from service.desk.sync import SyncResult


def sync_lines(result: SyncResult) -> list[str]:
    """Say what came, what went, what is due, and what to look at; danger first."""
    lines = [
        f"{result.new_reports} new reports, {result.new_follow_ups} follow-ups, {result.new_entries} log entries; "
        f"{result.voices} reports' voices checked; "
        f"{result.sent} items sent, {result.waiting} waiting."
    ]
    if result.letters_due:
        due = f"Letters due: {result.letters_due}, after a week or longer without a word."
        lines.append(f"{due} See `sottovoce desk list`.")
    if result.advice_waited:
        lines.append(
            f"Cases that waited a week for advice: {result.advice_waited}. See `sottovoce desk list`."
        )
    if result.measures_due:
        lines.append(f"Measures to look at: {result.measures_due}. See `sottovoce desk measures`.")
    lines += [one.told() for one in result.results_waiting]
    lines += [f"WARNING: {warning}" for warning in result.warnings]
    if result.urgent:
        lines.insert(0, f"URGENT: new reports that say that someone is in danger: {result.urgent}.")
    return lines
