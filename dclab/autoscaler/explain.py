"""Why a decision is as it is, for people."""

from __future__ import annotations

from dclab.autoscaler.decide import Decision

__all__ = ["reason"]


def reason(replicas: int, decision: Decision) -> str:
    """Return why a pass decided as it did, in a few words and Kubernetes' own reason."""
    conditions = {one.type: one for one in decision.conditions}
    if decision.desired != replicas:
        said = next(one.message for one in decision.events if one.reason == "SuccessfulRescale").partition("reason: ")[
            2
        ]
        limited = conditions.get("ScalingLimited")
        if said.startswith("Current number") or not limited or limited.status != "True":
            # The count was out of bounds, and the metrics were not read: the condition is of an earlier pass.
            return said or "a higher count was recommended within the stabilization window"
        return f"{said}; {limited.message} ({limited.reason})"
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
    return "within the tolerance of the target" if decision.near else "as many as are wanted"
