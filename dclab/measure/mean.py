"""Means of values that are not always known, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import fmean, stdev
from typing import NamedTuple

from dclab.measure.student import t_quantile

__all__ = ["Mean", "mean_interval", "mean_of_known"]


class Mean(NamedTuple):
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


def mean_of_known(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are known; None when none is."""
    known = [one for one in values if one is not None]
    return fmean(known) if known else None


def mean_interval(values: Iterable[float | None]) -> Mean | None:
    """Return the mean of the values that are known, with Student's interval; None for fewer than two.

    The interval takes them to be independent. None of them is negative, and neither is its lower end.
    """
    known = [one for one in values if one is not None]
    if len(known) < 2:
        return None
    mean = fmean(known)
    half = t_quantile(len(known) - 1) * stdev(known) / math.sqrt(len(known))
    return Mean(mean, max(0.0, mean - half), mean + half)
