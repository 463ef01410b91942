"""Student's t and Fisher's F distribution, as far as confidence intervals need them."""

from __future__ import annotations

import math
from functools import lru_cache

__all__ = ["t_quantile", "two_sided_p", "upper_tail_of_f"]


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function, by its continued fraction (Lentz's method).

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.5.8.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
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
    return 1 - beta if swap else beta


def _upper_tail(t: float, df: float) -> float:
    """P(T > t) for t >= 0 (Abramowitz and Stegun, 26.7.1)."""
    return _incomplete_beta(df / 2, 0.5, df / (df + t * t)) / 2


def upper_tail_of_f(f: float, above: float, below: float) -> float:
    """P(F > f) for the ratio of two variances with these degrees of freedom (Abramowitz and Stegun, 26.6.2)."""
    return _incomplete_beta(below / 2, above / 2, below / (below + above * max(0.0, f)))


@lru_cache(maxsize=4096)
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


def two_sided_p(t: float, df: float) -> float:
    """The probability that |T| exceeds |t|, at `df` (> 0) degrees of freedom."""
    return 2 * _upper_tail(abs(t), df) if t else 1.0
