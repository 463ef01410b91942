"""The course's own public images in place of ours: other ports, run as root, no settings."""

from __future__ import annotations

import copy
import json
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
"""For what the course has no small image of: the probe, the load test, and what serves metrics; their source is handed over."""

HANDED = ("exporter", "adapter")
"""Apps of several modules that the course has no image of."""
_LOADER = """
import importlib.abc, importlib.util, json, runpy, sys

sources = json.loads(sys.argv.pop(1))

class Handed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name in sources else None

    def is_package(self, name):
        return any(one.startswith(name + ".") for one in sources)

    def get_source(self, name):
        return sources[name]

sys.meta_path.insert(0, Handed())
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""
"""Imports modules from its first argument, and runs the one that the second one names."""

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
        app = _app(pod["containers"][0])
        if app in HANDED:
            _all_handed_over(pod["containers"][0], app)
        elif app in IMAGES:
            _their_own(pod, app)
    return made


def _handed_over(container: Any) -> None:
    """The probe brings its source with it; the load test is given that of the built-in generator."""
    container["image"] = PYTHON
    if container["command"][0] == "siege":
        source = (shipped() / "apps" / "siege" / "__main__.py").read_text(encoding="utf-8")
        container["command"] = ["python", "-c", source, *container["command"][1:]]


def _app(container: Any) -> str:
    return str(container["image"]).removeprefix("dockercoins/").split(":")[0]


def _all_handed_over(container: Any, app: str) -> None:
    """Of an app with several modules: they are imported from an argument."""
    folder = shipped() / "apps"
    files = [*folder.glob("*.py"), *(folder / app).glob("*.py")]
    names = {".".join(("apps", *one.relative_to(folder).with_suffix("").parts)): one for one in files}
    sources = {name.removesuffix(".__init__"): one.read_text(encoding="utf-8") for name, one in sorted(names.items())}
    container["image"] = PYTHON
    container["command"] = ["python", "-c", _LOADER, json.dumps({f"apps.{app}": "", **sources}), f"apps.{app}"]
    service = next((one["value"] for one in container["env"] if one["name"] == "SERVICE"), "")
    for one in container["env"]:
        if one["name"] == "TARGET_PORT":
            one["value"] = str(PORTS[service])


def _their_own(pod: Any, app: str) -> None:
    """Their command on their port, as the root that they need to be; the requests and limits stay ours."""
    (container,) = pod["containers"]
    environment = {one["name"]: one["value"] for one in container.get("env", ())}
    container["image"] = IMAGES[app]
    container["imagePullPolicy"] = "IfNotPresent"  # as the course has it; of `latest` the default is Always
    for key in ("env", "command", "securityContext"):
        container.pop(key, None)
    pod.pop("securityContext")
    if app == "httplat":
        container["command"] = ["httplat"]
        container["args"] = [environment["TARGET"]]
    elif app in PORTS:
        container["ports"] = [{"containerPort": PORTS[app], "name": "main"}]
        container["readinessProbe"]["tcpSocket"]["port"] = PORTS[app]


def _open_port_80(policy: Any) -> None:
    for rule in (*policy["spec"].get("ingress", ()), *policy["spec"].get("egress", ())):
        for port in rule.get("ports", ()):
            if port["port"] == 8080:
                port["port"] = 80
