"""The outside look at a lab on Kubernetes: the API by the official client alone."""

from __future__ import annotations

from dataclasses import dataclass

from kubernetes.client import ApiException, V1Pod
from urllib3.exceptions import HTTPError

from tests.cluster.lab import Lab

USUAL = {
    "redis": 1,
    "rng": 1,
    "hasher": 1,
    "worker": 2,
    "webui": 1,
    "httplat-rng": 1,
    "httplat-hasher": 1,
}

REQUEST_SECONDS = 3.0


@dataclass(frozen=True)
class Pod:
    """One pod, as far as a look needs it."""

    name: str
    role: str
    ready: bool
    leaving: bool


@dataclass(frozen=True)
class KubeSeen:
    """A lab from outside at one moment: the counterpart of `outside.Seen`."""

    processes: tuple[Pod, ...]
    control: bool
    """Whether the API server answers."""
    answering: dict[str, int]
    """Ready pods of each deployment, without those that leave."""
    hashes: int | None
    """The counter, 0 for none yet; None when the web UI does not tell it."""
    folder: bool
    """Whether there is the namespace."""

    def of(self, role: str) -> list[Pod]:
        """Return the pods of a deployment.

        A supervisor there is none of: in its place all pods, an unknown one while nobody answers, and none when all pods of
        some deployment are gone, by which a lab has crashed.
        """
        if role != "supervisor":
            return [one for one in self.processes if one.role == role]
        if not self.control:
            return [Pod("unknown", "", ready=False, leaving=False)]
        staying = [one for one in self.processes if not one.leaving]
        return staying if {one.role for one in staying} >= set(USUAL) else []

    def missing(self, wanted: dict[str, int]) -> list[str]:
        """Return what keeps the lab from being whole."""
        if not self.control:
            return ["API server"]
        found = [
            f"{name} {self.answering.get(name, 0)}/{count}"
            for name, count in wanted.items()
            if self.answering.get(name, 0) != count
        ]
        return found + (["counter"] if wanted and self.hashes is None else [])


ROLES = {"loadtest": "siege"}
"""What pods are called in the campaign, where it is not the app's name."""


def look(lab: Lab) -> KubeSeen:
    """Look at the lab of that namespace."""
    try:
        listed = lab.core.list_namespaced_pod(lab.namespace, _request_timeout=REQUEST_SECONDS)
        spaces = lab.core.list_namespace(
            field_selector=f"metadata.name={lab.namespace}", _request_timeout=REQUEST_SECONDS
        ).items
    except (ApiException, HTTPError):
        return KubeSeen((), False, {}, None, True)
    pods = tuple(map(_pod, listed.items))
    answering: dict[str, int] = {}
    for one in pods:
        if one.ready and not one.leaving:
            answering[one.role] = answering.get(one.role, 0) + 1
    said = lab.webui() if answering.get("webui") else None
    hashes = int(said["hashes"] or 0) if said and "hashes" in said else None
    return KubeSeen(pods, True, answering, hashes, bool(spaces))


def _pod(pod: V1Pod) -> Pod:
    conditions = {one.type: one.status for one in pod.status.conditions or ()}
    return Pod(
        pod.metadata.name,
        ROLES.get(app := (pod.metadata.labels or {}).get("app", ""), app),
        pod.status.phase == "Running" and conditions.get("Ready") == "True",
        pod.metadata.deletion_timestamp is not None,
    )
