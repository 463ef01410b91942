"""The course's own public images in place of ours: other ports, run as root, no settings."""

from __future__ import annotations

import copy
from typing import Any

from dclab.manifests import Manifest
from dclab.paths import shipped

__all__ = ["IMAGES", "fit_upstream"]

IMAGES = {
    **{app: f"docker.io/dockercoins/{app}:v0.1" for app in ("rng", "hasher", "worker", "webui")},
    "httplat": "docker.io/jpetazzo/httplat:latest",
}
"""Of the course (container.training); they exist for amd64 alone."""
PYTHON = "docker.io/library/python:3.11-slim-bookworm"
"""For what the course has no small image of: the probe and the load test, whose source is handed over."""

PORTS = {"rng": 80, "hasher": 80, "webui": 80}


def fit_upstream(manifest: Manifest) -> Manifest:
    """The object with the public images."""
    made = copy.deepcopy(manifest)
    if made["kind"] == "Service":
        (port,) = made["spec"]["ports"]
        port["targetPort"] = PORTS.get(made["spec"]["selector"].get("app", ""), port["targetPort"])
    elif made["kind"] == "NetworkPolicy":
        _open_port_80(made)
    elif made["kind"] == "Job":
        _handed_over(made["spec"]["template"]["spec"]["containers"][0])
    elif made["kind"] == "Deployment":
        pod = made["spec"]["template"]["spec"]
        app = pod["containers"][0]["image"].removeprefix("dockercoins/").split(":")[0]
        if app in IMAGES:
            _their_own(pod, app)
    return made


def _handed_over(container: Any) -> None:
    """The probe brings its source with it; the load test is given that of the built-in generator."""
    container["image"] = PYTHON
    if container["command"][0] == "siege":
        source = (shipped() / "apps" / "siege" / "__main__.py").read_text(encoding="utf-8")
        container["command"] = ["python", "-c", source, *container["command"][1:]]


def _their_own(pod: Any, app: str) -> None:
    """Their command on their port, as the root that they need to be; the requests and limits stay ours."""
    (container,) = pod["containers"]
    environment = {one["name"]: one["value"] for one in container.get("env", ())}
    container["image"] = IMAGES[app]
    for key in ("env", "command", "securityContext"):
        container.pop(key, None)
    pod.pop("securityContext")
    if app == "httplat":
        container["args"] = [environment["TARGET"]]
    elif app in PORTS:
        container["ports"] = [{"containerPort": PORTS[app], "name": "main"}]
        container["readinessProbe"]["tcpSocket"]["port"] = PORTS[app]


def _open_port_80(policy: Any) -> None:
    for rule in (*policy["spec"].get("ingress", ()), *policy["spec"].get("egress", ())):
        for port in rule.get("ports", ()):
            if port["port"] == 8080:
                port["port"] = 80
