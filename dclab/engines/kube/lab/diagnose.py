"""Why a lab does not get ready: which pod, and what it waits for, in one sentence."""

from __future__ import annotations

from typing import Any

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.objects import is_ready
from dclab.errors import DclabError

__all__ = ["cause", "trouble"]

LAST_LINES = 5
PULL = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
QUOTA_OR_SECURITY = "FailedCreate"


def _unscheduled(pod: Any) -> str:
    for one in pod["status"].get("conditions", ()):
        if one["type"] == "PodScheduled" and one["status"] == "False":
            return str(one.get("message", one.get("reason", "")))
    return ""


def trouble(pod: Any) -> tuple[str, str] | None:
    """What keeps a pod from being ready and what to do about it; None while it may only need time."""
    name = pod["metadata"]["name"]
    if message := _unscheduled(pod):
        if "Insufficient cpu" in message:
            return (
                f"{name} is Pending, since no node has enough CPU left to give ({message}).",
                "Give the cluster more CPUs, or scale less.",
            )
        return f"{name} is Pending: {message}.", "See `kubectl describe pod`; a node has to be able to take it."
    if pod["status"].get("reason") == "Evicted":
        return f"{name} was evicted: {pod['status'].get('message', '')}", "Give the node more memory or disk."
    for one in pod["status"].get("containerStatuses", ()):
        waiting = one["state"].get("waiting", {})
        ended = one["state"].get("terminated") or one.get("lastState", {}).get("terminated") or {}
        if waiting.get("reason") in PULL:
            return (
                f"{name} waits for its image {one['image']}, which cannot be pulled ({waiting.get('message', '')}).",
                "`dclab up` builds the images into minikube; elsewhere name a registry with --images.",
            )
        if waiting.get("reason") == "CrashLoopBackOff" or (ended and not one["ready"]):
            why = ended.get("reason", "")
            code = f", exit code {ended['exitCode']}" if "exitCode" in ended else ""
            return f"{name} ends again and again ({why}{code}).", "Its last lines tell why: `dclab status` shows pods."
        if waiting.get("reason", "").startswith("Create"):
            return f"{name} cannot be started: {waiting.get('message', '')}", "See `kubectl describe pod`."
    return None


def _last_lines(api: Api, namespace: str, pod: Any) -> str:
    """What a container said before it ended."""
    restarted = any(one.get("restartCount") for one in pod["status"].get("containerStatuses", ()))
    path = path_of("v1", "Pod", namespace, pod["metadata"]["name"])
    try:
        said = api.text(f"{path}/log", tailLines=LAST_LINES, previous=str(restarted).lower())
    except DclabError:
        return ""
    return " It said: " + " | ".join(line.strip() for line in said.splitlines() if line.strip())


def cause(api: Api, namespace: str, app: str | None = None) -> tuple[str, str]:
    """Why the pods of the lab, or of one deployment, are not ready, and what to do."""
    selector = f"app={app}" if app else SELECTOR
    pods = api.get(path_of("v1", "Pod", namespace), labelSelector=selector)["items"]
    for pod in pods:
        if not is_ready(pod) and (found := trouble(pod)):
            said = _last_lines(api, namespace, pod) if "again and again" in found[0] else ""
            return found[0] + said, found[1]
    refused = _refused_pods(api, namespace)
    if refused:
        return refused, "Change the namespace's quota or its Pod Security, or take another namespace with --name."
    if unready := [pod["metadata"]["name"] for pod in pods if not is_ready(pod)]:
        return f"{', '.join(unready[:3])} started, but did not get ready in time.", "Try again, or see `dclab status`."
    return "There is no pod of it yet.", "Try again in a moment."


def _refused_pods(api: Api, namespace: str) -> str:
    """What a replica set was told when it wanted to make a pod: a quota, or Pod Security."""
    sets = api.get(path_of("apps/v1", "ReplicaSet", namespace), labelSelector=SELECTOR)["items"]
    for one in sets:
        for condition in one["status"].get("conditions", ()):
            if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
                return f"{one['metadata']['name']} may make no pod: {condition['message']}."
    return ""
