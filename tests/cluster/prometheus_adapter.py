"""The real prometheus-adapter as a cluster's custom metrics API, with rules that read a lab's Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from kubernetes.client import ApiClient, ApiregistrationV1Api, AppsV1Api, CoreV1Api

from tests.cluster import daemons
from tests.cluster.apply import apply
from tests.cluster.binaries import MODULES, build_module
from tests.cluster.images import program_archive
from tests.cluster.node import FIRST
from tests.cluster.waiting import wait_for

NAMESPACE = "monitoring"
API_SERVICE = "v1beta1.custom.metrics.k8s.io"
IMAGE = "dclab.test/prometheus-adapter:1"

HERE = Path(__file__).parent / "by_test"


@contextmanager
def prometheus_adapter(client: ApiClient, prometheus: str, work: Path) -> Iterator[None]:
    """For the duration it is there, and registered.

    Args:
        client: of the cluster.
        prometheus: URL of the Prometheus that it reads, as pods reach it.
        work: a folder for the image.
    """
    (program,) = build_module(MODULES / "by_test" / "prometheus-adapter").iterdir()
    FIRST.run(*daemons.CTR, "images", "import", program_archive(IMAGE, program, work))
    objects = list(yaml.safe_load_all((HERE / "prometheus-adapter.yaml").read_text()))
    deployment = next(one for one in objects if one["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["args"].append(f"--prometheus-url={prometheus}")
    core, registration = CoreV1Api(client), ApiregistrationV1Api(client)
    try:
        apply(client, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
        apply(client, objects, NAMESPACE)
        wait_for(
            lambda: AppsV1Api(client).read_namespaced_deployment("prometheus-adapter", NAMESPACE).status.ready_replicas,
            60,
            "prometheus-adapter",
            every=0.5,
        )
        wait_for(lambda: _available(registration), 60, "its API", every=0.5)
        yield
    finally:
        registration.delete_api_service(API_SERVICE)
        core.delete_namespace(NAMESPACE)


def _available(registration: ApiregistrationV1Api) -> bool:
    conditions = registration.read_api_service(API_SERVICE).status.conditions or []
    return any(one.type == "Available" and one.status == "True" for one in conditions)
