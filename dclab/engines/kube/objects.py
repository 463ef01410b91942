"""What objects of the API say of themselves."""

from __future__ import annotations

from typing import Any

__all__ = ["is_ready", "rolled_out"]


def is_ready(pod: Any) -> bool:
    """Whether a pod takes requests: ready, and not on its way out."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = pod["status"].get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def rolled_out(deployments: list[Any]) -> bool:
    """Whether it has as many replicas as it should, all of its newest form, all ready."""
    for one in deployments:
        status, wanted = one["status"], one["spec"]["replicas"]
        counts = {status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")}
        if status.get("observedGeneration") != one["metadata"]["generation"] or counts != {wanted}:
            return False
    return bool(deployments)
