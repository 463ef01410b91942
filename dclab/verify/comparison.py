"""A comparison of autoscalers from its points, and from what each autoscaler saw at its passes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import to_builtins

from dclab.autoscaler import parse_autoscaler
from dclab.elasticity.score import score_run
from dclab.elasticity.settling import settled
from dclab.elasticity.verdict import judged, verdicts
from dclab.experiments.hpa_compare import raw_suffix
from dclab.results import AutoscalerRun, Comparison, Results
from dclab.verify.autoscaling import verify_trace
from dclab.verify.finding import Finding, differences
from dclab.verify.raw import ElasticRow, Raw

__all__ = ["verify_comparison"]


def verify_comparison(results: Results, raw: Raw, folder: Path) -> Iterator[Finding]:
    """Yield what differs."""
    found = results.comparison
    if found is None:
        return
    for index, run in enumerate(found.runs):
        where = f"comparison.runs[{index}]"
        # One that was cut off was written now and then, its points at once.
        whole = results.finished is not None or index + 1 < len(found.runs)
        yield from _points(where, run, [one for one in raw.elastic if one.run == run.name], whole=whole)
        yield from _scores(where, run, found, whole=whole)
        trace = folder / "raw" / f"hpa-trace{raw_suffix(run.name)}.jsonl"
        if trace.exists():
            yield from verify_trace(run.manifest, trace)
    if found.verdicts:
        computed = [to_builtins(one) for one in verdicts([judged(one) for one in found.runs])]
        yield from differences("comparison.verdicts", to_builtins(found.verdicts), computed)


def _points(where: str, run: AutoscalerRun, rows: Sequence[ElasticRow], *, whole: bool) -> Iterator[Finding]:
    if not whole:
        rows = rows[: len(run.timeline)]
    yield from differences(f"{where}.timeline", to_builtins(run.timeline), [to_builtins(one.point) for one in rows])
    steps = list({one.demand.t: one.demand for one in rows}.values())
    # A step is in the rows from the point on that comes after the one at which it began.
    known = run.demand if whole or len(steps) == len(run.demand) else run.demand[:-1]
    yield from differences(f"{where}.demand", to_builtins(known), to_builtins(steps))


def _scores(where: str, run: AutoscalerRun, found: Comparison, *, whole: bool) -> Iterator[Finding]:
    scores, high = score_run(run.demand, run.timeline, run.seconds, found.slo_ms)
    yield from differences(f"{where}.scores", to_builtins(run.scores), to_builtins(scores))
    yield from differences(f"{where}.scores_high", to_builtins(run.scores_high), to_builtins(high))
    if whole and run.demand:
        spec = parse_autoscaler(run.manifest)
        rests, resting = settled(run.timeline, spec, run.seconds, run.demand[-1].t)
        yield from differences(f"{where}.settled", run.settled, rests)
        yield from differences(f"{where}.resting", run.resting, resting)
