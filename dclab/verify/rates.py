"""Recompute the rates of sweep and proof from readings and reports, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from msgspec import to_builtins

from dclab.errors import DclabError
from dclab.experiments.proof import theory
from dclab.experiments.recompute import recomputed_rate
from dclab.experiments.sweep import sweep_of
from dclab.lab import Counter
from dclab.measure.mean import mean_interval
from dclab.measure.webui_reading import most_frequent, webui_readings
from dclab.results import Intervention, Rate, Results, Sweep, SweepPoint
from dclab.verify.finding import Finding, differences
from dclab.verify.raw import Raw, WaitRow, WindowRow

__all__ = ["rates_checked", "verify_rates"]


def verify_rates(results: Results, raw: Raw) -> Iterator[Finding]:
    """Yield what differs in sweep and proof. Rates whose windows are not in the raw data are named, too."""
    windows = {one.what: one for one in raw.windows}  # of several attempts the last one counts
    if results.sweep:
        for index, point in enumerate(results.sweep.points):
            yield from _point(f"sweep.points[{index}]", point, windows, raw)
        yield from _sweep(results.sweep)
        yield from _left_out(results, windows)
    measured = [one for one in results.interventions if f"proof {one.name}" in windows]
    waits = dict(zip((one.name for one in measured), _waits(raw.proof), strict=False))
    for index, each in enumerate(results.interventions):
        yield from _intervention(f"interventions[{index}]", each, windows, waits, raw, results)
    for phase, rate in results.autoscale.rates.items() if results.autoscale else ():
        if window := windows.get(f"demonstration {phase}"):  # files of older versions have none
            yield from _rate(f"autoscale.rates.{phase}", rate, window, raw)


def rates_checked(results: Results, raw: Raw) -> int:
    """Return how many rates of the results the raw data have a window of."""
    windows = {one.what for one in raw.windows}
    points = results.sweep.points if results.sweep else ()
    named = [
        *(_named(one.workers) for one in points),
        *(f"proof {one.name}" for one in results.interventions),
        *(f"demonstration {one}" for one in (results.autoscale.rates if results.autoscale else ())),
    ]
    return sum(one in windows for one in named)


def _named(workers: int) -> str:
    return f"{workers} worker{'s' * (workers != 1)}"


def _rate(where: str, said: Rate, window: WindowRow | None, raw: Raw) -> Iterator[Finding]:
    if window is None:
        yield Finding(where=where, why="the raw data have no window of it")
        return
    try:
        found = recomputed_rate(
            window.what,
            counter=to_builtins(raw.of(window, raw.counter)),
            reports=to_builtins(raw.of(window, raw.reports)),
            windows=[to_builtins(window)],
        )
    except (DclabError, IndexError, ValueError) as error:
        yield Finding(
            where=where, why=f"the raw data give no rate ({getattr(error, 'what', error)})".replace(".)", ")")
        )
        return
    # That a window ended at its longest is known while it is measured, and not from its readings.
    yield from differences(where, to_builtins(said), to_builtins(replace(found, on_cap=said.on_cap)))


def _point(where: str, point: SweepPoint, windows: Mapping[str, WindowRow], raw: Raw) -> Iterator[Finding]:
    window = windows.get(_named(point.workers))
    yield from _rate(f"{where}.hashes_per_second", point.hashes_per_second, window, raw)
    if window is None:
        return
    samples = [Counter(t=one.t, hashes=one.hashes, coins=0) for one in raw.of(window, raw.counter)]
    readings = webui_readings(samples)
    computed = {
        "workers": window.workers,
        "rng_replicas": window.rngs,
        "samples": len(samples),
        "seconds": samples[-1].t - samples[0].t if samples else 0.0,
        "webui_readings": list(readings),
        "webui_reading": most_frequent(readings),
        "on_cap": point.hashes_per_second.on_cap,
    }
    said = to_builtins(point)
    yield from differences(where, {name: said[name] for name in computed}, computed)


def _sweep(sweep: Sweep) -> Iterator[Finding]:
    """What follows from the points."""
    computed, said = to_builtins(sweep_of(sweep.points, sweep.lost_workers)), to_builtins(sweep)
    for name in ("speedup", "speedup_ci95_low", "speedup_ci95_high", "webui_speedup", "models", "best_model"):
        yield from differences(f"sweep.{name}", said[name], computed[name])


def _left_out(results: Results, windows: Mapping[str, WindowRow]) -> Iterator[Finding]:
    """Of a whole run each window of the sweep is a point, unless the run says that it was lost."""
    if results.sweep is None or results.finished is None:
        return
    known = {_named(one) for one in (*(each.workers for each in results.sweep.points), *results.sweep.lost_workers)}
    for what in windows:
        if what.split()[-1] in ("worker", "workers") and what not in known:
            yield Finding(
                where="sweep.points", why=f"the raw data have a window of {what}, and the results have no point of it"
            )


def _waits(rows: list[WaitRow]) -> Iterator[Mapping[str, list[WaitRow]]]:
    """Yield the probes beside each window, by service: they stand service by service, window after window."""
    group: dict[str, list[WaitRow]] = {}
    last = ""
    for one in rows:
        if one.target != last and one.target in group:
            yield group
            group = {}
        group.setdefault(one.target, []).append(one)
        last = one.target
    if group:
        yield group


def _intervention(
    where: str,
    each: Intervention,
    windows: Mapping[str, WindowRow],
    waits: Mapping[str, Mapping[str, list[WaitRow]]],
    raw: Raw,
    results: Results,
) -> Iterator[Finding]:
    expected = theory(each)
    for name in ("at_most", "predicted"):
        yield from differences(f"{where}.{name}", getattr(each, name), getattr(expected, name))
    window = windows.get(f"proof {each.name}")
    if window is None and each.service is None and results.sweep:  # the sweep's last point is the first baseline
        point = next((one for one in results.sweep.points if one.workers == each.workers), None)
        if point is not None:
            yield from differences(
                f"{where}.hashes_per_second", to_builtins(each.hashes_per_second), to_builtins(point.hashes_per_second)
            )
            return
    yield from _rate(f"{where}.hashes_per_second", each.hashes_per_second, window, raw)
    if window is not None:
        yield from differences(f"{where}.workers", each.workers, window.workers)
    if each.name not in waits:
        return
    means = {target: mean_interval(one.total_ms for one in rows) for target, rows in waits[each.name].items()}
    known = {target: one for target, one in means.items() if one}
    yield from differences(f"{where}.probe_ms", dict(each.probe_ms), {name: one.mean for name, one in known.items()})
    yield from differences(
        f"{where}.probe_ms_ci95",
        to_builtins(dict(each.probe_ms_ci95)),
        {name: [one.low, one.high] for name, one in known.items()},
    )
