"""All commands of `sottovoce desk`: importing a module of them adds its commands to the group."""

from __future__ import annotations

from service.desk import (
    acting_cli,
    consulting_cli,
    handing_cli,
    measures_cli,
    notices_cli,
    page_cli,
    polls_cli,
    rollout_cli,
    subjects_cli,
    transparency_cli,
)
from service.desk.cli import desk

__all__ = [
    "acting_cli",
    "consulting_cli",
    "desk",
    "handing_cli",
    "measures_cli",
    "notices_cli",
    "page_cli",
    "polls_cli",
    "rollout_cli",
    "subjects_cli",
    "transparency_cli",
]
