"""Why a lab does not get ready: which pod, what it waits for, and how sure it is that waiting does not help."""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.cluster.images import tag
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.objects import Event, unix
from dclab.engines.kube.workloads import (
    ContainerStatus,
    Deployment,
    Pod,
    ReplicaSet,
    Waiting,
    is_ready,
    main_container,
    node_is_silent,
)
from dclab.errors import DclabError

__all__ = ["QUOTA_HINT", "REFUSED_SECONDS", "Trouble", "Troubles", "cause", "refusal", "scales_up", "told", "trouble"]

LAST_LINES = 5
NO_LOG = "unable to retrieve container logs for"
"""What the kubelet answers, as if it were the log, of a container that has just been removed."""
PULL = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
NEVER_PULLED = re.compile(
    r"not found|manifest unknown|does not exist|invalid reference|couldn't parse image|no match for platform|denied"
    r"|unauthorized|authentication required|not present with pull policy of Never",
    re.IGNORECASE,
)
"""What a registry or the kubelet says of an image that another try will not get either."""

CRASH_LOOP = 3
"""Crashes in a row after which a container is given up on."""
SHORT_RUN_SECONDS = 60.0
"""A container that ran for longer has not crashed in a row."""

PULL_SECONDS = 20.0
"""For a registry that does not answer at first: the kubelet tries again after 10 s."""
CREATE_SECONDS = 5.0
"""For what a container needs to be applied after it."""
REFUSED_SECONDS = 3.0
"""For the condition of an earlier refusal to be taken away."""
UNSCHEDULED_SECONDS = 10.0
"""For the scheduler to place what pods that have just ended made room for."""

_BACK_OFF = re.compile(r"back-off (\S+) restarting")

_LACKS = re.compile(r"\d+ (Insufficient [\w./-]+|Too many pods)")
_SCALE_UP = {"TriggeredScaleUp", "Nominated"}
"""Reasons of a pod's events by which the cluster autoscaler, or Karpenter, says that it adds a node."""


class Trouble(NamedTuple):
    """What keeps a pod from being ready."""

    why: str
    hint: str
    lasts: float = math.inf
    """Seconds after which it is certain that waiting does not help; infinity where it may."""
    of: str = ""
    """Name of the pod, or of the deployment that may make none."""
    kind: str = ""
    """The same when the same is seen again, whatever its words are."""

    @property
    def crashes(self) -> bool:
        """Whether the pod's last lines tell more."""
        return self.kind == "crash"

    @property
    def pending(self) -> bool:
        """Whether the pod has no node."""
        return self.kind == "pending"


class Troubles:
    """Troubles as they are seen again and again, and since when each has been there."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[tuple[str, str], float] = {}

    def certain(self, now: Iterable[Trouble]) -> Trouble | None:
        """Take what is there now; return one that will not go away by itself."""
        there = {(one.of, one.kind): one for one in now}
        self._since = {key: self._since.get(key, self._clock()) for key in there}
        over = (one for key, one in there.items() if self._clock() - self._since[key] >= one.lasts)
        return next(over, None)


def _unscheduled(pod: Pod) -> str:
    for one in pod.status.conditions:
        if one.type == "PodScheduled" and one.status == "False":
            return one.message or one.reason
    return ""


def _crashes(one: ContainerStatus) -> int:
    """Return how often a container has crashed in a row, the last time shortly after it had started."""
    ended = one.state.terminated or one.last_state.terminated
    if ended is None or one.ready:
        return 0
    begin, end = ended.started_at, ended.finished_at
    if begin and end and unix(end) - unix(begin) > SHORT_RUN_SECONDS:
        return 0
    return one.restart_count + (one.state.running is None)


def trouble(pod: Pod) -> Trouble | None:
    """What keeps a pod from being ready and what to do about it; None while it may only need time."""
    name = pod.metadata.name
    if message := _unscheduled(pod):
        return _pending(name, message)
    if pod.status.reason == "Evicted":
        return Trouble(f"{name} was evicted: {pod.status.message}", "Give the node more memory or disk.")
    for one in pod.status.container_statuses:
        waiting = one.state.waiting or Waiting()
        ended = one.state.terminated or one.last_state.terminated
        if waiting.reason in PULL:
            final = waiting.reason in ("InvalidImageName", "ErrImageNeverPull") or NEVER_PULLED.search(waiting.message)
            return Trouble(
                f"{name} waits for its image {one.image}, which cannot be pulled ({waiting.message}).",
                _image_hint(one.image, waiting.reason),
                0.0 if final else PULL_SECONDS,
                name,
                "image",
            )
        if waiting.reason == "CrashLoopBackOff" or (ended and not one.ready):
            how = f" ({ended.reason}, exit code {ended.exit_code})" if ended else ""
            pause = _BACK_OFF.search(waiting.message)
            again = f" Kubernetes waits {pause[1]} before it starts it again." if pause else ""
            return Trouble(
                f"{name} ends again and again{how}.{again}",
                f"{_logs(pod)} shows its last lines.",
                0.0 if _crashes(one) >= CRASH_LOOP else math.inf,
                name,
                "crash",
            )
        if waiting.reason.startswith("Create"):
            return Trouble(
                f"{name} cannot be started: {waiting.message}",
                f"See `kubectl describe pod {name}`.",
                CREATE_SECONDS,
                name,
                "create",
            )
    return _silent_node(pod)


def _image_hint(image: str, reason: str) -> str:
    if reason == "ErrImageNeverPull":
        return "`dclab up` builds it into minikube, kind and k3d; elsewhere name a registry with --images."
    if image.endswith(f":{tag()}"):
        return (
            "Check that the nodes may pull from that registry; `dclab up` with the same --images pushes what it lacks."
        )
    return (
        "Check that the nodes reach its registry, or load it into them: `minikube image load` or `kind load docker-image` "
        f"with {image}."
    )


def _silent_node(pod: Pod) -> Trouble | None:
    """Of a pod whose containers were ready when its node was last heard of."""
    if not node_is_silent(pod):
        return None
    waits = [one.toleration_seconds for one in pod.spec.tolerations if one.key == "node.kubernetes.io/unreachable"]
    moves = f" Kubernetes makes another pod elsewhere after {waits[0]} s of that." if waits and waits[0] else ""
    return Trouble(
        f"{pod.metadata.name} is on the node {pod.spec.node_name!r}, which does not report.{moves}",
        "See `kubectl get nodes`; the pod goes on when its node does.",
    )


def _pending(name: str, message: str) -> Trouble:
    """Of a pod without a node: for lack of room it stays so until something else changes; a taint may go by itself."""
    # "0/2 nodes are available: 1 Insufficient cpu, 1 Too many pods. preemption: ..."
    total = re.match(r"0/(\d+) nodes", message)
    lacking = sum(
        int(found.group().split()[0]) for found in _LACKS.finditer(message.split("preemption:", maxsplit=1)[0])
    )
    full = total is not None and lacking >= int(total[1]) and "untolerated taint" not in message
    lasts = UNSCHEDULED_SECONDS if full else math.inf
    stays = " It stays so until other pods end or a node is added." if full else ""
    if "Insufficient cpu" in message:
        return Trouble(
            f"{name} is Pending, since no node has enough CPU left to give ({message}).{stays}",
            "Give the cluster more CPUs, or scale less.",
            lasts,
            name,
            "pending",
        )
    return Trouble(
        f"{name} is Pending: {message}.{stays}",
        "See `kubectl describe pod`; a node has to be able to take it.",
        lasts,
        name,
        "pending",
    )


def refusal(deployment: Deployment) -> Trouble | None:
    """What a deployment was told when it wanted to make a pod, such as of a quota; None when it may make them."""
    for one in deployment.status.conditions:
        if one.type == "ReplicaFailure" and one.status == "True":
            return Trouble(
                f"{deployment.metadata.name} may make no pod: {one.message}.",
                QUOTA_HINT,
                REFUSED_SECONDS,
                deployment.metadata.name,
                "refused",
            )
    return None


QUOTA_HINT = "Change the namespace's quota or its Pod Security, or take another namespace with --name."


def scales_up(api: Api, namespace: str, pod: str) -> bool:
    """Whether a cluster autoscaler has said that it adds a node for a pod."""
    told = api.list(path_of("v1", "Event", namespace), Event, fieldSelector=f"involvedObject.name={pod}")
    return any(one.reason in _SCALE_UP for one in told)


def _logs(pod: Pod) -> str:
    """Return the command that shows what a pod printed: dclab's own shows those of deployments, not of jobs."""
    labels = pod.metadata.labels
    return f"`kubectl logs {pod.metadata.name}`" if "job-name" in labels else f"`dclab logs {labels.get('app', '')}`"


def told(api: Api, namespace: str, found: Trouble) -> tuple[str, str]:
    """A trouble's reason and hint, with the last lines of a pod that crashes."""
    return found.why + (_last_lines(api, namespace, found.of) if found.crashes else ""), found.hint


def _last_lines(api: Api, namespace: str, pod: str) -> str:
    """What a container that is not ready said before it ended: the one before, or the first."""
    path = path_of("v1", "Pod", namespace, pod)
    for previous in ("true", "false"):
        with contextlib.suppress(DclabError):
            found = api.get(path, Pod)
            unready = (one.name for one in found.status.container_statuses if not one.ready)
            container = next(unready, main_container(found))
            said = api.text(f"{path}/log", tailLines=LAST_LINES, previous=previous, container=container)
            if said.startswith(NO_LOG):
                continue
            lines = " | ".join(line.strip() for line in said.splitlines() if line.strip())
            return f" It said: {lines}" if lines else " It said nothing."
    return ""


def cause(api: Api, namespace: str, app: str | None = None) -> tuple[str, str]:
    """Why the pods of the lab, or of one deployment, are not ready, and what to do."""
    selector = f"app={app}" if app else SELECTOR
    pods = api.list(path_of("v1", "Pod", namespace), Pod, labelSelector=selector)
    for pod in pods:
        if not is_ready(pod) and (found := trouble(pod)):
            return told(api, namespace, found)
    refused = _refused_pods(api, namespace, app)
    if refused:
        return refused, QUOTA_HINT
    if unready := [pod for pod in pods if not is_ready(pod)]:
        names = ", ".join(pod.metadata.name for pod in unready[:3])
        return f"{names} started, but did not get ready in time.", f"See {_logs(unready[0])}."
    return "There is no pod of it yet.", "Try again in a moment."


def _refused_pods(api: Api, namespace: str, app: str | None) -> str:
    """What a replica set was told when it wanted to make a pod: a quota, or Pod Security."""
    selector = f"app={app},{SELECTOR}" if app else SELECTOR
    sets = api.list(path_of("apps/v1", "ReplicaSet", namespace), ReplicaSet, labelSelector=selector)
    for one in sets:
        for condition in one.status.conditions:
            if condition.type == "ReplicaFailure" and condition.status == "True":
                return f"{one.metadata.name} may make no pod: {condition.message}."
    return ""
