"""Models of how the rate depends on the number of workers, fitted to a sweep, and which of them it bears out.

- linear: X = a N.
- Amdahl: X = a N / (1 + s (N - 1)) (G. M. Amdahl, AFIPS 1967).
- USL, the universal scalability law: X = a N / (1 + s (N - 1) + k N (N - 1)) (N. J. Gunther, Guerrilla Capacity
  Planning, 2007).
- bound: X = min(N / C, cap), a closed queueing system's upper bound: C is a worker's cycle without queueing, 1 / cap
  the service time of its one serial server (Denning and Buzen, ACM Computing Surveys 10, 1978).

DockerCoins follows the bound. The USL alone describes it wrongly: it has no corner, and so invents a peak.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from statistics import fmean

from dclab.results import ModelFit, ModelName, SweepPoint

__all__ = ["PARAMETERS", "best_model", "fit_models", "fit_usl", "modelled_rate"]

Points = Sequence[tuple[float, float]]
"""(workers, rate), in increasing order of workers."""
Curve = Callable[[float, Sequence[float]], float]

STEPS = 500
FLAT = 1e-14
CORNER = 0.05
"""How far beyond a point the corner may seem to lie when it is at that point, given the rates' own errors."""
LEAST_RATE = 1e-6
"""Hashes per second: a lower rate is none."""
LEAST_RELATIVE_ERROR = 1e-3
"""Residuals smaller than a thousandth of the rate are the measurement's, and make no model better than another."""


def _linear(n: float, p: Sequence[float]) -> float:
    return p[0] * n


def _amdahl(n: float, p: Sequence[float]) -> float:
    return p[0] * n / (1 + p[1] * (n - 1))


def _usl(n: float, p: Sequence[float]) -> float:
    return p[0] * n / (1 + p[1] * (n - 1) + p[2] * n * (n - 1))


def _bound(n: float, p: Sequence[float]) -> float:
    return min(n / p[0], p[1])


def _solve(matrix: list[list[float]], right: list[float]) -> list[float] | None:
    """A small linear system by Gauss' elimination with pivoting; None when it is singular."""
    size = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        if not rows[pivot][column]:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for row in range(size):
            if row != column:
                factor = rows[row][column] / rows[column][column]
                rows[row] = [a - factor * b for a, b in zip(rows[row], rows[column], strict=True)]
    return [rows[index][size] / rows[index][index] for index in range(size)]


def _rss(curve: Curve, p: Sequence[float], points: Points) -> float:
    """Sum of the squared residuals; infinite where a step went so far that it cannot be calculated."""
    try:
        return sum((x - curve(n, p)) ** 2 for n, x in points)
    except OverflowError:
        return math.inf


def _least_squares(curve: Curve, start: Sequence[float], points: Points) -> list[float]:
    """Parameters, none below 0, by Levenberg and Marquardt's method (D. Marquardt, SIAM J. Appl. Math. 11, 1963)."""
    p, damping = list(start), 1e-3
    rss = _rss(curve, p, points)
    for _ in range(STEPS):
        steps = [1e-6 * max(abs(one), 1e-4) for one in p]
        slopes = [
            [(curve(n, [*p[:i], one + steps[i], *p[i + 1 :]]) - curve(n, p)) / steps[i] for i, one in enumerate(p)]
            for n, _ in points
        ]
        errors = [x - curve(n, p) for n, x in points]
        normal = [[sum(row[i] * row[j] for row in slopes) for j in range(len(p))] for i in range(len(p))]
        right = [sum(row[i] * error for row, error in zip(slopes, errors, strict=True)) for i in range(len(p))]
        damped = [[one * (1 + damping * (i == j)) for j, one in enumerate(row)] for i, row in enumerate(normal)]
        change = _solve(damped, right)
        if change is None:
            return p
        tried = [max(0.0, one + by) for one, by in zip(p, change, strict=True)]
        now = _rss(curve, tried, points)
        if not now <= rss:
            damping *= 10
            if damping > 1e12:
                return p
            continue
        gained, p, rss, damping = rss - now, tried, now, damping / 10
        if gained <= FLAT * rss:
            return p
    return p


def fit_usl(points: Points) -> tuple[float, float, float]:
    """Coefficients a, s and k of the universal scalability law; needs more points than these three."""
    first = points[0][1] / points[0][0]
    a, s, k = _least_squares(_usl, (first, 0.01, 0.0001), points)
    return a, s, k


def _fit_bound(points: Points) -> tuple[float, float] | None:
    """C and cap of the best split into points below and above the knee; None where no point is above it."""
    found = []
    for split in range(1, len(points)):
        below, above = points[:split], points[split:]
        slope = sum(n * x for n, x in below) / sum(n * n for n, _ in below)
        if slope <= 0:
            continue
        p = (1 / slope, fmean(x for _, x in above))
        knee = p[0] * p[1]
        # The corner lies between the two parts, or it is not theirs; and beyond the last point there is none.
        within = (1 - CORNER) * below[-1][0] <= knee <= (1 + CORNER) * above[0][0]
        if within and knee < (1 - LEAST_RELATIVE_ERROR) * points[-1][0]:
            found.append(p)
    return min(found, key=lambda p: _rss(_bound, p, points), default=None)


def fit_models(sweep: Sequence[SweepPoint]) -> tuple[ModelFit, ...]:
    """Every model that there are enough points for: one more than it has parameters. () for fewer than 3 points.

    AICc is n ln(RSS / n) + 2 q + 2 q (q + 1) / (n - q - 1) with q = parameters + 1 (C. M. Hurvich and C.-L. Tsai,
    Biometrika 76, 1989), and None where n - q - 1 is not positive.
    """
    points = sorted((float(one.workers), one.hashes_per_second.mean) for one in sweep)
    if len(points) < 3 or any(not math.isfinite(x) or x < LEAST_RATE or n <= 0 for n, x in points):
        return ()
    if any(a[0] == b[0] for a, b in pairwise(points)):
        return ()
    first = points[0][1] / points[0][0]
    found: list[ModelFit] = []
    slope = sum(n * x for n, x in points) / sum(n * n for n, _ in points)
    found.append(_fit("linear", _linear, {"a": slope}, points, None))
    a, s = _least_squares(_amdahl, (first, 0.1), points)
    found.append(_fit("Amdahl", _amdahl, {"a": a, "s": s}, points, None))
    if len(points) > 3:
        a, s, k = fit_usl(points)
        peak = math.sqrt((1 - s) / k) if k > 0 and s < 1 else None
        found.append(_fit("USL", _usl, {"a": a, "s": s, "k": k}, points, peak))
    bound = _fit_bound(points)
    if bound:
        cycle, cap = bound
        found.append(_fit("bound", _bound, {"cycle_seconds": cycle, "cap": cap}, points, cycle * cap))
    return tuple(found)


def _fit(name: ModelName, curve: Curve, given: Mapping[str, float], points: Points, knee: float | None) -> ModelFit:
    p, n, q = list(given.values()), len(points), len(given) + 1
    least = sum((LEAST_RELATIVE_ERROR * x) ** 2 for _, x in points)
    rss = max(_rss(curve, p, points), least)
    aicc = n * math.log(rss / n) + 2 * q + 2 * q * (q + 1) / (n - q - 1) if n - q - 1 > 0 else None
    return ModelFit(
        name=name,
        parameters=dict(given),
        aicc=aicc,
        residuals=tuple(x - curve(workers, p) for workers, x in points),
        knee=knee,
    )


def best_model(models: Sequence[ModelFit]) -> ModelFit | None:
    """The one of the lowest AICc; None when too few points leave the bound, or Amdahl's, without one."""
    judged = {one.name: one.aicc for one in models if one.aicc is not None}
    if not {"linear", "Amdahl"} <= set(judged):
        return None
    return min((one for one in models if one.aicc is not None), key=lambda one: one.aicc or 0.0)


CURVES: Mapping[ModelName, Curve] = {"linear": _linear, "Amdahl": _amdahl, "USL": _usl, "bound": _bound}
PARAMETERS: Mapping[ModelName, tuple[str, ...]] = {
    "linear": ("a",),
    "Amdahl": ("a", "s"),
    "USL": ("a", "s", "k"),
    "bound": ("cycle_seconds", "cap"),
}


def modelled_rate(model: ModelFit, workers: float) -> float:
    """Return the hashes per second that a fitted model gives for a number of workers."""
    return CURVES[model.name](workers, [model.parameters[name] for name in PARAMETERS[model.name]])
