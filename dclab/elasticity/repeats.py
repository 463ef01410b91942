"""The same simulated run with several seeds: its mean scores, and how far one run lies from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from statistics import fmean, median_low

from dclab.autoscaler import AutoscalerSpec
from dclab.elasticity.closed_loop import Conditions, SimulatedRun, simulate_run
from dclab.measure.moments import variance
from dclab.measure.student import t_quantile
from dclab.results import Elasticity, Spread

__all__ = ["Prediction", "mean_scores", "predict", "spread_of_mean", "spread_of_one"]

NAMES = tuple(one.name for one in fields(Elasticity))
WHOLE = {"reversals"}


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What an autoscaler is expected to score."""

    runs: tuple[SimulatedRun, ...]
    scores: Elasticity
    """Means over the runs."""
    scores_high: Elasticity | None
    """The same against `needed_high`, where that differs from `needed`."""

    @property
    def typical(self) -> SimulatedRun:
        """The run whose cost is the median."""
        middle = median_low(one.scores.cost for one in self.runs)
        return next(one for one in self.runs if one.scores.cost == middle)

    @property
    def spread(self) -> Mapping[str, Spread]:
        """By score: within what one run lies."""
        return spread_of_one([one.scores for one in self.runs])


def predict(spec: AutoscalerSpec, conditions: Conditions, seeds: Iterable[int]) -> Prediction:
    """Simulate a run for each of these seeds."""
    runs = tuple(simulate_run(spec, conditions, seed) for seed in seeds)
    high = [one.scores_high for one in runs if one.scores_high]
    return Prediction(
        runs=runs, scores=mean_scores([one.scores for one in runs]), scores_high=mean_scores(high) if high else None
    )


def mean_scores(scores: Sequence[Elasticity]) -> Elasticity:
    """Return the means over runs; reversals are rounded, and what most runs do not have is None."""
    means = {name: _mean([getattr(one, name) for one in scores]) for name in NAMES}
    return Elasticity(**{name: round(value) if name in WHOLE else value for name, value in means.items()})  # type: ignore[arg-type]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return fmean(known) if 2 * len(known) > len(values) else None


def spread_of_mean(scores: Sequence[Elasticity]) -> Mapping[str, Spread]:
    """Return the 95 % interval of each score's mean over repeats, by Student's t; {} for fewer than two."""
    return _spread(scores, 0.0)


def spread_of_one(scores: Sequence[Elasticity]) -> Mapping[str, Spread]:
    """Return within what one further run lies with 95 %, by score; {} for fewer than two repeats.

    The prediction interval for a normal sample: mean ± t s sqrt(1 + 1 / n).
    """
    return _spread(scores, 1.0)


def _spread(scores: Sequence[Elasticity], further: float) -> dict[str, Spread]:
    found = {}
    for name in NAMES:
        known = [float(value) for one in scores if (value := getattr(one, name)) is not None]
        if len(known) < 2:
            continue
        half = t_quantile(len(known) - 1) * (variance(known) * (further + 1 / len(known))) ** 0.5
        mean = fmean(known)
        found[name] = Spread(low=mean - half, high=mean + half, repeats=len(known))
    return found
