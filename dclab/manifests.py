"""The manifests: the one description of the lab that both engines read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dclab.errors import DclabError
from dclab.lab import HealthProbe, LoadSpec, TemplateChange
from dclab.paths import shipped
from dclab.quantity import mebibytes, millicores
from dclab.results import Resources

__all__ = [
    "AUTOSCALERS",
    "BAD_IMAGE",
    "Manifest",
    "ServicePort",
    "Workload",
    "exporter",
    "load",
    "named",
    "of_kind",
    "optional",
    "service_port",
    "workload",
]

Manifest = dict[str, Any]

BAD_IMAGE = "dockercoins-no-such-image"
"""Name of an image, and on the embedded engine of a program, that there is not."""

AUTOSCALERS = ("cpu", "cpu-tuned", "latency", "latency-tuned", "requests", "inflight")
"""Those in `manifests/optional/`: cpu has the exercise's figures, latency upstream's, the others those of `hpa-simulate --tune`."""


def load(folder: Path | None = None) -> list[Manifest]:
    """Every object in `manifests/`, in the order of the file names."""
    folder = folder or shipped() / "manifests"
    objects = [one for file in sorted(folder.glob("*.yaml")) for one in _read(file)]
    if not objects:
        raise DclabError(f"There is no manifest in {folder}.", "The installation is damaged.", "Reinstall dclab.")
    return objects


def _read(file: Path) -> list[Manifest]:
    import yaml

    try:
        return [one for one in yaml.safe_load_all(file.read_text(encoding="utf-8")) if one]
    except (OSError, yaml.YAMLError) as error:
        raise DclabError(
            f"The manifest {file.name} cannot be read.", str(error), "Reinstall dclab, or mend the file."
        ) from error


def optional(part: str) -> list[Manifest]:
    """The objects of one file in `manifests/optional/`: adapter, autoscaler-*, exporter, loadtest, nodeports, probe or prometheus."""
    return _read(shipped() / "manifests" / "optional" / f"{part}.yaml")


def of_kind(objects: Iterable[Manifest], kind: str) -> list[Manifest]:
    """The objects of one kind."""
    return [one for one in objects if one["kind"] == kind]


def named(objects: Iterable[Manifest], kind: str, name: str) -> Manifest:
    """The one object of that kind and name (or `generateName` prefix); KeyError when there is none."""
    for one in of_kind(objects, kind):
        if name in (one["metadata"].get("name"), one["metadata"].get("generateName")):
            return one
    raise KeyError(f"{kind}/{name}")


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What a Deployment or a Job runs: its one container."""

    name: str
    labels: Mapping[str, str]
    replicas: int
    command: tuple[str, ...]
    env: Mapping[str, str]
    port: int | None
    mounts: tuple[str, ...]
    """Paths in the container at which something is mounted."""
    cpu_request_millicores: float
    readiness_period: float | None
    """Seconds between two TCP readiness checks; None where the manifest has no probe."""
    readiness_timeout: float = 1.0
    readiness_failures: int = 3
    probe: HealthProbe | None = None
    """An HTTP probe of an experiment: for readiness in place of the TCP check, for liveness beside it."""
    grace_seconds: float = 30.0
    resources: Resources = field(default_factory=Resources)
    deaf: bool = False
    """Whether it is not sent SIGTERM."""
    max_surge: int | str = "25%"
    max_unavailable: int | str = "25%"
    """Of a rolling update: a number of replicas, or a percentage (k8s.io/api/apps/v1, RollingUpdateDeployment)."""

    def changed(self, change: TemplateChange) -> Workload:
        """Return the workload of a rolling update."""
        command = (BAD_IMAGE, *self.command[1:]) if change.bad_image else self.command
        return replace(self, probe=change.probe, command=command, deaf=change.deaf)


def workload(manifest: Manifest) -> Workload:
    """The workload of a Deployment or Job manifest."""
    spec = manifest["spec"]
    template = spec["template"]
    pod = template["spec"]
    container = pod["containers"][0]
    probe = container.get("readinessProbe")
    rolling = spec.get("strategy", {}).get("rollingUpdate", {})
    resources = _resources(container.get("resources", {}))
    return Workload(
        name=manifest["metadata"].get("name") or manifest["metadata"]["generateName"],
        labels=template.get("metadata", {}).get("labels", {}),
        replicas=spec.get("replicas", 1),
        command=(*container["command"], *container.get("args", ())),
        env={one["name"]: str(one.get("value", "")) for one in container.get("env", ())},
        port=next((one["containerPort"] for one in container.get("ports", ())), None),
        mounts=tuple(one["mountPath"] for one in container.get("volumeMounts", ())),
        cpu_request_millicores=resources.cpu_request_millicores or 0.0,
        readiness_period=float(probe.get("periodSeconds", 10)) if probe else None,
        readiness_timeout=float(probe.get("timeoutSeconds", 1)) if probe else 1.0,
        readiness_failures=int(probe.get("failureThreshold", 3)) if probe else 3,
        grace_seconds=float(pod.get("terminationGracePeriodSeconds", 30)),
        max_surge=rolling.get("maxSurge", "25%"),
        max_unavailable=rolling.get("maxUnavailable", "25%"),
        resources=resources,
    )


def _resources(said: Mapping[str, Any]) -> Resources:
    requests, limits = said.get("requests", {}), said.get("limits", {})
    return Resources(
        cpu_request_millicores=millicores(requests["cpu"]) if "cpu" in requests else None,
        cpu_limit_millicores=millicores(limits["cpu"]) if "cpu" in limits else None,
        memory_request_mib=mebibytes(requests["memory"]) if "memory" in requests else None,
        memory_limit_mib=mebibytes(limits["memory"]) if "memory" in limits else None,
    )


@dataclass(frozen=True, kw_only=True)
class ServicePort:
    """A Service: which pods it sends to."""

    name: str
    selector: Mapping[str, str]
    port: int
    annotations: Mapping[str, str] = field(default_factory=dict)

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether a pod with these labels stands behind the Service."""
        return all(labels.get(key) == value for key, value in self.selector.items())


def service_port(manifest: Manifest) -> ServicePort:
    """The service of a Service manifest (each of ours has one port)."""
    return ServicePort(
        name=manifest["metadata"]["name"],
        selector=manifest["spec"]["selector"],
        port=manifest["spec"]["ports"][0]["port"],
        annotations=manifest["metadata"].get("annotations", {}),
    )


def load_test(spec: LoadSpec) -> Manifest:
    """The load-test Job with the target, path, users and seconds that were asked for."""
    job = named(optional("loadtest"), "Job", "loadtest-")
    seconds = max(1, round(spec.seconds))
    prefix = spec.target.upper().replace("-", "_")
    url = f"http://$({prefix}_SERVICE_HOST):$({prefix}_SERVICE_PORT){spec.path}"
    job["spec"]["activeDeadlineSeconds"] = seconds + 60
    container = job["spec"]["template"]["spec"]["containers"][0]
    container["command"] = [
        "siege",
        f"--concurrent={spec.concurrent}",
        "--benchmark",
        f"--time={seconds}S",
        url,
    ]
    return job


def autoscaler(target: str, which: str = "cpu") -> Manifest:
    """Return the HorizontalPodAutoscaler `which` (one of AUTOSCALERS) for one deployment; it has the deployment's name."""
    found = named(optional(f"autoscaler-{which}"), "HorizontalPodAutoscaler", "rng")
    found["metadata"]["name"] = found["spec"]["scaleTargetRef"]["name"] = target
    for metric in found["spec"]["metrics"]:
        if metric["type"] == "Object":
            metric["object"]["describedObject"]["name"] = f"httplat-{target}"
    return found


def exporter(target: str) -> list[Manifest]:
    """What counts the requests of one deployment's replicas; of the Deployment only what is added to it."""
    objects = optional("exporter")
    counted = workload(named(load(), "Deployment", target))
    added = named(objects, "Deployment", "rng")
    added["metadata"]["name"] = target
    (container,) = added["spec"]["template"]["spec"]["containers"]
    values = {
        "SERVICE": target,
        "TARGET_PORT": f"{counted.port}",
        "PROBE_SECONDS": f"{counted.readiness_period or 0:g}",
    }
    for one in container["env"]:
        one["value"] = values.get(one["name"], one["value"])
    service = named(objects, "Service", "exporter-rng")
    service["metadata"]["name"] = service["metadata"]["labels"]["app"] = f"exporter-{target}"
    service["spec"]["selector"]["app"] = target
    return objects
