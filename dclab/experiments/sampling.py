"""A window of counter readings in which nothing was restarted, as long as the rate needs to be known well enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from dclab.errors import DclabError, LabLost
from dclab.experiments.observer import Observer
from dclab.lab import SERVICES, Counter, Lab
from dclab.measure.rate import (
    ClockStepped,
    CounterReset,
    CounterStill,
    check_clock,
    estimate_rate,
    on_one_clock,
    whole_seconds,
)
from dclab.results import Caveat, Rate

__all__ = ["Disturbed", "Window", "measure_rate", "sample_window"]

EVERY_SECONDS = 0.1

WANTED = 0.02
"""A window ends once its rate is known to ±2 %."""
SHORTEST_SECONDS = 6.0
"""But not before: of shorter windows the interval itself is a matter of luck."""
STILL_SECONDS = 10.0
"""After this long without a hash there is none to wait for: a worker reports about once a second."""
LOOK_EVERY = 10
"""Readings between two looks at the interval."""


class Disturbed(DclabError):
    """Something was restarted within the window, so the window does not count."""

    code = "disturbed"


class Window(NamedTuple):
    """The result of a window."""

    rate: Rate
    samples: list[Counter]
    on_cap: bool
    """Whether it ended at its longest, with the rate not known as well as wanted."""


def sample_window(read: Callable[[], Counter], longest: float, samples: list[Counter]) -> Window:
    """Read ten times a second into `samples`, until the rate is known to WANTED, at most `longest` seconds.

    The rule is fixed beforehand, and the tests hold the interval to it: stopping when it is narrow does not
    make it cover less.

    Where the counter's clock has only whole seconds, the readings are given the times at which they arrived.

    Raises:
        CounterReset, ClockStepped: the window is lost.
        CounterStill: the counter does not rise.
    """
    arrived: list[float] = []
    coarse, on_cap = True, True
    for _ in _ticks(longest):
        samples.append(read())
        arrived.append(time.monotonic())
        coarse = coarse and whole_seconds(samples[-1:])
        if not coarse:
            check_clock(samples[-2:], arrived[-2:])
        sampled = arrived[-1] - arrived[0]
        still = samples[-1].hashes == samples[0].hashes and sampled < STILL_SECONDS
        if len(samples) % LOOK_EVERY == 0 and sampled >= SHORTEST_SECONDS and not still:
            rate = estimate_rate(on_one_clock(samples, arrived))
            if rate.relative_half_width <= WANTED:
                on_cap = False
                break
    samples[:] = on_one_clock(samples, arrived)
    return Window(estimate_rate(samples), samples, on_cap)


def _ticks(seconds: float) -> Iterator[None]:
    begin = time.monotonic()
    for index in range(round(seconds / EVERY_SECONDS) + 1):
        time.sleep(max(0.0, begin + index * EVERY_SECONDS - time.monotonic()))
        yield


def _replicas(lab: Lab) -> dict[str, tuple[tuple[str, ...], int]]:
    """Which replicas there are and how often they were restarted: one that is replaced is another, restarted never."""
    found = {name: lab.replicas(name) for name in SERVICES}
    return {name: (one.names, one.restarts) for name, one in found.items()}


def _undisturbed(lab: Lab, longest: float, samples: list[Counter]) -> Window:
    before = _replicas(lab)
    window = sample_window(lab.counter, longest, samples)
    restarted = [name for name, now in _replicas(lab).items() if now != before[name]]
    if restarted:
        raise Disturbed(
            f"{', '.join(restarted)} was restarted while the counter was sampled.",
            "A replica died; its work is missing in that window.",
            "Measure that window again.",
        )
    return window


def measure_rate(lab: Lab, longest: float, observer: Observer, what: str) -> Window:
    """Return the rate over a window of at most `longest` seconds; a disturbed window is measured again.

    A lab that is gone would be deployed with the manifests' replica counts, which only the caller can restore, so
    LabLost goes through.

    Raises:
        LabLost: the lab does not answer.
        DclabError: the third window in a row was disturbed, too.
    """
    for attempt in range(3):
        samples: list[Counter] = []
        try:
            return _undisturbed(lab, longest, samples)
        except (ClockStepped, CounterReset, CounterStill, Disturbed) as error:
            observer.caveat(Caveat(code=error.code, message=f"{what}: {error.what}", hint="It was measured again."))
            if attempt == 2:
                raise
            lab.ready()
        finally:
            observer.raw("counter", ({"what": what, "t": one.t, "hashes": one.hashes} for one in samples))
    raise LabLost("The counter could not be sampled.")
