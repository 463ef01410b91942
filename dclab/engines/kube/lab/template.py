"""A rolling update of one deployment of the lab, for as long as a command wants it, and the way back.

What the containers were is kept in an annotation of the deployment, with the token of the command's hold: so the watchdog
can put it back after the command was killed, and what is put back is what was there, no matter who made it.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Mapping

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.faults import Conflict, NotFound
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.objects import Object
from dclab.errors import InvalidInput
from dclab.lab import HealthProbe, TemplateChange
from dclab.manifests import BAD_IMAGE, Manifest

__all__ = ["BEFORE", "roll_back", "roll_back_held", "roll_out"]

BEFORE = "dclab/before-rollout"
"""Annotation: JSON with the containers from before, and the token."""

DEAF = ("sh", "-c", 'trap "" TERM; "$@" & wait', "sh")
"""A first process that takes SIGTERM for nothing and starts the program: SIGKILL ends both, since it ends the container."""

TRIES = 20
PAUSE = 0.1
"""Seconds: the controller writes a deployment's status at any moment, which makes what was read an old version."""


def roll_out(api: Api, namespace: str, deployment: str, change: TemplateChange, token: str) -> None:
    """Begin a rolling update of a deployment, from what was there before the first one.

    Raises:
        NotFound: there is no such deployment.
        InvalidInput: it listens at no port that could be probed.
    """

    def patch(found: Manifest) -> Manifest:
        before = _before(found) or {"containers": found["spec"]["template"]["spec"]["containers"]}
        note = json.dumps({"token": token, "containers": before["containers"]})
        names = [one["name"] for one in before["containers"]]
        main = names.index(deployment) if deployment in names else 0
        containers = [_changed(one, change) if at == main else one for at, one in enumerate(before["containers"])]
        return _patch(note, containers)

    _merge(api, path_of("apps/v1", "Deployment", namespace, deployment), patch)


def roll_back(api: Api, namespace: str, deployment: str) -> None:
    """Begin to put the containers back; nothing happens where no update of ours is, or no deployment."""

    def patch(found: Manifest) -> Manifest | None:
        before = _before(found)
        return _patch(None, before["containers"]) if before else None

    try:
        _merge(api, path_of("apps/v1", "Deployment", namespace, deployment), patch)
    except NotFound:
        return


def roll_back_held(api: Api, namespace: str, token: str) -> None:
    """Put back what was updated under a hold with this token."""
    for one in api.list(path_of("apps/v1", "Deployment", namespace), Object, labelSelector=SELECTOR):
        before = _note(one.metadata.annotations)
        if before and before["token"] == token:
            roll_back(api, namespace, one.metadata.name)


def _merge(api: Api, path: str, patch: Callable[[Manifest], Manifest | None]) -> None:
    for left in reversed(range(TRIES)):
        found: Manifest = api.get(path, dict)
        wanted = patch(found)
        if wanted is None:
            return
        wanted["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
        try:
            api.merge(path, wanted)
        except Conflict:
            if not left:
                raise
            time.sleep(PAUSE)
        else:
            return


def _patch(note: str | None, containers: list[Manifest]) -> Manifest:
    """A merge patch: lists are replaced as a whole, so the containers are exactly these."""
    return {
        "metadata": {"annotations": {BEFORE: note}},
        "spec": {"template": {"spec": {"containers": containers}}},
    }


def _before(found: Manifest) -> Manifest | None:
    return _note(found["metadata"].get("annotations", {}))


def _note(annotations: Mapping[str, str]) -> Manifest | None:
    """What an annotation keeps; None where there is none, or where someone has written something else into it."""
    try:
        note = json.loads(annotations.get(BEFORE, "null"))
        return {"token": str(note["token"]), "containers": list(note["containers"])}
    except (ValueError, TypeError, KeyError):
        return None


def _changed(container: Manifest, change: TemplateChange) -> Manifest:
    container = copy.deepcopy(container)
    if change.bad_image:
        container["image"] = f"{BAD_IMAGE}:none"
    if change.deaf:
        container["command"] = [*DEAF, *_command(container)]
        container.pop("args", None)
    if change.probe:
        container[f"{change.probe.kind}Probe"] = _probe(container, change.probe)
    return container


def _command(container: Manifest) -> list[str]:
    if "command" not in container:
        raise InvalidInput(
            f"SIGTERM cannot be kept from {container['name']}.",
            "What its image runs is not known here.",
            "Leave it out.",
        )
    return [*container["command"], *container.get("args", ())]


def _probe(container: Manifest, probe: HealthProbe) -> Manifest:
    ports = container.get("ports", ())
    if not ports:
        raise InvalidInput(
            f"{container['name']} cannot have an HTTP probe.", "It listens at no port.", "Take rng, hasher or webui."
        )
    return {
        "httpGet": {"path": probe.path, "port": ports[0]["containerPort"]},
        "periodSeconds": probe.period_seconds,
        "timeoutSeconds": probe.timeout_seconds,
        "failureThreshold": probe.failure_threshold,
    }
