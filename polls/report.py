"""What a verification says: every step by name, whether it held, and what was found. SPEC.md §3.9."""

from __future__ import annotations

from dataclasses import dataclass, field

from crypto.errors import Refused


@dataclass(frozen=True, slots=True)
class Check:
    """One step: its name, whether it held, and what was found in words."""

    name: str
    passed: bool
    words: str

    @property
    def line(self) -> str:
        """The step and what was found, in one line."""
        return self.words if self.words.startswith(f"{self.name}: ") else f"{self.name}: {self.words}"


@dataclass(frozen=True)
class Report:
    """What a verification did. `failure` names the step and the reason, or is None."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every step held."""
        return all(check.passed for check in self.checks)

    @property
    def failure(self) -> str | None:
        """Name what failed: the step, and what about it."""
        return next((check.line for check in self.checks if not check.passed), None)

    def __str__(self) -> str:
        lines = [f"{'ok  ' if check.passed else 'FAIL'} {check.line}" for check in self.checks]
        return "\n".join([*lines, "All checks passed." if self.passed else "This record does not hold."])


@dataclass
class Run:
    """Collects steps; a step that raises Refused ends the run."""

    checks: list[Check] = field(default_factory=list)
    name: str = ""

    def begin(self, name: str) -> None:
        """Name the step that begins."""
        self.name = name

    def held(self, words: str) -> None:
        """Note that the step held."""
        self.checks.append(Check(self.name, True, words))

    def failed(self, refused: Refused) -> None:
        """Note what failed."""
        self.checks.append(Check(self.name, False, refused.reason))
