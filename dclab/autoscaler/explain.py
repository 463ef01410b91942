"""Why a decision is as it is, for people."""

from __future__ import annotations

from dclab.autoscaler.decide import Decision
from dclab.autoscaler.spec import AutoscalerSpec, ControllerSettings

__all__ = ["reason"]


def reason(spec: AutoscalerSpec, replicas: int, decision: Decision) -> str:
    """Return why a pass decided as it did, in a few words and Kubernetes' own reason."""
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
