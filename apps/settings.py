"""Settings from the environment: checked at the start, one sentence and exit code 2 when wrong."""

from __future__ import annotations

import os
import sys

__all__ = ["integer", "seconds", "service_address", "text"]


def _refuse(message: str) -> None:
    print(message, file=sys.stderr, flush=True)  # noqa: T201
    raise SystemExit(2)


def text(name: str, default: str | None = None) -> str:
    """A variable that must have a value."""
    value = os.environ.get(name) or default
    if value is None:
        _refuse(f"The variable {name} is not set.")
        raise AssertionError
    return value


def integer(name: str, default: int | None = None, *, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    value = text(name, None if default is None else str(default))
    if not value.isdecimal() or not low <= int(value) <= high:
        _refuse(f"{name} is {value!r}; it must be a whole number from {low} to {high}.")
    return int(value)


def seconds(name: str, default: float, *, low: float = 0.0, high: float = 3600.0) -> float:
    """A duration in seconds."""
    value = text(name, str(default))
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:
        _refuse(f"{name} is {value!r}; it must be a number of seconds from {low:g} to {high:g}.")
    return number


def service_address(name: str) -> tuple[str, int]:
    """Host and port of a Service, from the variables that Kubernetes sets for it."""
    return text(f"{name}_SERVICE_HOST"), integer(f"{name}_SERVICE_PORT", low=1, high=65535)
