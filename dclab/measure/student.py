"""Student's t distribution, as far as confidence intervals need it."""

from __future__ import annotations

import math

__all__ = ["t_quantile"]


def _upper_tail(t: float, df: float) -> float:
    """P(T > t) for t >= 0, by the continued fraction of the incomplete beta function.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.5.8 and 26.7.1.
    """
    a, b, x = df / 2, 0.5, df / (df + t * t)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    swap = x > (a + 1) / (a + b + 2)
    if swap:
        a, b, x = b, a, 1 - x
    tiny = 1e-300
    c, d = 1.0, 1 / max(tiny, 1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 300):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + numerator * d or tiny)
            c = 1 + numerator / c or tiny
            fraction *= d * c
        if abs(d * c - 1) < 1e-14:
            break
    beta = front * fraction / a
    return (1 - beta if swap else beta) / 2


def t_quantile(df: float, confidence: float = 0.95) -> float:
    """The t for which |T| stays below it with this probability, at `df` (> 0) degrees of freedom."""
    low, high = 0.0, 1e4
    wanted = (1 - confidence) / 2
    for _ in range(80):
        middle = (low + high) / 2
        if middle == 0 or _upper_tail(middle, df) > wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2
