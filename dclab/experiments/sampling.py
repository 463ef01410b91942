"""A window of counter readings in which nothing was restarted, as long as the rate needs to be known well enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from dclab.errors import DclabError, LabLost
from dclab.experiments.observer import Observer
from dclab.lab import SERVICES, Counter, Lab
from dclab.measure.rate import ClockStepped, CounterReset, check_clock, estimate_rate
from dclab.results import Caveat, Rate

__all__ = ["Disturbed", "Window", "measure_rate", "sample_window"]

EVERY_SECONDS = 0.1

WANTED = 0.02
"""A window ends once its rate is known to ±2 %."""
SHORTEST_SECONDS = 6.0
"""But not before: of shorter windows the interval itself is a matter of luck."""
LOOK_EVERY = 10
"""Readings between two looks at the interval."""


class Disturbed(DclabError):
    """Something was restarted within the window, so the window does not count."""

    code = "disturbed"


class Window(NamedTuple):
    """What a window came to."""

    rate: Rate
    samples: list[Counter]
    on_cap: bool
    """Whether it ended at its longest, with the rate not known as well as wanted."""


def sample_window(read: Callable[[], Counter], longest: float, samples: list[Counter]) -> Window:
    """Read ten times a second into `samples`, until the rate is known to WANTED, at most `longest` seconds.

    The rule is fixed beforehand, and the tests hold the interval to it: stopping when it is narrow does not
    make it cover less.

    Raises:
        CounterReset, ClockStepped: the window is lost.
    """
    arrived: list[float] = []
    for _ in _ticks(longest):
        samples.append(read())
        arrived.append(time.monotonic())
        check_clock(samples[-2:], arrived[-2:])
        if len(samples) % LOOK_EVERY == 0 and arrived[-1] - arrived[0] >= SHORTEST_SECONDS:
            rate = estimate_rate(samples)
            if rate.relative_half_width <= WANTED:
                return Window(rate, samples, on_cap=False)
    return Window(estimate_rate(samples), samples, on_cap=True)


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
    """The rate over a window of at most so many seconds; a disturbed window is measured again.

    A lab that is gone is deployed anew, but its replica counts are then the manifests': that is for the
    caller to see to, so LabLost goes through.

    Raises:
        LabLost: the lab does not answer.
        DclabError: the third window in a row was disturbed, too.
    """
    for attempt in range(3):
        samples: list[Counter] = []
        try:
            return _undisturbed(lab, longest, samples)
        except (ClockStepped, CounterReset, Disturbed) as error:
            observer.caveat(Caveat(code=error.code, message=f"{what}: {error.what}", hint="It was measured again."))
            if attempt == 2:
                raise
            lab.ready()
        finally:
            observer.raw("counter", ({"what": what, "t": one.t, "hashes": one.hashes} for one in samples))
    raise LabLost("The counter could not be sampled.")
