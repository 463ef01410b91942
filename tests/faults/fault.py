"""What a fault is, and what is found when it is given."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

HEAL_SECONDS = {"embedded": 5.0, "kube": 60.0}
"""Goal: seconds from the end of a fault until everything is whole, by itself."""


class CannotGive(Exception):
    """A fault that cannot be given on this machine; the text says what it lacks."""


@dataclass
class Row:
    """What one fault has shown: a row of the table, with its verdict."""

    kind: str
    component: str
    engine: str
    lost: list[str] = field(default_factory=list)
    """What had been measured and is not there any more."""
    said: list[str] = field(default_factory=list)
    """What the user was told, each thing once."""
    seen: list[str] = field(default_factory=list)
    """What the outside look saw missing."""
    false: list[str] = field(default_factory=list)
    """Statements that did not hold within a second, and silence."""
    left: list[str] = field(default_factory=list)
    """Processes, folders, objects that nobody needs any more."""
    foreign: list[str] = field(default_factory=list)
    """What of others was touched."""
    failed: list[str] = field(default_factory=list)
    """Anything else that should not be: tracebacks, a lab that does not heal, a command that hangs."""
    seconds: float | None = None
    """From the end of the fault until whole."""
    heals_within: float = 5.0
    skipped: str = ""
    """Why the fault could not be given here."""

    def say(self, text: str) -> None:
        """Note what the user was told."""
        if text not in self.said:
            self.said.append(text)

    def see(self, text: str) -> None:
        """Note what the outside look saw."""
        if text not in self.seen:
            self.seen.append(text)

    @property
    def findings(self) -> list[str]:
        """Everything that should not be; empty is a pass."""
        late = []
        if self.seconds is not None and self.seconds > self.heals_within:
            late.append(f"whole only after {self.seconds:.1f} s (goal {self.heals_within:g} s)")
        kinds = {
            "lost": self.lost,
            "false": self.false,
            "left": self.left,
            "foreign": self.foreign,
            "": [*self.failed, *late],
        }
        return [f"{kind}: {one}" if kind else one for kind, found in kinds.items() for one in dict.fromkeys(found)]

    @property
    def verdict(self) -> str:
        """In a word."""
        return "skipped" if self.skipped else "FAIL" if self.findings else "ok"


@dataclass(frozen=True)
class Fault:
    """One kind of fault in one component."""

    kind: str
    component: str
    play: Callable[[Any, Row], None]
    """Gives it in a room (embedded: `Room`, kube: `Namespace`) and notes everything in the row; CannotGive where it cannot."""
    engine: str = "embedded"
    heals_within: float | None = None
    """Seconds; the engine's goal unless the fault itself makes it longer."""
    short: bool = False
    """Whether it is part of the short form."""

    @property
    def name(self) -> str:
        """Kind, component and engine, as --only searches them."""
        return f"{self.kind} / {self.component} / {self.engine}"

    def row(self) -> Row:
        """Return an empty row for it."""
        goal = HEAL_SECONDS[self.engine] if self.heals_within is None else self.heals_within
        return Row(self.kind, self.component, self.engine, heals_within=goal)


COLUMNS = "{:<26} {:<22} {:<8} {:>4}  {:<44} {:<34} {:>6}  {}"

HEAD = COLUMNS.format("kind", "component", "engine", "lost", "said", "seen", "whole", "verdict")


def line(row: Row) -> str:
    """Return a row of the table, with its findings below it."""
    said = [one for one in row.said if one != "status: ready"] or row.said
    first = COLUMNS.format(
        row.kind[:26],
        row.component[:22],
        row.engine,
        len(row.lost),
        _short(said, 44),
        _short(row.seen, 34),
        "" if row.seconds is None else f"{row.seconds:.1f}",
        f"skipped: {row.skipped}" if row.skipped else row.verdict,
    )
    return "\n".join([first, *(f"    {one}" for one in row.findings)])


def _short(texts: list[str], width: int) -> str:
    return textwrap.shorten("; ".join(texts) or "nothing", width, placeholder=" …")


def totals(rows: list[Row]) -> str:
    """Return what the whole campaign has found, in a line."""
    given = [row for row in rows if not row.skipped]
    pairs = {(row.kind, row.component, row.engine) for row in given}
    counts = {
        "results lost": sum(len(row.lost) for row in given),
        "false statements": sum(len(set(row.false)) for row in given),
        "things left": sum(len(set(row.left)) for row in given),
        "foreign things touched": sum(len(row.foreign) for row in given),
    }
    slowest = max((row.seconds for row in given if row.seconds is not None), default=0.0)
    found = ", ".join(f"{count} {name}" for name, count in counts.items())
    failed = sum(row.verdict == "FAIL" for row in given)
    skipped = len(rows) - len(given)
    return (
        f"{len(pairs)} kinds × components given, {failed} failed, {skipped} skipped; {found}; "
        f"slowest to be whole: {slowest:.1f} s"
    )
