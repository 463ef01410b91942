"""Deployments of the lab: which there are, and when one has settled."""

from __future__ import annotations

import time
from typing import Any

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.diagnose import cause
from dclab.engines.kube.labels import SELECTOR
from dclab.errors import TimedOut

__all__ = ["names", "rolled_out", "wait_settled"]


RECOVERY_SECONDS = 90.0
"""For controllers to see that their server is back: client-go's reflectors back off to 30 s, and up to twice that
by jitter (k8s.io/client-go/tools/cache/reflector.go); then they have to act, and pods to start."""


def names(api: Api, namespace: str) -> list[str]:
    """Names of the lab's deployments."""
    listed = api.get(path_of("apps/v1", "Deployment", namespace), labelSelector=SELECTOR)
    return sorted(one["metadata"]["name"] for one in listed["items"])


def rolled_out(deployments: list[Any]) -> bool:
    """Whether it has as many replicas as it should, all of its newest form, all ready."""
    for one in deployments:
        status, wanted = one["status"], one["spec"]["replicas"]
        counts = {status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")}
        if status.get("observedGeneration") != one["metadata"]["generation"] or counts != {wanted}:
            return False
    return bool(deployments)


def _settled(api: Api, namespace: str, name: str, end: float) -> bool:
    return bool(
        api.wait(
            path_of("apps/v1", "Deployment", namespace),
            rolled_out,
            end - time.monotonic(),
            fieldSelector=f"metadata.name={name}",
        )
        and api.wait(
            path_of("v1", "Pod", namespace),
            lambda pods: not any("deletionTimestamp" in one["metadata"] for one in pods),
            end - time.monotonic(),
            labelSelector=f"app={name},{SELECTOR}",
        )
    )


def wait_settled(api: Api, namespace: str, name: str, seconds: float) -> None:
    """Return when the deployment is ready as it is wanted and no pod of it is ending; else TimedOut, with the cause.

    Where the API server was away meanwhile, its controllers have RECOVERY_SECONDS from its return.
    """
    begin = time.monotonic()
    if _settled(api, namespace, name, begin + seconds):
        return
    if api.came_back > begin and _settled(api, namespace, name, api.came_back + RECOVERY_SECONDS):
        return
    why, hint = cause(api, namespace, name)
    raise TimedOut(f"{name} is not ready as it should be after {seconds:.0f} s.", why, hint)
