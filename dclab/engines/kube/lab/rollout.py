"""Deployments of the lab: which there are, and when one has settled."""

from __future__ import annotations

import time
from collections.abc import Sequence

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.lab.diagnose import cause
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.workloads import Deployment, Pod, PodStatus, rolled_out
from dclab.errors import TimedOut

__all__ = ["names", "unattended", "wait_settled"]


RECOVERY_SECONDS = 150.0
"""For controllers to see that their server is back: client-go's reflectors back off to 30 s, and up to twice that
by jitter (k8s.io/client-go/tools/cache/reflector.go), and a try that meets a server not yet ready costs another
such pause; then they have to act, and pods to start. After outages of 20 s, 57 to 96 s were seen."""


def names(api: Api, namespace: str) -> list[str]:
    """Names of the lab's deployments."""
    listed = api.list(path_of("apps/v1", "Deployment", namespace), Deployment, labelSelector=SELECTOR)
    return sorted(one.metadata.name for one in listed)


def _settled(api: Api, namespace: str, name: str, end: float) -> bool:
    return bool(
        api.wait(
            path_of("apps/v1", "Deployment", namespace),
            Deployment,
            rolled_out,
            end - time.monotonic(),
            fieldSelector=f"metadata.name={name}",
        )
        and api.wait(
            path_of("v1", "Pod", namespace),
            Pod,
            lambda pods: all(one.metadata.deletion_timestamp is None for one in pods),
            end - time.monotonic(),
            labelSelector=f"app={name},{SELECTOR}",
        )
    )


def _unattended(api: Api, namespace: str, name: str) -> bool:
    deployment = api.get_or_none(path_of("apps/v1", "Deployment", namespace, name), Deployment)
    pods = api.list(path_of("v1", "Pod", namespace), Pod, labelSelector=f"app={name},{SELECTOR}")
    return deployment is not None and unattended(deployment, pods)


def unattended(deployment: Deployment, pods: Sequence[Pod]) -> bool:
    """Whether something of a deployment waits for a controller, the scheduler or a kubelet to look at it at all."""
    status = deployment.status
    if status.observed_generation != deployment.metadata.generation:
        return True
    refused = any(one.type == "ReplicaFailure" for one in status.conditions)
    # During a rollout there is one more than is wanted, for as long as the new ones are not ready.
    rolling = status.updated_replicas != status.replicas
    if status.replicas != deployment.spec.replicas and not refused and not rolling:
        return True
    return any(not _looked_at(one.status) for one in pods)


def _looked_at(status: PodStatus) -> bool:
    """Whether a pod was scheduled and its containers are known, or it was said why it cannot be scheduled."""
    scheduled = [one for one in status.conditions if one.type == "PodScheduled"]
    return bool(status.container_statuses or any(one.status == "False" for one in scheduled))


def wait_settled(api: Api, namespace: str, name: str, seconds: float) -> None:
    """Return when the deployment is ready as it is wanted and no pod of it is ending; else TimedOut, with the cause.

    What nobody has looked at by then, as when the API server was away shortly before, has RECOVERY_SECONDS more.
    """
    begin = time.monotonic()
    if _settled(api, namespace, name, begin + seconds):
        return
    if _unattended(api, namespace, name) and _settled(api, namespace, name, begin + seconds + RECOVERY_SECONDS):
        return
    why, hint = cause(api, namespace, name)
    raise TimedOut(f"{name} is not ready as it should be after {time.monotonic() - begin:.0f} s.", why, hint)
