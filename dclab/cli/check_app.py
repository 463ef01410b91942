"""dclab check-app."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from dclab.cli.any_webui import WEBUI, sample_webui
from dclab.cli.result import Result
from dclab.cli.verb import ExperimentCall, verb
from dclab.errors import DclabError, InvalidInput

if TYPE_CHECKING:
    from dclab.experiments.check_app import Check

SECONDS = 60.0
"""Longest window of the rate by an address alone."""


class NotTheLesson(DclabError):
    """The app does not have the properties that the exercise rests on."""

    code = "not-the-lesson"


@verb
def check_app(call: ExperimentCall, webui: Annotated[str | None, WEBUI] = None) -> Result:
    """Check that a DockerCoins still teaches the lesson.

    Checks that rng serves one request at a time and hasher several, that each takes 0.1 s, and that one worker makes 3.3 hashes/s
    and ten make 10. With --webui only the rate can be checked. The exit code is 1 if a check fails, for a course's CI.

    Example: dclab check-app --context kind-course
    """
    from dclab.experiments import check_app as lesson

    if webui:
        for option in ("name", "context", "engine", "out"):
            if call.from_command_line(option):
                raise InvalidInput("--webui checks without a lab.", "", f"Omit --{option}.")
        checks: tuple[Check, ...] = (lesson.check_rate(sample_webui(call, webui, SECONDS).rate, None),)
    else:
        with call.recording() as recorder:
            checks = lesson.check_app(call.lab, recorder)
    failed = [one.what for one in checks if not one.holds]
    fault = None
    if failed:
        fault = NotTheLesson(
            "This DockerCoins does not teach the lesson.",
            f"{len(failed)} of {len(checks)} properties do not hold.",
            "They are marked above.",
        )
    return Result(_lines, fault=fault, checks=list(checks), holds=not failed)


def _lines(checks: Sequence[Check], holds: bool, **_: Any) -> Iterator[str]:
    for one in checks:
        yield f"{'✓' if one.holds else '✗'} {one.what}: {one.found}."
    if holds:
        yield "Everything that was checked holds."
