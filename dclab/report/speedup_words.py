"""The speedup of a sweep in sentences: how many times as fast, why not more, and which model the points bear out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from dclab.measure.queueing import bound_rate, knee
from dclab.measure.ratio import Ratio, quotient, verdict
from dclab.report.language import Words
from dclab.results import Sweep, SweepPoint

__all__ = ["model_name", "model_sentences", "speedup_outcome", "speedup_sentences"]

ENGLISH = Words()

AS_MANY = 0.1
"""A speedup known to be this close to the number of times the workers is as many times."""


def speedup_sentences(sweep: Sweep, words: Words = ENGLISH) -> Iterator[str]:
    """The exercise's question: how much faster, and why not as many times as there are workers."""
    if sweep.speedup is None:
        return
    points = sorted(sweep.points, key=lambda one: one.workers)
    few, many = points[0], points[-1]
    times = many.workers / few.workers
    low, high = sweep.speedup_ci95_low, sweep.speedup_ci95_high
    made = words(
        "{times:.4g} times the workers made it {speedup:.2f} times as fast", times=times, speedup=sweep.speedup
    )
    if low is None or high is None:
        yield made + words(".")
        return
    found = Ratio(sweep.speedup, low, high)
    yield made + words(" (95 %: {low:.2f} to {high:.2f})", low=low, high=high) + _beside(found, times, words)
    if sweep.webui_speedup is not None and not low <= sweep.webui_speedup <= high:
        yield words(
            "By the web UI's readings it would be {times:.1f} times: its one-second figure shows the workers' batches, not "
            "the rate.",
            times=sweep.webui_speedup,
        )
    yield from _most(many, words)


def speedup_outcome(found: Ratio, times: float) -> Literal["as many", "fewer", "more", "cannot tell"]:
    """Return how a speedup compares with as many times the workers."""
    if verdict(found, (1 - AS_MANY) * times) == "more" and verdict(found, (1 + AS_MANY) * times) == "no more":
        return "as many"
    told = verdict(found, times)
    return "fewer" if told == "no more" else "more" if told == "more" else "cannot tell"


def _beside(found: Ratio, times: float, words: Words) -> str:
    """The speedup beside what as many times the workers should give."""
    match speedup_outcome(found, times):
        case "as many":
            return words(": as many times as there are workers, to within 10 %.")
        case "fewer":
            return words(", not {times:.4g} times.", times=times)
        case "more":
            return words(", more than {times:.4g} times.", times=times)
    return words(": at 99.9 %, whether it is as many times as there are workers cannot be told.")


def _most(many: SweepPoint, words: Words) -> Iterator[str]:
    """What rng allows, where that is what was measured with the most workers."""
    if not many.rng_replicas:
        return
    most = bound_rate(many.workers, many.rng_replicas)
    rate = many.hashes_per_second
    measured = Ratio(rate.mean, rate.ci95_low, rate.ci95_high)
    enough = knee(many.rng_replicas)
    if many.workers > enough and verdict(measured, (1 - AS_MANY) * most) == "more" and rate.ci95_low <= most:
        if many.rng_replicas == 1:
            yield words(
                "One rng serves one request of 0.1 s at a time, so {most:.0f} hashes/s are possible at most; {knee:.0f} "
                "workers (0.3 s a hash each) could reach that if none had to wait, and more only queue.",
                most=most,
                knee=enough,
            )
        else:
            yield words(
                "Each of {replicas} replicas of rng serves one request of 0.1 s at a time, so {most:.0f} hashes/s are possible "
                "at most; {knee:.0f} workers (0.3 s a hash each) could reach that if none had to wait, and more only queue.",
                replicas=many.rng_replicas,
                most=most,
                knee=enough,
            )


def model_name(name: str, words: Words) -> str:
    """Return the name of a model of the sweep in the report's language."""
    return {"linear": words("linear"), "bound": words("queueing bound")}.get(name, name)


def model_sentences(sweep: Sweep, words: Words = ENGLISH) -> Iterator[str]:
    """Which model the points bear out, and where it bends."""
    best = next((one for one in sweep.models if one.name == sweep.best_model), None)
    if best is None:
        return
    far = max(abs(one) for one in best.residuals)
    if best.name == "bound" and best.knee is not None:
        yield words(
            "Of the models the queueing bound fits best (to within {far:.2f} hashes/s): a worker alone takes "
            "{cycle_ms:.0f} ms a hash, all of them together make at most {cap:.2f} hashes/s, and the two meet at "
            "{knee:.1f} workers.",
            far=far,
            cycle_ms=1000 * best.parameters["cycle_seconds"],
            cap=best.parameters["cap"],
            knee=best.knee,
        )
    else:
        yield words(
            "Of the models {name} fits best, to within {far:.2f} hashes/s.", name=model_name(best.name, words), far=far
        )
    usl = next((one for one in sweep.models if one.name == "USL" and one.knee is not None), None)
    if usl is not None and best.name == "bound" and usl.knee is not None and _level_after(usl.knee, sweep):
        yield words(
            "The universal scalability law alone would predict a peak at {knee:.0f} workers and a decline after it; the "
            "measured rate levels off instead.",
            knee=usl.knee,
        )


DECLINE = 0.9
"""A rate that is known to stay above this share of an earlier one has not declined."""


def _level_after(peak: float, sweep: Sweep) -> bool:
    """Whether the rate with the most workers is known to be no lower than at the last point before the peak."""
    points = sorted(sweep.points, key=lambda one: one.workers)
    before = [one for one in points if one.workers <= peak]
    if not before or points[-1].workers <= peak:
        return False
    return verdict(quotient(points[-1].hashes_per_second, before[-1].hashes_per_second), DECLINE) == "more"
