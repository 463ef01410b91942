"""Counts and usage of deployments, from their pods and from metrics.k8s.io."""

from __future__ import annotations

from collections.abc import Sequence

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.lab.diagnose import refusal, trouble
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.objects import ZERO, unix
from dclab.engines.kube.workloads import Deployment, Pod, PodMetrics, is_ending, is_lost, is_ready
from dclab.errors import LabLost
from dclab.lab import DeploymentState, Replicas, ReplicaUsage

__all__ = ["METRICS", "counts", "metrics", "states", "usage", "why_unready"]

METRICS = "/apis/metrics.k8s.io/v1beta1"


def states(api: Api, namespace: str) -> dict[str, DeploymentState]:
    """Return the state of every deployment of the lab, by its name, in three requests whatever their number."""
    deployments = api.list(path_of("apps/v1", "Deployment", namespace), Deployment, labelSelector=SELECTOR)
    pods: dict[str, list[Pod]] = {one.metadata.name: [] for one in deployments}
    for pod in api.list(path_of("v1", "Pod", namespace), Pod, labelSelector=SELECTOR):
        pods.get(pod.metadata.labels.get("app", ""), []).append(pod)
    measured = {one.metadata.name: one for one in metrics(api, namespace, SELECTOR)}
    return {
        one.metadata.name: DeploymentState(
            counts=(counted := counts(one, own := pods[one.metadata.name])),
            usage=usage([measured[pod.metadata.name] for pod in own if pod.metadata.name in measured]),
            trouble=why_unready(one, own) if counted.ready < counted.desired else None,
        )
        for one in sorted(deployments, key=lambda each: each.metadata.name)
    }


def why_unready(deployment: Deployment, pods: Sequence[Pod]) -> str | None:
    """Return why pods of a deployment are not ready, in a sentence; None while they may only need time."""
    found = next((one for pod in pods if not is_ready(pod) and (one := trouble(pod))), None) or refusal(deployment)
    return found.why if found else None


def counts(deployment: Deployment, pods: Sequence[Pod]) -> Replicas:
    """Return the counts of a deployment with these pods."""
    return Replicas(
        desired=deployment.spec.replicas,
        ready=sum(map(is_ready, pods)),
        terminating=sum(map(is_ending, pods)),
        restarts=sum(each.restart_count for one in pods for each in one.status.container_statuses),
        names=tuple(sorted(one.metadata.name for one in pods if not is_lost(one))),
    )


def metrics(api: Api, namespace: str, selector: str) -> Sequence[PodMetrics]:
    """Return the readings of the pods that a selector selects; none where no metrics-server answers."""
    try:
        return api.list(f"{METRICS}/namespaces/{namespace}/pods", PodMetrics, labelSelector=selector)
    except LabLost:  # there is no such API, or its server does not answer
        return []


def usage(readings: Sequence[PodMetrics]) -> tuple[ReplicaUsage, ...]:
    """Return the usage of each pod that has a reading."""
    return tuple(
        ReplicaUsage(
            replica=one.metadata.name,
            cpu_millicores=sum(each.usage.get("cpu", ZERO).millicores for each in one.containers),
            memory_mb=sum(each.usage.get("memory", ZERO).megabytes for each in one.containers),
            at=unix(one.timestamp),
            window_seconds=one.window_seconds,
        )
        for one in readings
    )
