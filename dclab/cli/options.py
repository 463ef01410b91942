"""Options that several verbs share, and the checks of their values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from dclab.errors import InvalidInput

__all__ = [
    "EngineOption",
    "JsonOption",
    "NameOption",
    "OutOption",
    "QuietOption",
    "VerboseOption",
    "parse_count",
    "parse_counts",
    "parse_duration",
    "parse_path",
    "parse_target",
    "parse_targets",
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no warnings; only the result.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="All progress, and tracebacks of failures.")]
NameOption = Annotated[str, typer.Option("--name", help="Which lab, where several run side by side.")]
EngineOption = Annotated[str, typer.Option("--engine", help="embedded, kube, or auto.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Folder for the results, instead of reports/<time>-<engine>.")
]

MOST_REPLICAS = 50
"""As many processes as a laptop carries."""

TARGETS = ("rng", "hasher")

LONGEST_SECONDS = 24 * 3600.0


def parse_count(value: str, what: str, *, low: int = 1, high: int = MOST_REPLICAS) -> int:
    """A whole number within bounds; else InvalidInput."""
    if not re.fullmatch(r"-?\d+", value.strip()) or not low <= int(value) <= high:
        raise InvalidInput(f"{value!r} is not a possible {what}.", f"It must be a whole number from {low} to {high}.")
    return int(value)


def parse_counts(value: str, what: str) -> tuple[int, ...]:
    """Whole numbers with commas between them, each once; else InvalidInput."""
    counts = tuple(parse_count(one, what) for one in value.split(","))
    if len(set(counts)) != len(counts):
        raise InvalidInput(f"{value!r} names a {what} twice.", "Each is measured once.", "Leave the second away.")
    return counts


def parse_duration(value: str, what: str, *, low: float = 1.0) -> float:
    """Seconds of `90`, `90s`, `4m` or `1h`; else InvalidInput."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhSMH]?)", value.strip())
    seconds = float(found.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3600}[found.group(2).lower()] if found else 0.0
    if not low <= seconds <= LONGEST_SECONDS:
        raise InvalidInput(
            f"{value!r} is not a possible {what}.",
            f"It must be a time from {low:g} s to 24 h, such as 30s or 4m.",
        )
    return seconds


def parse_target(value: str) -> str:
    """`rng` or `hasher`; else InvalidInput."""
    if value not in TARGETS:
        raise InvalidInput(f"{value!r} is not a target.", f"Targets are {' and '.join(TARGETS)}.")
    return value


def parse_targets(values: list[str]) -> tuple[str, ...]:
    """Targets, each once; else InvalidInput."""
    return tuple(dict.fromkeys(parse_target(one) for one in values))


def parse_path(value: str) -> str:
    """The path of a URL; else InvalidInput."""
    if not re.fullmatch(r"/[\w\-./~%?=&+]*", value, re.ASCII):
        raise InvalidInput(f"{value!r} is not a path.", "It begins with a slash and has no spaces.", "Try / or /32.")
    return value
