"""Deployments of the lab: which there are, and when they have settled.

That is looked at again and again, each time completely, so that an outage of the API server leaves no gap in what is
known; and pods are counted themselves, since a deployment's status is as old as its controller's last look.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.lab.diagnose import Trouble, Troubles, cause, refusal, scales_up, told, trouble
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.recovery import Deadline, is_calm
from dclab.engines.kube.workloads import (
    Deployment,
    Pod,
    ReplicaSet,
    has_ended,
    is_ending,
    is_lost,
    is_ready,
    looked_at,
    rolled_out,
)
from dclab.errors import LabCrashed, NotAnswering, TimedOut

__all__ = ["HASH", "check_there", "names", "newest", "settled", "unattended", "wait_settled"]

EVERY = 0.3
"""Seconds between two looks."""

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"


def names(api: Api, namespace: str) -> list[str]:
    """Names of the lab's deployments."""
    listed = api.list(path_of("apps/v1", "Deployment", namespace), Deployment, labelSelector=SELECTOR)
    return sorted(one.metadata.name for one in listed)


@dataclass(frozen=True)
class _Look:
    """Deployments with their pods, at one moment."""

    deployments: Sequence[Deployment]
    pods: Mapping[str, Sequence[Pod]]
    moving: bool
    """Whether any pod of the lab is ending or starting, and so may make room for others."""

    @property
    def unsettled(self) -> list[Deployment]:
        return [one for one in self.deployments if not settled(one, self.pods[one.metadata.name])]

    @property
    def unattended(self) -> bool:
        return any(unattended(one, self.pods[one.metadata.name]) for one in self.unsettled)


def _look(api: Api, namespace: str, wanted: Sequence[str]) -> _Look:
    """LabCrashed: one of those deployments is gone."""
    listed = api.list(path_of("apps/v1", "Deployment", namespace), Deployment, labelSelector=SELECTOR)
    deployments = [one for one in listed if one.metadata.name in wanted]
    check_there(namespace, wanted, [one.metadata.name for one in deployments])
    pods: dict[str, list[Pod]] = {name: [] for name in wanted}
    moving = False
    for pod in api.list(path_of("v1", "Pod", namespace), Pod, labelSelector=SELECTOR):
        pods.get(pod.metadata.labels.get("app", ""), []).append(pod)
        starting = not is_ready(pod) and pod.status.phase in ("Pending", "Running") and trouble(pod) is None
        moving = moving or starting or is_ending(pod)
    return _Look(deployments, pods, moving)


def check_there(namespace: str, wanted: Iterable[str], there: Iterable[str]) -> None:
    """Raise LabCrashed where deployments that a lab needs are gone, in the midst of its use."""
    if missing := sorted(set(wanted) - set(there)):
        raise LabCrashed(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} gone from the namespace {namespace!r}.",
            f"Someone has deleted the deployment{'s' * (len(missing) > 1)}.",
            "`dclab up` makes it again.",
        )


def settled(deployment: Deployment, pods: Sequence[Pod]) -> bool:
    """Whether a deployment is as it is wanted, by its status and by its pods, and no pod of it is ending."""
    if not rolled_out([deployment]) or any(map(is_ending, pods)):
        return False
    there = [one for one in pods if not has_ended(one) and not is_lost(one)]
    return len(there) == deployment.spec.replicas and all(map(is_ready, there))


def unattended(deployment: Deployment, pods: Sequence[Pod]) -> bool:
    """Whether something of a deployment waits for a controller, the scheduler or a kubelet to look at it at all."""
    status = deployment.status
    if status.observed_generation != deployment.metadata.generation:
        return True
    # During a rollout there is one more than is wanted, for as long as the new ones are not ready.
    rolling = status.updated_replicas != status.replicas
    if status.replicas != deployment.spec.replicas and refusal(deployment) is None and not rolling:
        return True
    return any(not looked_at(one) for one in pods)


def wait_settled(api: Api, namespace: str, wanted: Sequence[str], seconds: float) -> None:
    """Return when deployments are as they are wanted and no pod of them is ending.

    After an outage of the API server they have longer (`Deadline`).

    Raises:
        TimedOut: they are not in time, or it is certain that they will not be; with the cause.
        LabCrashed: one of them is gone.
        NotAnswering: the server stays away for longer than it is waited for.
    """
    deadline = Deadline(api, seconds)
    troubles = Troubles()
    while True:
        try:
            look = _look(api, namespace, wanted)
        except NotAnswering:
            if deadline.waited > seconds:
                raise
            continue
        if not look.unsettled and is_calm(api):
            return
        now = _troubles(api, namespace, look)
        found = troubles.certain(now)
        if found and not (found.pending and scales_up(api, namespace, found.of)):
            why, hint = told(api, namespace, found)
            raise TimedOut(f"{now[found]} does not get ready as it is wanted.", why, hint)
        if look.unsettled and deadline.left(unattended=look.unattended) <= 0:
            names_ = [one.metadata.name for one in look.unsettled]
            why, hint = cause(api, namespace, names_[0])
            raise TimedOut(
                f"{', '.join(names_)} is not ready as it should be after {deadline.waited:.0f} s.", why, hint
            )
        time.sleep(EVERY)


def _troubles(api: Api, namespace: str, look: _Look) -> dict[Trouble, str]:
    """What keeps deployments from having their newest pods ready, and of which; older pods are going to be replaced."""
    found: dict[Trouble, str] = {}
    hashes: Mapping[str, str] | None = None
    for deployment in look.unsettled:
        name = deployment.metadata.name
        if deployment.status.observed_generation != deployment.metadata.generation:
            continue
        if not look.moving and (refused := refusal(deployment)):
            found[refused] = name
        troubled = [(one, of) for one in look.pods[name] if not is_ready(one) and (of := trouble(one))]
        if troubled and hashes is None:
            hashes = newest(api, namespace)
        for pod, of in troubled:
            if pod.metadata.labels.get(HASH, "") == (hashes or {}).get(name, "") and not (look.moving and of.pending):
                found[of] = name
    return found


def newest(api: Api, namespace: str) -> Mapping[str, str]:
    """The hash of each deployment's present template, which its pods bear as a label, by the deployment's name."""
    sets = api.list(path_of("apps/v1", "ReplicaSet", namespace), ReplicaSet, labelSelector=SELECTOR)
    return {
        one.metadata.labels.get("app", ""): one.metadata.labels.get(HASH, "") for one in sorted(sets, key=_revision)
    }


def _revision(one: ReplicaSet) -> int:
    found = one.metadata.annotations.get(REVISION, "")
    return int(found) if found.isdecimal() else 0
