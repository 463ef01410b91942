"""dclab hpa-replay."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.result import Result
from dclab.cli.verb import Call, verb
from dclab.errors import InvalidInput

if TYPE_CHECKING:
    from dclab.autoscaler import AutoscalerSpec, ControllerSettings
    from dclab.autoscaler.trace import Header
    from dclab.results import Elasticity, MetricReading

SLO_MS = 100.0
"""Objective for the wait of a worker's call."""


@dataclass(frozen=True, kw_only=True)
class ReplayedPass:
    """One pass: what was seen, what is decided now and was decided then."""

    seconds: float
    """Since the first pass."""
    replicas: int
    metric: float | None
    """Of the first metric."""
    target: float
    metrics: Sequence[MetricReading]
    """All of them; the one that wants most replicas decides."""
    desired: int
    recorded: int | None
    """None where the trace does not say."""
    reason: str


@verb
def hpa_replay(
    call: Call,
    hpa: Annotated[Path, typer.Argument(metavar="HPA.yaml", help="The HorizontalPodAutoscaler to try.")],
    trace: Annotated[
        Path,
        typer.Argument(
            metavar="TRACE.jsonl",
            help="What was observed: a run's raw/hpa-trace.jsonl, or the folder of a run of hpa-demo.",
        ),
    ],
    kubernetes: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="Kubernetes version whose feature gates apply, such as 1.35.",
            show_default="the trace's, or else 1.34",
        ),
    ] = None,
) -> Result:
    """Replay an autoscaler over a recorded trace.

    Prints what Kubernetes' algorithm would decide at each pass, and why, beside what was decided then. The observations stay as
    recorded, although other decisions would have changed them, so each row stands alone. Rate limits use the changes in the
    trace. The format of a trace is described in docs/en/reference/trace.md. For a run's folder it also prints the scores: how well
    the autoscaler that ran followed demand, for an objective of 100 ms.

    Example: dclab hpa-replay my-hpa.yaml reports/20260101-120000-embedded/raw/hpa-trace.jsonl
    """
    from dclab.autoscaler import parse_autoscaler
    from dclab.autoscaler.explain import reason
    from dclab.autoscaler.trace import followed, read, replay

    spec = parse_autoscaler(_manifest(hpa))
    header, passes = read(trace / "raw" / "hpa-trace.jsonl" if os.path.isdir(trace) else trace)
    settings = followed(header.kubernetes if kubernetes is None else _version(kubernetes))
    rows = [
        ReplayedPass(
            seconds=one.at - passes[0].at,
            replicas=one.seen.replicas,
            metric=decision.metrics[0].current,
            target=decision.metrics[0].target,
            metrics=decision.metrics,
            desired=decision.desired,
            recorded=one.outcome.desired if one.outcome else None,
            reason=reason(one.seen.replicas, decision),
        )
        for one, decision in replay(spec, passes, settings)
    ]
    known = [one for one in rows if one.recorded is not None]
    differing = sum(one.desired != one.recorded for one in known) if known else None
    return Result(
        _lines,
        kubernetes=header.kubernetes,
        follows=".".join(map(str, settings.kubernetes)),
        notes=list(_notes(spec, settings, header)),
        passes=rows,
        differing=differing,
        scores=_scores(trace) if os.path.isdir(trace) else None,
    )


def _scores(folder: Path) -> Elasticity | None:
    """Return the scores of the demonstration in a run's folder."""
    from dclab.elasticity.recorded import demonstrated
    from dclab.run_folder import load_results

    found = demonstrated(load_results(folder), SLO_MS)
    return found.runs[0].scores if found else None


def _version(text: str) -> str:
    if not re.fullmatch(r"v?1\.[0-9]{1,3}(\.[0-9]{1,3})?", text):
        raise InvalidInput(f"{text!r} is not a version of Kubernetes.", "It must look like 1.35 or v1.34.4.")
    return text


def _notes(spec: AutoscalerSpec, settings: ControllerSettings, header: Header) -> Iterator[str]:
    """What the reader of the decisions must know."""
    observed = header.target
    if observed is not None and observed != spec.target:
        yield (
            f"The trace is of deployment {observed}, but this autoscaler scales {spec.target}: "
            f"the decisions are what it would make of {observed}'s pods."
        )
    given = [rules.tolerance for rules in (spec.behavior.up, spec.behavior.down)] if spec.behavior else []
    if any(one is not None for one in given) and not settings.configurable_tolerance:
        version = ".".join(map(str, settings.kubernetes))
        yield (
            f"Its tolerance is ignored, as in Kubernetes {version}, where the feature gate HPAConfigurableTolerance is off; "
            "it is on from 1.35: --kubernetes 1.35."
        )


def _lines(
    kubernetes: str,
    follows: str,
    notes: Sequence[str],
    passes: Sequence[ReplayedPass],
    differing: int | None,
    scores: Elasticity | None,
) -> Iterator[Any]:
    from dclab.autoscaler.spec import ALGORITHM
    from dclab.cli.terminal_text import table

    yield (
        f"Trace of {kubernetes}, {len(passes)} passes, each decided on what it observed: "
        f"Kubernetes' algorithm of {ALGORITHM}, feature gates of {follows}."
    )
    yield from notes
    rows = [
        (
            f"{one.seconds:.0f}",
            one.replicas,
            ", ".join(f"{each.name} {each.figures}" if len(one.metrics) > 1 else each.figures for each in one.metrics),
            one.desired,
            "–" if one.recorded is None else one.recorded,
            one.reason,
        )
        for one in passes
    ]
    yield table("s", "replicas", "metric", "decided", "then", "why", rows=rows)
    known = sum(one.recorded is not None for one in passes)
    yield (
        "The trace does not say what was decided."
        if differing is None
        else f"{differing} of {known} decisions differ from those that were taken."
    )
    if scores:
        from dclab.cli.score_table import score_tables

        yield from score_tables([("as it ran", scores)])


def _manifest(file: Path) -> Any:
    from dclab.user_files import read_yaml

    documents = read_yaml(file)
    if len(documents) != 1:
        raise InvalidInput(f"{file} holds {len(documents)} documents.", "One HorizontalPodAutoscaler is needed.")
    return documents[0]
