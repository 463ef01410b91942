"""A window of counter readings in which nothing was restarted."""

from __future__ import annotations

import time
from collections.abc import Iterator

from dclab.errors import DclabError, LabLost
from dclab.experiments.observer import Observer
from dclab.lab import SERVICES, Counter, Lab
from dclab.measure.rate import CounterReset, estimate_rate
from dclab.results import Caveat, Rate

__all__ = ["Disturbed", "measure_rate", "sample_counter"]

EVERY_SECONDS = 0.1


class Disturbed(DclabError):
    """Something was restarted within the window, so the window does not count."""

    code = "disturbed"


def sample_counter(lab: Lab, seconds: float) -> Iterator[Counter]:
    """Readings over a window, ten a second; Disturbed at its end when something was restarted meanwhile."""
    before = _restarts(lab)
    begin = time.monotonic()
    count = round(seconds / EVERY_SECONDS)
    for index in range(count + 1):
        time.sleep(max(0.0, begin + index * EVERY_SECONDS - time.monotonic()))
        yield lab.counter()
    restarted = [name for name, restarts in _restarts(lab).items() if restarts != before[name]]
    if restarted:
        raise Disturbed(
            f"{', '.join(restarted)} was restarted while the counter was sampled.",
            "A replica died; its work is missing in that window.",
            "Measure that window again.",
        )


def _restarts(lab: Lab) -> dict[str, int]:
    return {name: lab.replicas(name).restarts for name in SERVICES}


def measure_rate(lab: Lab, seconds: float, observer: Observer, what: str) -> tuple[Rate, list[Counter]]:
    """The rate over a window and the readings it comes from; a disturbed window is measured again.

    A lab that is gone is deployed anew, but its replica counts are then the manifests': that is for the
    caller to see to, so LabLost goes through.

    Raises:
        LabLost: the lab does not answer.
        DclabError: the third window in a row was disturbed, too.
    """
    for attempt in range(3):
        samples: list[Counter] = []
        try:
            samples.extend(sample_counter(lab, seconds))
            rate = estimate_rate(samples)
        except (CounterReset, Disturbed) as error:
            observer.caveat(Caveat(code=error.code, message=f"{what}: {error.what}", hint="It was measured again."))
            if attempt == 2:
                raise
            lab.ready()
        else:
            return rate, samples
        finally:
            observer.raw("counter", ({"what": what, "t": one.t, "hashes": one.hashes} for one in samples))
    raise LabLost("The counter could not be sampled.")
