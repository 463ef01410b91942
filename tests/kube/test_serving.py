"""What serves metrics is added under a hold and taken away again; whoever else has the metrics APIs keeps them."""

from __future__ import annotations

import base64
import copy
import subprocess
import sys

import psutil
import pytest
from cryptography import x509

from dclab import manifests
from dclab.engines.kube import launch
from dclab.engines.kube.cluster.images import BUILD, Images
from dclab.engines.kube.faults import Forbidden
from dclab.engines.kube.lab import hold
from dclab.engines.kube.lab.serving import ADAPTER, Serving, stop_serving
from dclab.engines.kube.labels import METRICS, OURS
from dclab.errors import InvalidInput, Refused
from tests.conftest import CHECKOUT

LAB = "dockercoins"
CUSTOM, EXTERNAL = "v1beta2.custom.metrics.k8s.io", "v1beta1.external.metrics.k8s.io"


@pytest.fixture
def lab(cluster):
    launch.start(launch.place("mine", LAB), Images(BUILD), lambda _: None)
    # As if it ran: here are no pods.
    cluster.put("deployments", LAB, "prometheus-server", metadata={"labels": OURS}, spec={"replicas": 0})
    return launch.find_lab(launch.place("mine", LAB))


def serving(lab, token="0123", target="rng", scrape_seconds=10.0):
    return Serving(lab.api, LAB, Images(BUILD), token, target, scrape_seconds)


def without_versions(cluster):
    objects = copy.deepcopy(cluster.objects)
    for one in objects.values():
        one["metadata"].pop("resourceVersion", None)
        one["metadata"].pop("annotations", None) if not one["metadata"].get("annotations") else None
    return objects


def registered(cluster):
    return {name for kind, _, name in cluster.objects if kind == "apiservices"}


def begin(one):
    """Add everything but the registration's success, which needs a server that runs."""
    one.check()
    one.apply()
    from dclab.engines.kube.lab.api_services import register

    for manifest in one._registered:
        register(one._api, LAB, manifest)


def test_it_adds_a_container_and_takes_it_away_again(cluster, lab):
    before = without_versions(cluster)
    begin(serving(lab))
    deployment = cluster.get("deployments", LAB, "rng")
    names = [one["name"] for one in deployment["spec"]["template"]["spec"]["containers"]]
    assert names == ["rng", "exporter"]
    assert registered(cluster) == {CUSTOM, EXTERNAL}
    assert stop_serving(lab.api, LAB, "0123") == ["rng"]
    assert without_versions(cluster) == before


def test_what_is_configured_meanwhile_stays_and_keeps_the_container(cluster, lab):
    begin(serving(lab))
    manifest = {"name": "rng", "env": [{"name": "DELAY", "value": "0.2"}]}
    lab.api.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "rng", "labels": OURS},
            "spec": {"template": {"spec": {"containers": [manifest]}}},
        },
        LAB,
    )
    containers = cluster.get("deployments", LAB, "rng")["spec"]["template"]["spec"]["containers"]
    assert [one["name"] for one in containers] == ["rng", "exporter"]
    stop_serving(lab.api, LAB, "0123")
    (container,) = cluster.get("deployments", LAB, "rng")["spec"]["template"]["spec"]["containers"]
    assert container["env"] == manifest["env"]


def test_the_adapter_is_told_what_it_needs(cluster, lab):
    begin(serving(lab, scrape_seconds=2.5))
    template = cluster.get("deployments", LAB, ADAPTER)["spec"]["template"]
    env = {one["name"]: one["value"] for one in template["spec"]["containers"][0]["env"]}
    assert (env["WINDOW"], env["NAMESPACE"]) == ("7.5", LAB)
    for name in ("exporter-rng", "httplat-rng"):
        assert cluster.get("services", LAB, name)["metadata"]["annotations"]["prometheus.io/interval"] == "2500ms"
    (own, _) = cluster.get("deployments", LAB, "rng")["spec"]["template"]["spec"]["containers"][::-1]
    env = {one["name"]: one["value"] for one in own["env"]}
    assert (env["SERVICE"], env["TARGET_PORT"], env["PROBE_SECONDS"]) == ("rng", "8080", "2")


def test_each_time_there_is_a_new_certificate_and_with_it_a_new_pod(cluster, lab):
    def now():
        secret = base64.b64decode(cluster.get("secrets", LAB, ADAPTER)["data"]["tls.crt"])
        template = cluster.get("deployments", LAB, ADAPTER)["spec"]["template"]
        (note,) = template["metadata"]["annotations"].values()
        bundle = base64.b64decode(cluster.get("apiservices", "", CUSTOM)["spec"]["caBundle"])
        authority, leaf = x509.load_pem_x509_certificate(bundle), x509.load_pem_x509_certificate(secret)
        leaf.verify_directly_issued_by(authority)
        return note, leaf.serial_number

    begin(serving(lab))
    first = now()
    begin(serving(lab))
    assert {*now()}.isdisjoint(first)


def test_under_another_hold_it_is_taken_over(cluster, lab):
    """What a machine that has crashed has left."""
    before = without_versions(cluster)
    begin(serving(lab, "4567"))
    begin(serving(lab, "89ab"))
    stop_serving(lab.api, LAB, "4567")
    assert registered(cluster) == {CUSTOM, EXTERNAL}
    stop_serving(lab.api, LAB, "89ab")
    assert without_versions(cluster) == before


def foreign(cluster, name, namespace="monitoring", labels=None, answers="False"):
    group = name.partition(".")[2]
    spec = {"group": group, "service": {"name": "theirs", "namespace": namespace}}
    status = {"conditions": [{"type": "Available", "status": answers}]}
    cluster.put("apiservices", "", name, metadata={"labels": labels or {}}, spec=spec, status=status)


@pytest.mark.parametrize(
    ("name", "namespace", "labels", "answers", "why"),
    [
        (CUSTOM, "monitoring", {}, "False", "does not answer"),
        # An older version: the newer one would be preferred to it.
        ("v1beta1.custom.metrics.k8s.io", "monitoring", {}, "False", "does not answer"),
        (CUSTOM, "other-lab", OURS, "True", "its own namespace"),
    ],
)
def test_someone_elses_is_never_replaced(cluster, lab, name, namespace, labels, answers, why):
    foreign(cluster, name, namespace, labels, answers)
    before = without_versions(cluster)
    with pytest.raises(Refused, match=rf"{name} of {namespace}/theirs") as told:
        serving(lab).check()
    assert why in told.value.why
    assert without_versions(cluster) == before
    stop_serving(lab.api, LAB, "0123")
    lab.down()
    assert registered(cluster) == {name}


def test_someone_elses_that_answers_is_given_time_to_learn_of_the_metrics(cluster, lab, monkeypatch):
    """A provider that looks what series there are knows of none before the replicas are counted."""
    foreign(cluster, CUSTOM, answers="True")
    monkeypatch.setattr("dclab.engines.kube.lab.serving.FOREIGN_SECONDS", 0.5)
    monkeypatch.setattr("dclab.engines.kube.lab.rollout.wait_settled", lambda *_: None)  # no pod runs here
    one = serving(lab)
    one.check()
    one.apply()
    assert ("deployments", LAB, ADAPTER) not in cluster.objects
    with pytest.raises(Refused, match="monitoring/theirs") as told:
        one.wait()
    assert "does not know httplat_latency_seconds of httplat-rng after" in told.value.why
    stop_serving(lab.api, LAB, "0123")
    assert registered(cluster) == {CUSTOM}


def test_someone_elses_that_comes_in_between_is_not_replaced_either(cluster, lab):
    one = serving(lab)
    one.check()
    foreign(cluster, CUSTOM)
    from dclab.engines.kube.lab.api_services import register

    with pytest.raises(Refused, match="not this lab's"):
        register(lab.api, LAB, one._registered[0])
    assert cluster.get("apiservices", "", CUSTOM)["spec"]["service"]["name"] == "theirs"


def test_a_foreign_external_api_is_left_alone_and_no_hindrance(cluster, lab):
    foreign(cluster, EXTERNAL)
    begin(serving(lab))
    assert registered(cluster) == {CUSTOM, EXTERNAL}
    assert cluster.get("apiservices", "", EXTERNAL)["spec"]["service"]["name"] == "theirs"
    lab.down()
    assert registered(cluster) == {EXTERNAL}


@pytest.mark.parametrize("what", ["apiservices", "secrets", "deployments", "networkpolicies"])
def test_whoever_may_not_is_told_before_anything_is_changed(cluster, lab, what):
    before = without_versions(cluster)
    cluster.fail = lambda method, path: 403 if f"/{what}/" in path and method == "PATCH" else None
    with pytest.raises(Forbidden):
        serving(lab).check()
    assert without_versions(cluster) == before


def test_down_removes_it(cluster, lab):
    begin(serving(lab))
    lab.down()
    assert registered(cluster) == set()
    assert ("secrets", LAB, ADAPTER) not in cluster.objects
    assert cluster.get("namespaces", "", LAB) is None


def test_down_removes_the_rest_for_who_may_not_see_the_registration(cluster, lab):
    cluster.fail = lambda _, path: 403 if "/apiservices/" in path else None
    lab.down()
    assert cluster.get("namespaces", "", LAB) is None


def test_only_what_has_an_httplat(lab):
    with pytest.raises(InvalidInput, match=r"rng, hasher|hasher, rng"):
        serving(lab, target="webui")


def test_an_autoscaler_on_what_nobody_serves_is_refused(cluster, lab):
    manifest = manifests.autoscaler("rng", "inflight")
    with pytest.raises(InvalidInput, match="asks for pods/dockercoins_in_flight, which nobody serves"):
        lab.apply_autoscaler(manifest)
    assert cluster.get("horizontalpodautoscalers", LAB, "rng") is None


SERVING = """
import time
from dclab import manifests
from dclab.engines.kube import launch
from dclab.engines.kube.cluster.images import BUILD, Images
from dclab.engines.kube.lab.api_services import register
from dclab.engines.kube.lab.serving import Serving
lab = launch.find_lab(launch.place("mine", "dockercoins"))
with lab.hold("dclab hpa-compare"):
    one = Serving(lab.api, "dockercoins", Images(BUILD), lab._hold.token, "rng", 10.0)
    one.check()
    one.apply()
    for manifest in one._registered:
        register(lab.api, "dockercoins", manifest)
    print(lab._hold._lease.pid, flush=True)
    time.sleep(60)
"""


def test_what_a_killed_command_has_added_is_taken_away(cluster, lab, wait_until):
    before = without_versions(cluster)
    process = subprocess.Popen([sys.executable, "-c", SERVING], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    try:
        watchdog = int(process.stdout.readline())
        assert cluster.get("secrets", LAB, ADAPTER)["metadata"]["labels"][METRICS]
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not psutil.pid_exists(watchdog), 20)
    assert ("leases", LAB, hold.NAME) not in cluster.objects
    assert without_versions(cluster) == before


def test_what_a_machine_has_left_that_went_down_goes_with_the_next_hold(cluster, lab):
    """Command and watchdog are gone."""
    before = without_versions(cluster)
    begin(serving(lab, "dead"))
    notes = {hold.WHAT: "dclab hpa-compare", hold.PROCESS: "1/0.0", hold.MACHINE: hold._machine()}
    spec = {"holderIdentity": "dead", "leaseDurationSeconds": 15, "acquireTime": "2026-01-01T00:00:00Z"}
    cluster.put("leases", LAB, hold.NAME, metadata={"annotations": notes}, spec=spec)
    with lab.hold("dclab prove"):
        assert registered(cluster) == set()
    assert without_versions(cluster) == before


def serves(cluster, *names):
    """Have a custom metrics API, as the cluster's own adapter may answer it."""
    api = "/apis/custom.metrics.k8s.io"
    cluster.answers[api] = {"preferredVersion": {"groupVersion": "custom.metrics.k8s.io/v1beta1"}}
    cluster.answers[f"{api}/v1beta1"] = {"resources": [{"name": one} for one in names]}


ALL = ("pods/dockercoins_in_flight", "pods/dockercoins_requests_per_second", "services/httplat_latency_seconds")


def test_someone_elses_that_serves_the_metrics_is_used(cluster, lab):
    foreign(cluster, "v1beta1.custom.metrics.k8s.io", answers="True")
    serves(cluster, *ALL, "namespaces/other")
    begin(serving(lab))
    assert registered(cluster) == {"v1beta1.custom.metrics.k8s.io"}
    assert ("deployments", LAB, ADAPTER) not in cluster.objects
    assert ("services", LAB, "exporter-rng") in cluster.objects  # it is still to be counted
    assert set(lab.served_metrics("rng")) == {
        *ALL[:2],
        "services/httplat-rng/httplat_latency_seconds",
        "namespaces/other",
    }
    stop_serving(lab.api, LAB, "0123")
    assert not [one for one in lab.served_metrics("rng") if one.startswith("pods/")]


def test_an_autoscaler_may_use_whatever_the_cluster_serves(cluster, lab):
    serves(cluster, "pods/queue_length", "ingresses.networking.k8s.io/requests", ALL[2])
    manifest = manifests.autoscaler("rng", "inflight")
    (metric,) = manifest["spec"]["metrics"]
    metric["pods"]["metric"]["name"] = "queue_length"
    lab.apply_autoscaler(manifest)
    lab.apply_autoscaler(manifests.autoscaler("rng", "latency"))
    lab.apply_autoscaler(manifests.autoscaler("rng"))  # on CPU: usage may still come
    metric["pods"]["metric"]["name"] = "other"
    with pytest.raises(InvalidInput, match="pods/other, which nobody serves") as told:
        lab.apply_autoscaler(manifest)
    assert "pods/queue_length" in told.value.why
