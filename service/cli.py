"""The command `sottovoce`: one entry to the five faces, each added by its own module."""

from __future__ import annotations

import click


@click.group()
def main() -> None:
    """Report in a low voice; vote without being seen."""
