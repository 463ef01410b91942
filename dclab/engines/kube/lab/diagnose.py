"""Why a lab does not get ready: which pod, and what it waits for, in one sentence."""

from __future__ import annotations

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.workloads import Pod, ReplicaSet, Waiting, is_ready
from dclab.errors import DclabError

__all__ = ["cause", "trouble"]

LAST_LINES = 5
PULL = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}


def _unscheduled(pod: Pod) -> str:
    for one in pod.status.conditions:
        if one.type == "PodScheduled" and one.status == "False":
            return one.message or one.reason
    return ""


def trouble(pod: Pod) -> tuple[str, str] | None:
    """What keeps a pod from being ready and what to do about it; None while it may only need time."""
    name = pod.metadata.name
    if message := _unscheduled(pod):
        if "Insufficient cpu" in message:
            return (
                f"{name} is Pending, since no node has enough CPU left to give ({message}).",
                "Give the cluster more CPUs, or scale less.",
            )
        return f"{name} is Pending: {message}.", "See `kubectl describe pod`; a node has to be able to take it."
    if pod.status.reason == "Evicted":
        return f"{name} was evicted: {pod.status.message}", "Give the node more memory or disk."
    for one in pod.status.container_statuses:
        waiting = one.state.waiting or Waiting()
        ended = one.state.terminated or one.last_state.terminated
        if waiting.reason in PULL:
            return (
                f"{name} waits for its image {one.image}, which cannot be pulled ({waiting.message}).",
                "`dclab up` builds the images into minikube; elsewhere name a registry with --images.",
            )
        if waiting.reason == "CrashLoopBackOff" or (ended and not one.ready):
            how = f" ({ended.reason}, exit code {ended.exit_code})" if ended else ""
            return f"{name} ends again and again{how}.", f"{_logs(pod)} shows its last lines."
        if waiting.reason.startswith("Create"):
            return f"{name} cannot be started: {waiting.message}", f"See `kubectl describe pod {name}`."
    return None


def _logs(pod: Pod) -> str:
    """Return the command that shows what a pod printed: dclab's own shows those of deployments, not of jobs."""
    labels = pod.metadata.labels
    return f"`kubectl logs {pod.metadata.name}`" if "job-name" in labels else f"`dclab logs {labels.get('app', '')}`"


def _last_lines(api: Api, namespace: str, pod: Pod) -> str:
    """What a container said before it ended."""
    restarted = any(one.restart_count for one in pod.status.container_statuses)
    path = path_of("v1", "Pod", namespace, pod.metadata.name)
    try:
        said = api.text(f"{path}/log", tailLines=LAST_LINES, previous=str(restarted).lower())
    except DclabError:
        return ""
    return " It said: " + " | ".join(line.strip() for line in said.splitlines() if line.strip())


def cause(api: Api, namespace: str, app: str | None = None) -> tuple[str, str]:
    """Why the pods of the lab, or of one deployment, are not ready, and what to do."""
    selector = f"app={app}" if app else SELECTOR
    pods = api.list(path_of("v1", "Pod", namespace), Pod, labelSelector=selector)
    for pod in pods:
        if not is_ready(pod) and (found := trouble(pod)):
            said = _last_lines(api, namespace, pod) if "again and again" in found[0] else ""
            return found[0] + said, found[1]
    refused = _refused_pods(api, namespace)
    if refused:
        return refused, "Change the namespace's quota or its Pod Security, or take another namespace with --name."
    if unready := [pod for pod in pods if not is_ready(pod)]:
        names = ", ".join(pod.metadata.name for pod in unready[:3])
        return f"{names} started, but did not get ready in time.", f"See {_logs(unready[0])}."
    return "There is no pod of it yet.", "Try again in a moment."


def _refused_pods(api: Api, namespace: str) -> str:
    """What a replica set was told when it wanted to make a pod: a quota, or Pod Security."""
    sets = api.list(path_of("apps/v1", "ReplicaSet", namespace), ReplicaSet, labelSelector=SELECTOR)
    for one in sets:
        for condition in one.status.conditions:
            if condition.type == "ReplicaFailure" and condition.status == "True":
                return f"{one.metadata.name} may make no pod: {condition.message}."
    return ""
