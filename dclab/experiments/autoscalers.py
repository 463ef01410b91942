"""The autoscalers that an experiment applies: dclab's own for each metric, and the user's files."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dclab import manifests
from dclab.autoscaler import AutoscalerSpec, parse_autoscaler
from dclab.autoscaler.served import check_served
from dclab.autoscaler.trace import SCHEMA, Header
from dclab.elasticity.metrics import metric_of
from dclab.elasticity.settling import longest_window
from dclab.errors import DclabError, InvalidInput, MissingTool
from dclab.experiments.observer import Observer
from dclab.lab import Lab
from dclab.user_files import read_yaml

__all__ = ["SCRAPE_SECONDS", "Candidate", "from_file", "from_files", "keep_trace", "served", "shipped", "shipped_for"]

SCRAPE_SECONDS = 10.0
"""Between two scrapes of the replicas, on the autoscaler's clock, unless the user says otherwise."""

Origin = Literal["course", "upstream", "tuned", "file"]
ORIGINS: Mapping[str, Origin] = {"cpu": "course", "latency": "upstream"}
"""Of those of `manifests.AUTOSCALERS` that dclab's rule has not tuned."""

_NOT_SHOWN = re.compile(r"[$\x00-\x1f\x7f]")
MOST_LETTERS = 300
"""Of a name, as results.json holds it."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A HorizontalPodAutoscaler that can be applied to the lab."""

    name: str
    """For the reader: `cpu`, `latency tuned`, or its file's name."""
    origin: Origin
    manifest: Mapping[str, Any]
    spec: AutoscalerSpec

    @property
    def metric(self) -> str:
        """One of METRICS, or what a user's file names."""
        return metric_of(self.spec)

    @property
    def window(self) -> float:
        """Seconds of its longer stabilization window."""
        return longest_window(self.spec)

    @property
    def needs_serving(self) -> bool:
        """Whether it uses a metric that only `Lab.serve_metrics` provides."""
        return any(one.type != "Resource" for one in self.spec.metrics)


def shipped(target: str, which: str) -> Candidate:
    """Return one of `manifests.AUTOSCALERS` for a target."""
    manifest = manifests.autoscaler(target, which)
    return Candidate(
        name=which.replace("-", " "),
        origin=ORIGINS.get(which, "tuned"),
        manifest=manifest,
        spec=parse_autoscaler(manifest),
    )


def shipped_for(target: str, metrics: Collection[str]) -> list[Candidate]:
    """Return all that dclab has for these of METRICS: with others' figures where there are such, and tuned."""
    return [shipped(target, which) for which in manifests.AUTOSCALERS if which.removesuffix("-tuned") in metrics]


def from_file(file: Path, target: str, name: str = "") -> Candidate:
    """Return the autoscaler of a user's file.

    Args:
        file: YAML with one HorizontalPodAutoscaler.
        target: the deployment that it is to scale.
        name: for the reader; the file's by default.

    Raises:
        InvalidInput: it cannot be read, is none that Kubernetes would take, or scales something else.
        NotSupported: it is valid, but dclab cannot do that.
    """
    documents = read_yaml(file)
    if len(documents) != 1:
        raise InvalidInput(
            f"{file} holds {len(documents)} documents.",
            "One HorizontalPodAutoscaler is needed.",
            "Give each autoscaler a file of its own.",
        )
    try:
        spec = parse_autoscaler(documents[0])
    except DclabError as error:
        error.what = f"{file}: {error.what}"
        raise
    if spec.target != target:
        known = ("rng", "hasher")
        raise InvalidInput(
            f"{file} scales the deployment {spec.target!r}, not {target}.",
            "The replicas of one service are counted and loaded.",
            f"Add --target {spec.target}."
            if spec.target in known
            else f"Set spec.scaleTargetRef.name to {' or '.join(known)}.",
        )
    return Candidate(
        name=_NOT_SHOWN.sub("?", name or file.name)[-MOST_LETTERS:],
        origin="file",
        manifest=_bare(documents[0], spec),
        spec=spec,
    )


def _bare(document: Any, spec: AutoscalerSpec) -> dict[str, Any]:
    """The autoscaler without its namespace, and without what a cluster had written into it: `kubectl get hpa -o yaml`."""
    if "items" in document:
        (document,) = document["items"]
    labels = document.get("metadata", {}).get("labels")
    return {
        "apiVersion": document["apiVersion"],
        "kind": document["kind"],
        "metadata": {"name": spec.name, **({"labels": labels} if labels else {})},
        "spec": document["spec"],
    }


def from_files(files: Sequence[Path], target: str) -> list[Candidate]:
    """Return the autoscalers of several files, by names that differ: where two files have one name, by their paths.

    Raises:
        InvalidInput, NotSupported: as `from_file`; or a file is given twice.
    """
    names = [one.name for one in files]
    if len({one.resolve() for one in files}) < len(files):
        twice = next(
            one for index, one in enumerate(files) if one.resolve() in [each.resolve() for each in files[:index]]
        )
        raise InvalidInput(f"{twice} is given twice.", "Each autoscaler is run once.", "Omit the second one.")
    return [from_file(one, target, one.name if names.count(one.name) == 1 else str(one)) for one in files]


@contextlib.contextmanager
def served(lab: Lab, target: str, candidates: Sequence[Candidate], scrape_seconds: float) -> Iterator[None]:
    """Have the lab serve what these autoscalers use for the duration; nothing is changed where none uses more than CPU.

    Raises:
        MissingTool: one of them goes by CPU, of which the cluster has no metrics.
        InvalidInput: one of them asks for a metric that nobody serves.
        Refused: the lab cannot serve metrics.
    """
    _check_usage(lab, target, candidates)
    wanting = [one for one in candidates if one.needs_serving]
    if not wanting:
        yield
        return
    with lab.serve_metrics(target, scrape_seconds):
        found = lab.served_metrics(target)
        for one in wanting:
            try:
                check_served(one.spec, found)
            except DclabError as error:
                error.what = f"{one.name}: {error.what}"
                raise
        yield


def _check_usage(lab: Lab, target: str, candidates: Sequence[Candidate]) -> None:
    by_usage = any(one.type == "Resource" for candidate in candidates for one in candidate.spec.metrics)
    if by_usage and "resource/cpu" not in lab.served_metrics(target):
        raise MissingTool(
            "The cluster does not tell how much CPU pods use, and an autoscaler on CPU needs that.",
            "It has no metrics API (metrics.k8s.io); metrics-server provides it.",
            "Install metrics-server (on minikube: `minikube addons enable metrics-server`), or use another --metric.",
        )


def keep_trace(lab: Lab, candidate: Candidate, observer: Observer, suffix: str = "") -> None:
    """Keep what `dclab hpa-replay` reads: the autoscaler as applied, and each of its passes.

    Args:
        lab: in which it ran, and still is.
        candidate: the autoscaler.
        observer: keeps it as raw `hpa` and `hpa-trace`.
        suffix: of these names, where there are several.
    """
    with contextlib.suppress(DclabError):  # of a lab that is lost there is nothing to keep
        passes = lab.autoscaler_passes(candidate.spec.name)
        if passes:
            header = Header(
                schema=SCHEMA,
                kubernetes=lab.versions().get("kubernetes", lab.engine),
                autoscaler=dict(candidate.manifest),
            )
            observer.raw(f"hpa{suffix}", [candidate.manifest])
            observer.raw(f"hpa-trace{suffix}", [header, *passes])
