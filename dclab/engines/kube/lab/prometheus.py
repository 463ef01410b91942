"""Prometheus beside the lab: from our own manifest, or from the chart of prometheus-community.

helm only renders the chart. What it renders is labelled and applied like everything else of the lab, so `down`
removes it by its labels, and no right on Secrets is needed, in which helm would keep a release.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from dclab import manifests
from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.cluster.connect import check_version
from dclab.engines.kube.lab import rollout
from dclab.engines.kube.labels import OURS
from dclab.engines.kube.workloads import Deployment, Pod
from dclab.errors import DclabError, InvalidInput, MissingTool
from dclab.manifests import Manifest
from dclab.paths import shipped
from dclab.tools import find_tool

__all__ = ["PROMETHEUS", "Source", "ensure_prometheus", "parse_source"]

PROMETHEUS = "prometheus-server"
READY_SECONDS = 120.0
"""For its image to be pulled, and for it to get ready."""

MANIFEST, HELM = "manifest", "helm"
REPOSITORY = "https://prometheus-community.github.io/helm-charts"
CHART_VERSION = "29.27.0"
"""Of https://github.com/prometheus-community/helm-charts/blob/main/charts/prometheus/Chart.yaml."""
RELEASE = "prometheus"
"""With it the chart names its server as our manifest does."""
RENDERED = ("ConfigMap", "Deployment", "Service")
LONGEST_RENDERING = 120.0


class _RenderedMetadata(msgspec.Struct):
    name: str
    labels: dict[str, str] | None = None


class _Rendered(msgspec.Struct):
    """What every object that helm renders has to have."""

    kind: str
    metadata: _RenderedMetadata


@dataclass(frozen=True)
class Source:
    """Where Prometheus comes from: our manifest, or a chart."""

    kind: str
    chart: str | None = None
    """A folder, archive or reference, as helm takes it; None for the pinned one of prometheus-community."""


def parse_source(kind: str | None, chart: str | None) -> Source:
    """As the user names it; a chart alone is helm's. InvalidInput when it is neither."""
    if kind not in (None, MANIFEST, HELM):
        raise InvalidInput(f"Prometheus does not come from {kind!r}.", "It comes from a manifest, or from helm.")
    if kind == MANIFEST and chart is not None:
        raise InvalidInput("Our manifest is no chart.", "--chart is for --prometheus helm.", "Leave one of them out.")
    return Source(kind or HELM, chart)


def ensure_prometheus(
    api: Api, namespace: str, wanted: Source | None = None, labels: Mapping[str, str] | None = None
) -> None:
    """Have a Prometheus that is ready: the one that is there, unless another is wanted.

    Args:
        api: of the cluster.
        namespace: of the lab.
        wanted: where it is to come from.
        labels: that what is added for it bears, too.

    Raises:
        MissingTool: helm is wanted and not installed.
        DclabError: helm cannot render the chart.
        TimedOut: Prometheus does not get ready; the error says why.
    """
    path = path_of("apps/v1", "Deployment", namespace, PROMETHEUS)
    there = api.get_or_none(path, Deployment)
    if there is None or wanted is not None:
        source = wanted or Source(MANIFEST)
        objects = _from_chart(api, namespace, source.chart) if source.kind == HELM else _own(namespace)
        wanted_labels = manifests.named(objects, "Deployment", PROMETHEUS)["spec"]["selector"]["matchLabels"]
        if there is not None and there.spec.selector.match_labels != wanted_labels:
            # What a deployment selects can never be changed.
            api.delete(path)
            api.wait(
                path_of("v1", "Pod", namespace),
                Pod,
                lambda pods: not pods,
                READY_SECONDS,
                labelSelector=f"app={PROMETHEUS}",
            )
        for one in objects:
            metadata = {**one["metadata"], "labels": {**one["metadata"]["labels"], **(labels or {})}}
            api.apply({**one, "metadata": metadata}, namespace)
    rollout.wait_settled(api, namespace, [PROMETHEUS], READY_SECONDS)


def _own(namespace: str) -> list[Manifest]:
    objects = manifests.optional("prometheus")
    for one in manifests.of_kind(objects, "RoleBinding"):
        one["subjects"][0]["namespace"] = namespace
    return objects


def _from_chart(api: Api, namespace: str, chart: str | None) -> list[Manifest]:
    """The chart's server in place of ours; account, rights, NodePort and network policy stay ours."""
    rendered = _render(namespace, chart, check_version(api))
    made = {(one["kind"], one["metadata"]["name"]): one for one in rendered if one["kind"] in RENDERED}
    if ("Deployment", PROMETHEUS) not in made:
        names = ", ".join(f"{one['kind']}/{one['metadata']['name']}" for one in rendered)
        raise DclabError(
            f"The chart {chart or 'prometheus'} makes no deployment {PROMETHEUS}.",
            f"It makes {names or 'nothing'}.",
            "Name a chart `prometheus` of prometheus-community, or leave --chart out.",
        )
    for (kind, name), one in made.items():
        one["metadata"]["labels"] = {**(one["metadata"].get("labels") or {}), **OURS, "app": name}
        if kind == "Deployment":
            # By them our services, policies and diagnosis find its pods.
            one["spec"]["template"]["metadata"]["labels"] |= {**OURS, "app": name}
    kept = [one for one in _own(namespace) if (one["kind"], one["metadata"]["name"]) not in made]
    return [*kept, *made.values()]


def _render(namespace: str, chart: str | None, version: str) -> list[Manifest]:
    import yaml

    helm = find_tool("helm")
    if helm is None:
        raise MissingTool(
            "There is no helm here.",
            "--prometheus helm renders a chart with it.",
            "`dclab doctor --install` says how to get it; --prometheus manifest needs none.",
        )
    if chart is None:
        reference = [RELEASE, "--repo", REPOSITORY, "--version", CHART_VERSION]
    else:
        reference = [str(Path(chart).resolve()) if Path(chart).exists() else chart]
    values = shipped() / "manifests" / "helm" / "prometheus.yaml"
    given = ["--namespace", namespace, "--kube-version", version, "--values", str(values)]
    command = [helm, "template", RELEASE, *reference, *given]
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=LONGEST_RENDERING,
        )
    except subprocess.TimeoutExpired as error:
        raise DclabError("helm did not end.", f"It was given {LONGEST_RENDERING:g} s.", "Try again.") from error
    if done.returncode:
        last = " | ".join(done.stderr.strip().splitlines()[-3:])
        raise DclabError(
            f"helm cannot render the chart {chart or f'prometheus {CHART_VERSION}'}.",
            last or "It does not say why.",
            "Check that it can be reached; --chart takes a folder or an archive, too.",
        )
    try:
        rendered = [one for one in yaml.safe_load_all(done.stdout) if one]
        msgspec.convert(rendered, list[_Rendered])
    except (yaml.YAMLError, msgspec.ValidationError, RecursionError) as error:
        raise DclabError(
            f"The chart {chart or 'prometheus'} does not render to Kubernetes objects.",
            " ".join(str(error).split()),
            "Omit --chart to use the chart of prometheus-community.",
        ) from error
    return rendered
