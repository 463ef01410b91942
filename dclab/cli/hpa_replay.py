"""dclab hpa-replay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.options import JsonOption, QuietOption, VerboseOption
from dclab.cli.session import session
from dclab.errors import InvalidInput

if TYPE_CHECKING:
    from dclab.autoscaler import AutoscalerSpec, Decision

__all__ = ["hpa_replay"]


def hpa_replay(
    hpa: Annotated[Path, typer.Argument(metavar="HPA.yaml", help="The HorizontalPodAutoscaler to try.")],
    trace: Annotated[
        Path, typer.Argument(metavar="TRACE.jsonl", help="What was observed: a run's raw/hpa-trace.jsonl.")
    ],
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run Kubernetes' autoscaling over a trace.

    What it would decide at each pass, and why, beside what was decided then. The observations stay those of the trace:
    other decisions would have led to others.

    Example: dclab hpa-replay my-hpa.yaml reports/20260101-120000-embedded/raw/hpa-trace.jsonl
    """
    with session("hpa-replay", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.autoscaler import parse_autoscaler
        from dclab.autoscaler.trace import read, replay
        from dclab.output import table

        spec = parse_autoscaler(_manifest(hpa))
        header, passes = read(trace)
        rows: list[dict[str, Any]] = []
        for one, decision in replay(spec, passes):
            metric = decision.metrics[0]
            rows.append(
                {
                    "seconds": one.at - passes[0].at,
                    "replicas": one.seen.replicas,
                    "metric": metric.current,
                    "target": metric.target,
                    "desired": decision.desired,
                    "recorded": one.outcome.desired if one.outcome else None,
                    "reason": _reason(spec, one.seen.replicas, decision),
                }
            )
        known = [one for one in rows if one["recorded"] is not None]
        differing = sum(one["desired"] != one["recorded"] for one in known)
        shown = [
            (
                f"{one['seconds']:.0f}",
                one["replicas"],
                "<unknown>" if one["metric"] is None else f"{one['metric']:g}/{one['target']:g}",
                one["desired"],
                "–" if one["recorded"] is None else one["recorded"],
                one["reason"],
            )
            for one in rows
        ]
        output.show(
            f"Trace of {header.kubernetes}, {len(rows)} passes.",
            table("s", "replicas", "metric", "decided", "then", "why", rows=shown),
            f"{differing} of {len(known)} decisions differ from those that were taken."
            if known
            else "The trace does not say what was decided.",
        )
        output.result({"passes": rows, "differing": differing if known else None})


def _manifest(file: Path) -> Any:
    import yaml

    try:
        documents = [one for one in yaml.safe_load_all(file.read_text(encoding="utf-8")) if one]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(f"{file} cannot be read as YAML.", str(error).splitlines()[0]) from error
    if len(documents) != 1:
        raise InvalidInput(f"{file} holds {len(documents)} documents.", "One HorizontalPodAutoscaler is needed.")
    return documents[0]


def _reason(spec: AutoscalerSpec, replicas: int, decision: Decision) -> str:
    """Why a pass decided as it did, in a few words and Kubernetes' own reason."""
    from dclab.autoscaler import ControllerSettings

    conditions = {one.type: one for one in decision.conditions}
    if decision.desired != replicas:
        said = next((one.message for one in decision.events if one.reason == "SuccessfulRescale"), "")
        limited = conditions.get("ScalingLimited")
        held = f"; {limited.message} ({limited.reason})" if limited and limited.status == "True" else ""
        return said.partition("reason: ")[2] + held
    active = conditions.get("ScalingActive")
    if active and active.status == "False":
        return f"{active.message} ({active.reason})"
    able = conditions["AbleToScale"].reason
    if able in ("ScaleUpStabilized", "ScaleDownStabilized"):
        direction = "lower" if able == "ScaleUpStabilized" else "higher"
        return f"a {direction} count was recommended within the stabilization window ({able})"
    limited = conditions.get("ScalingLimited")
    if limited and limited.status == "True":
        return f"{limited.message} ({limited.reason})"
    metric = decision.metrics[0]
    if metric.current is not None and metric.target:
        usual = ControllerSettings().tolerance
        up, down = (
            rules.tolerance if rules.tolerance is not None else usual for rules in (spec.scale_up, spec.scale_down)
        )
        if 1 - down <= metric.current / metric.target <= 1 + up:
            return "within the tolerance of the target"
    return "as many as are wanted"
