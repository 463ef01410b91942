"""The ratio of two rates with its interval, and what it says: more, no more, or that one cannot tell."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from dclab.results import Rate

__all__ = ["HELPS", "Ratio", "Verdict", "quotient", "verdict"]

Verdict = Literal["more", "no more", "cannot tell"]

HELPS = 1.2
"""A rate that a change raises by this factor was limited by what was changed."""


class Ratio(NamedTuple):
    """How many times one rate is another, with its 95 % interval."""

    mean: float
    low: float
    high: float
    """Infinite where the lower rate cannot be told from zero."""


def quotient(upper: Rate, lower: Rate) -> Ratio:
    """Return the ratio of two independent rates with its 95 % interval.

    Fieller's theorem (E. C. Fieller, J. R. Stat. Soc. B 16, 1954), with the half widths as the errors; where
    the lower rate cannot be told from zero the interval is open upwards.
    """
    mean = upper.mean / lower.mean if lower.mean else math.inf
    e_upper = (upper.ci95_high - upper.ci95_low) / 2
    e_lower = (lower.ci95_high - lower.ci95_low) / 2
    relative = e_lower / lower.mean if lower.mean else math.inf
    g = relative * relative
    if g >= 1:
        return Ratio(mean, 0.0, math.inf)
    root = math.hypot(e_upper * math.sqrt(1 - g), mean * e_lower) / lower.mean
    return Ratio(mean, (mean - root) / (1 - g), (mean + root) / (1 - g))


def verdict(ratio: Ratio, threshold: float = HELPS) -> Verdict:
    """Return whether the ratio is above the threshold, is not, or cannot be told from it."""
    if ratio.low > threshold:
        return "more"
    return "no more" if ratio.high < threshold else "cannot tell"
