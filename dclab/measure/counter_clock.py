"""Whether the readings of a counter can be measured by: their clock, and that the counter only rises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from dclab.errors import DclabError
from dclab.lab import Counter

__all__ = [
    "ClockStepped",
    "CounterReset",
    "CounterStill",
    "check_clock",
    "check_counter",
    "check_rising",
    "on_one_clock",
    "whole_seconds",
]

STEP_SECONDS = 0.5
"""A reading may arrive late, but never by this much against its own time; a clock that is set moves further."""

STOPPED_SECONDS = 2.5
STOPPED_GAPS = 3
"""A counter has stopped when it has not risen for so many seconds and so many times its longest pause before."""


class CounterReset(DclabError):
    """The counter went backwards within a window: Redis was restarted, and the window is lost."""

    code = "counter-reset"


class ClockStepped(DclabError):
    """The counter's clock was set within a window, so its seconds are none, and the window is lost."""

    code = "clock-stepped"


class CounterStill(DclabError):
    """The counter did not rise within a window, or not any more at its end, so there is no rate to be known."""

    code = "counter-still"


def whole_seconds(samples: Sequence[Counter]) -> bool:
    """Whether every reading has a time in whole seconds: a clock too coarse to measure by."""
    return all(one.t == int(one.t) for one in samples)


def on_one_clock(samples: Sequence[Counter], arrived: Sequence[float]) -> list[Counter]:
    """Return the readings with times to measure by: when they arrived, where their own are in whole seconds."""
    if not whole_seconds(samples):
        return list(samples)
    return [replace(one, t=samples[0].t + at - arrived[0]) for one, at in zip(samples, arrived, strict=True)]


def check_clock(samples: Sequence[Counter], arrived: Sequence[float]) -> None:
    """Compare the readings' own times with when they arrived here, in seconds of a clock that nobody sets.

    Raises:
        ClockStepped: between two readings the two differ by more than STEP_SECONDS.
    """
    for (a, b), (here_a, here_b) in zip(pairwise(samples), pairwise(arrived), strict=True):
        step = (b.t - a.t) - (here_b - here_a)
        if abs(step) > STEP_SECONDS:
            raise ClockStepped(
                f"The web UI's clock moved by {step:+.1f} s while the counter was sampled.",
                "It was set, or an answer was held up.",
                "Measure that window again.",
            )


def check_counter(samples: Sequence[Counter]) -> None:
    """Raise CounterReset where the counter went backwards."""
    if any(b.hashes < a.hashes for a, b in pairwise(samples)):
        raise CounterReset(
            "The hash counter went backwards while it was sampled.",
            "Redis was restarted, and the counter began at 0.",
            "Measure that window again.",
        )


def check_rising(samples: Sequence[Counter]) -> None:
    """Raise CounterStill where the counter does not rise, or rose and has stopped.

    Work that stops is no slower work: an average over both is no rate of anything.
    """
    rises = [samples[0].t] + [b.t for a, b in pairwise(samples) if b.hashes > a.hashes]
    silent = samples[-1].t - rises[-1]
    if len(rises) == 1:
        raise CounterStill(
            f"The hash counter did not rise in {silent:.0f} s.",
            "No worker is running, or none reaches rng, hasher and Redis.",
            "Check that at least one worker is running and can reach them.",
        )
    longest = max((b - a for a, b in pairwise(rises[1:])), default=0.0)
    if silent > max(STOPPED_SECONDS, STOPPED_GAPS * longest):
        raise CounterStill(
            f"The hash counter stopped rising {silent:.0f} s ago.",
            "The workers ended, or they do not reach rng, hasher and Redis any more.",
            "Check that at least one worker is running and can reach them.",
        )
