"""Means of values that are not always known."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

__all__ = ["mean_of_known"]


def mean_of_known(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are known; None when none is."""
    known = [one for one in values if one is not None]
    return fmean(known) if known else None
