"""Verdicts with three outcomes: a figure with its interval against a threshold is more, no more, or cannot be told from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from dclab.measure.mean import Mean
from dclab.results import Intervention, Rate

__all__ = [
    "FLAT",
    "HELPS",
    "SAME",
    "Direction",
    "Ratio",
    "Verdict",
    "decided_by",
    "direction",
    "excess",
    "pooled",
    "quotient",
    "ratio_of_means",
    "seconds_to_tell",
    "unchanged_rate",
    "verdict",
]

Verdict = Literal["more", "no more", "cannot tell"]

Direction = Literal["higher", "lower", "same", "cannot tell"]

HELPS = 1.2
"""A rate that a change raises by this factor was limited by what was changed."""
SAME = 1.03
"""Figures that differ by less than this factor are the same when runs are compared."""
FLAT = 1.1
"""Twice the workers, and the rate rose by less than this factor: a plateau."""
SURE = 3.29 / 1.96
"""A run says some twenty verdicts, each perhaps after several looks. With intervals of 95 % one in forty would be wrong on
either side, so each must hold for an interval of 99.9 %, so many times as wide."""
LONGEST_SECONDS = 600.0
"""Nobody measures one window for longer than this."""


class Interval(Protocol):
    """A figure with its 95 % interval."""

    @property
    def mean(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


class Ratio(NamedTuple):
    """How many times one rate is another, with its 95 % interval."""

    mean: float
    low: float
    high: float
    """Infinite where the lower rate cannot be told from zero."""


def quotient(upper: Rate, lower: Rate) -> Ratio:
    """Return the ratio of two independent rates with its 95 % interval."""
    return _fieller((upper.mean, upper.half_width), (lower.mean, lower.half_width))


def ratio_of_means(upper: Mean, lower: Mean) -> Ratio:
    """Return the ratio of two independent means with its 95 % interval."""
    return _fieller((upper.mean, (upper.high - upper.low) / 2), (lower.mean, (lower.high - lower.low) / 2))


def excess(upper: Mean, lower: Mean, times: float) -> Mean:
    """Return by how much one mean is more than so many times another, which may be zero."""
    half = math.hypot((upper.high - upper.low) / 2, times * (lower.high - lower.low) / 2)
    mean = upper.mean - times * lower.mean
    return Mean(mean, mean - half, mean + half)


def _fieller(upper: tuple[float, float], lower: tuple[float, float]) -> Ratio:
    """Fieller's theorem (E. C. Fieller, J. R. Stat. Soc. B 16, 1954), with the half widths as the errors.

    Where the lower figure cannot be told from zero the interval is open upwards.
    """
    (above, e_above), (below, e_below) = upper, lower
    mean = above / below if below else math.inf
    g = (e_below / below) ** 2 if below else math.inf
    if not math.isfinite(mean) or g >= 1:
        return Ratio(mean, 0.0, math.inf)
    root = math.hypot(e_above * math.sqrt(1 - g), mean * e_below) / below
    return Ratio(mean, (mean - root) / (1 - g), (mean + root) / (1 - g))


def verdict(found: Interval, threshold: float = HELPS) -> Verdict:
    """Return whether the figure is above the threshold, is not, or cannot be told from it, by 99.9 % (SURE)."""
    return _against(*decided_by(found), threshold)


def decided_by(found: Interval) -> tuple[float, float]:
    """Return the interval of 99.9 % by which verdicts are given."""
    return found.mean - SURE * (found.mean - found.low), found.mean + SURE * (found.high - found.mean)


def _against(low: float, high: float, threshold: float) -> Verdict:
    if low > threshold:
        return "more"
    return "no more" if high < threshold else "cannot tell"


def direction(ratio: Ratio, *, least: float = 1.0) -> Direction:
    """Return whether the ratio is higher or lower than 1 by more than the factor `least`, or within SAME of 1.

    A ratio that is known to lie within SAME of 1 is the same, even where it is known not to be 1. Its interval is taken as it
    is, so a caller that compares many figures widens it.
    """
    if _against(ratio.low, ratio.high, SAME) == "no more" and _against(ratio.low, ratio.high, 1 / SAME) == "more":
        return "same"
    if _against(ratio.low, ratio.high, least) == "more":
        return "higher"
    return "lower" if _against(ratio.low, ratio.high, 1 / least) == "no more" else "cannot tell"


def seconds_to_tell(found: Ratio, threshold: float, seconds: float) -> float | None:
    """Return how long windows must be for a verdict, where those of `seconds` could not give one.

    Half widths shrink with the square root of the time, so they fit into the gap between the ratio and the threshold
    after (half / gap)² times as long. None where that is too long to be advice, or the interval is open.
    """
    half = SURE * (found.mean - found.low if found.mean > threshold else found.high - found.mean)
    gap = abs(found.mean - threshold)
    if not math.isfinite(half) or half > gap * math.sqrt(LONGEST_SECONDS / max(seconds, 1.0)):
        return None
    return seconds * (half / gap) ** 2


def pooled(rates: Sequence[Rate]) -> Rate:
    """Return several measurements of the same rate as one, each weighted by how sure it is.

    Where they contradict each other, the interval holds them all.

    Args:
        rates: one or more.
    """
    if len(rates) == 1:
        return rates[0]
    halves = [one.half_width for one in rates]
    weights = [1 / one**2 for one in halves] if all(halves) else [1.0] * len(halves)
    mean = sum(weight * one.mean for weight, one in zip(weights, rates, strict=True)) / sum(weights)
    low, high = max(one.ci95_low for one in rates), min(one.ci95_high for one in rates)
    if low > high:
        half = max(max(one.ci95_high for one in rates) - mean, mean - min(one.ci95_low for one in rates))
    else:
        half = 1 / math.sqrt(sum(weights)) if all(halves) else 0.0
    seconds = [one.seconds for one in rates if one.seconds is not None]
    return Rate(
        mean=mean,
        ci95_low=max(0.0, mean - half),
        ci95_high=mean + half,
        seconds=sum(seconds) if len(seconds) == len(rates) else None,
        on_cap=any(one.on_cap for one in rates),
        unstable=low > high or any(one.unstable for one in rates),
    )


def unchanged_rate(interventions: Sequence[Intervention]) -> Rate | None:
    """Return the rate with nothing changed, from before and after the changes together; None where it was not measured."""
    rates = [one.hashes_per_second for one in interventions if one.service is None]
    return pooled(rates) if rates else None
