"""In-flight, requests and latency in the metrics APIs of a real cluster, and the real autoscaler on each of them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from kubernetes.client import ApiException, ApiregistrationV1Api, AppsV1Api, CoreV1Api

from dclab import manifests
from dclab.autoscaler import parse_autoscaler
from dclab.autoscaler.trace import replay, write
from dclab.engines.kube import launch
from dclab.engines.kube.cluster.images import BUILD, Images
from dclab.engines.kube.faults import Forbidden
from dclab.engines.kube.lab import api_services, serving
from dclab.engines.kube.lab.certificate import LIFE, make_certificate
from dclab.engines.kube.lab.metric_apis import observe
from dclab.engines.kube.labels import OURS
from dclab.engines.kube.rights import API_SERVICES, OLDER_API_SERVICES, roles
from dclab.errors import Refused, TimedOut
from dclab.quantity import parse_quantity
from tests.autoscaler.trace import check
from tests.cluster.lab import Lab
from tests.cluster.prometheus_adapter import API_SERVICE, prometheus_adapter
from tests.cluster.recording import Recorder
from tests.cluster.settings import KUBECONFIG, NAME
from tests.cluster.users import grant, kubeconfig, revoke
from tests.cluster.waiting import wait_for
from tests.conftest import CHECKOUT

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("own_cluster"), pytest.mark.timeout(300)]

LAB = "dclab-metrics"
SCRAPE = 2.0
IN_FLIGHT, REQUESTS, LATENCY = "dockercoins_in_flight", "dockercoins_requests_per_second", "httplat_latency_seconds"
SERVED = {
    "resource/cpu",
    f"pods/{IN_FLIGHT}",
    f"pods/{REQUESTS}",
    f"services/httplat-rng/{LATENCY}",
    *(f"external/{one}" for one in (IN_FLIGHT, REQUESTS, LATENCY)),
}


@pytest.fixture(scope="module")
def lab(cluster):
    """A lab of dclab's own, as its administrator has it."""
    before = os.environ.get("KUBECONFIG")
    os.environ["KUBECONFIG"] = str(KUBECONFIG)
    try:
        made, _ = launch.start(launch.place(NAME, LAB), Images(BUILD), lambda _: None)
        made.ready(60)
        yield made
        made.down()
    finally:
        os.environ.pop("KUBECONFIG") if before is None else os.environ.update(KUBECONFIG=before)


@pytest.fixture
def outside(cluster):
    """The same lab, with the official client alone."""
    return Lab(cluster.client, LAB)


def registered(cluster):
    """Metrics APIs other than of CPU and memory."""
    listed = ApiregistrationV1Api(cluster.client).list_api_service().items
    return {one.metadata.name for one in listed} & {*API_SERVICES, *OLDER_API_SERVICES}


def added(cluster, outside):
    """Everything in cluster and namespace that serves metrics."""
    core, apps = CoreV1Api(cluster.client), AppsV1Api(cluster.client)
    found = {f"APIService/{one}" for one in registered(cluster)}
    found |= {f"Secret/{one.metadata.name}" for one in core.list_namespaced_secret(LAB).items}
    found |= {
        f"Service/{one.metadata.name}"
        for one in core.list_namespaced_service(LAB).items
        if one.metadata.name.startswith(("exporter", "metrics", "prometheus"))
    }
    deployments = apps.list_namespaced_deployment(LAB).items
    found |= {
        f"container/{one.name}"
        for each in deployments
        for one in each.spec.template.spec.containers
        if one.name == "exporter"
    }
    found |= {
        f"Deployment/{one.metadata.name}"
        for one in deployments
        if one.metadata.name in ("metrics-adapter", "prometheus-server")
    }
    annotated = core.read_namespaced_service("httplat-rng", LAB).metadata.annotations or {}
    return found | {f"annotation/{one}" for one in annotated if one in (serving.INTERVAL, "dclab/metrics")}


def values(lab):
    """Values as an autoscaler of rng would be told: in-flight and requests by pod, latency."""
    from dclab.engines.kube.lab.autoscaler_objects import Metric
    from dclab.engines.kube.objects import decode

    described = {"kind": "Service", "name": "httplat-rng"}
    asked = [
        *({"type": "Pods", "pods": {"metric": {"name": one}}} for one in (IN_FLIGHT, REQUESTS)),
        {"type": "Object", "object": {"metric": {"name": LATENCY}, "describedObject": described}},
    ]
    by_pod, others = observe(lab.api, LAB, decode(asked, list[Metric]), "app=rng")
    per_pod = {name: {pod: one.value for pod, one in pods.items()} for name, pods in by_pod.items()}
    return per_pod[IN_FLIGHT], per_pod[REQUESTS], others.get(LATENCY)


def raw(outside, path):
    """What an API answers, as kubectl get --raw prints it."""
    return outside.client.call_api(
        *outside.client.param_serialize("GET", path, auth_settings=["BearerToken"]), _request_timeout=10
    ).read()


def test_values_are_those_of_theory_and_everything_goes_again(cluster, lab, outside, say):
    lab.scale("worker", 3)
    assert added(cluster, outside) == set()
    begin = time.monotonic()
    with lab.serve_metrics("rng", SCRAPE):
        say(f"metrics are served after {time.monotonic() - begin:.1f} s")
        assert set(lab.served_metrics("rng")) == SERVED
        # Of hasher nobody counts anything; its latency is measured.
        assert not [one for one in lab.served_metrics("hasher") if one.startswith("pods/")]
        time.sleep(3 * SCRAPE)
        first = lab.quantities("rng")
        time.sleep(20)
        second = lab.quantities("rng")
        in_flight, requests, latency = values(lab)
        (pod,) = lab.replicas("rng").names
        assert set(in_flight) == set(requests) == set(first) == {pod}
        seconds = second[pod].t - first[pod].t
        held = (second[pod].in_flight_seconds - first[pod].in_flight_seconds) / seconds
        asked = (second[pod].requests - first[pod].requests) / seconds
        usage = lab.usage("rng")
        say(
            f"3 workers, over {seconds:.0f} s: {held:.2f} in flight, {asked:.2f} requests a second",
            f"the APIs, over {3 * SCRAPE:g} s: {in_flight[pod]:.2f}, {requests[pod]:.2f}, {1000 * latency:.0f} ms",
            f"usage of the pod: {usage}",
        )
        # How exactly it counts, tests/apps has; here it is of the right pod, in the right unit, by both ways. A request of
        # three workers takes rng 0.1 s, and httplat's nothing but its wait; a worker asks up to 3.3 times a second.
        assert 0.07 * asked < held < 3
        assert 4 < asked < 12
        assert in_flight[pod] == pytest.approx(held, abs=0.6)
        assert requests[pod] == pytest.approx(asked, rel=0.4)
        assert 0 < latency < 0.4
        external = json.loads(raw(outside, f"/apis/external.metrics.k8s.io/v1beta1/namespaces/{LAB}/{REQUESTS}"))
        (whole,) = external["items"]
        assert whole["metricLabels"] == {"service": "rng"}
        assert float(parse_quantity(whole["value"])) == pytest.approx(asked, rel=0.4)
    assert added(cluster, outside) == set()
    assert lab.replicas("rng").terminating == 0
    assert set(lab.served_metrics("rng")) == {"resource/cpu"}


MANIFESTS = ("inflight", "requests", "latency")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("which", MANIFESTS)
def test_the_real_autoscaler_on_each_metric_and_ours_decides_the_same(lab, outside, say, request, which):
    """Up with ten workers, down with one; --record FOLDER keeps the traces."""
    manifest = manifests.autoscaler("rng", which)
    lab.scale("worker", 1)
    lab.scale("rng", 1)
    with lab.serve_metrics("rng", 10.0), Recorder(outside, "rng") as recorder:
        lab.apply_autoscaler(manifest)
        try:
            lab.scale("worker", 10)
            wait_for(lambda: lab.autoscaler("rng").desired > 1, 180, "a second rng", every=2)
            up = len(recorder.passes())
            wait_for(lambda: lab.autoscaler("rng") and len(recorder.passes()) >= up + 4, 120, "four passes", every=2)
            lab.scale("worker", 1)
            wait_for(lambda: lab.autoscaler("rng").desired == 1, 300, "one rng", every=2)
            done = len(recorder.passes())
            wait_for(lambda: lab.autoscaler("rng") and len(recorder.passes()) >= done + 2, 60, "two at rest", every=2)
            header, passes = recorder.header(), recorder.passes()
            looked = lab.autoscaler_passes("rng")
        finally:
            lab.remove_autoscaler("rng")
            lab.scale("worker", 1)
            lab.scale("rng", 1)
    start = passes[0].at
    say(
        f"{which}:",
        *(
            f"{one.at - start:4.0f} s: {one.seen.replicas} -> {one.outcome.desired}, {one.outcome.utilization} "
            f"({one.seen.pod_metrics or one.seen.values})"
            for one in passes
        ),
    )
    if folder := request.config.getoption("--record"):
        write(CHECKOUT / folder / f"recorded-{which}.jsonl", header, passes)
    check(header, passes)
    assert max(one.outcome.desired for one in passes) > 1
    # What anyone may read of it gives the same decisions, but for looks that are a second or two beside a pass.
    others = [
        one for one, ours in replay(parse_autoscaler(header.autoscaler), looked) if ours.desired != one.outcome.desired
    ]
    say(f"{len(looked)} passes seen by looking, {len(others)} of which ours decides otherwise")
    assert {one.outcome.desired for one in looked} >= {1, max(one.outcome.desired for one in passes)}
    assert len(others) <= 2


@pytest.fixture
def served(lab):
    """The lab with metrics that are served, for faults."""
    with lab.serve_metrics("rng", SCRAPE):
        yield lab


def test_without_prometheus_values_are_unknown_and_never_zero(served, outside):
    served.apply_autoscaler(manifests.autoscaler("rng", "inflight"))
    wait_for(lambda: _active(outside) == ("True", "ValidMetricFound"), 60, "a valid metric", every=0.5)
    before = served.replicas("rng").desired
    served.api.merge(served._deployment("prometheus-server"), {"spec": {"replicas": 0}})
    seen = []

    def unknown():
        in_flight, requests, latency = values(served)
        seen.append((in_flight, latency))
        return (in_flight, requests, latency) == ({}, {}, None)

    wait_for(unknown, 30, "unknown values", every=0.3)
    assert all(one[1] != 0 for one in seen)
    wait_for(lambda: _active(outside) == ("False", "FailedGetPodsMetric"), 60, "the autoscaler to say so", every=0.5)
    assert served.replicas("rng").desired == before
    served.api.merge(served._deployment("prometheus-server"), {"spec": {"replicas": 1}})
    wait_for(lambda: values(served)[0], 90, "values", every=0.5)
    wait_for(lambda: _active(outside) == ("True", "ValidMetricFound"), 60, "a valid metric", every=0.5)
    served.remove_autoscaler("rng")


def _active(outside):
    found = outside.conditions("rng").get("ScalingActive")
    return (found.status, found.reason) if found else None


def test_an_adapter_that_is_killed_comes_back(served, outside):
    (pod,) = outside.pods("metrics-adapter")
    outside.core.delete_namespaced_pod(pod.metadata.name, LAB, grace_period_seconds=0)
    begin = time.monotonic()
    wait_for(lambda: _other_adapter(outside, pod) and values(served)[2], 60, "its return", every=0.2)
    assert time.monotonic() - begin < 40
    assert set(served.served_metrics("rng")) == SERVED


def _other_adapter(outside, pod):
    return [one for one in outside.pods("metrics-adapter") if one.metadata.name != pod.metadata.name]


def test_what_is_configured_and_deployed_meanwhile_keeps_the_counting(served):
    served.configure("rng", {"THREADS": "2"})
    served.deploy()
    served.ready(60)
    (pod,) = served.replicas("rng").names
    wait_for(lambda: pod in values(served)[0], 60, "values of the new pod", every=0.5)
    served.configure("rng", {})


@pytest.mark.slow
def test_a_certificate_that_has_expired_is_told(cluster, lab, outside, monkeypatch):
    old = datetime.now(UTC) - timedelta(days=LIFE.days + 2)
    monkeypatch.setattr(serving, "make_certificate", lambda host: make_certificate(host, old))
    monkeypatch.setattr(serving, "KNOWN_SECONDS", 4.0)
    with pytest.raises(TimedOut, match="does not know") as told, lab.serve_metrics("rng", SCRAPE):
        pytest.fail("it was served")
    assert "expired" in told.value.why
    assert added(cluster, outside) == set()
    monkeypatch.undo()
    with lab.serve_metrics("rng", SCRAPE):
        assert set(lab.served_metrics("rng")) == SERVED


@pytest.fixture
def foreign(cluster):
    """An APIService of someone else's, of the older version, whose server there is not."""
    api = ApiregistrationV1Api(cluster.client)
    group, version = "custom.metrics.k8s.io", "v1beta1"
    body = {
        "metadata": {"name": f"{version}.{group}"},
        "spec": {
            "group": group,
            "version": version,
            "service": {"name": "prometheus-adapter", "namespace": "monitoring"},
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
        },
    }
    api.create_api_service(body)
    yield f"{version}.{group}"
    api.delete_api_service(f"{version}.{group}")


def test_someone_elses_api_stays_theirs(cluster, lab, outside, foreign):
    with pytest.raises(Refused, match="monitoring/prometheus-adapter"), lab.serve_metrics("rng", SCRAPE):
        pytest.fail("it was served")
    assert added(cluster, outside) == {f"APIService/{foreign}"}
    assert lab.replicas("rng").ready == 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_real_prometheus_adapter_is_used_where_it_is_the_clusters(cluster, lab, outside, say, tmp_path):
    """Its relist interval is 10 s here; at first it knows none of the metrics, since nothing is counted yet."""
    lab.scale("worker", 3)
    before = added(cluster, outside)
    with prometheus_adapter(cluster.client, f"http://prometheus-server.{LAB}.svc", tmp_path):
        begin = time.monotonic()
        with lab.serve_metrics("rng", SCRAPE):
            say(f"prometheus-adapter serves them after {time.monotonic() - begin:.1f} s")
            assert registered(cluster) == {API_SERVICE}
            assert not outside.pods("metrics-adapter")
            time.sleep(3 * SCRAPE)
            first = lab.quantities("rng")
            time.sleep(15)
            second = lab.quantities("rng")
            in_flight, requests, latency = values(lab)
            (pod,) = lab.replicas("rng").names
            seconds = second[pod].t - first[pod].t
            held = (second[pod].in_flight_seconds - first[pod].in_flight_seconds) / seconds
            asked = (second[pod].requests - first[pod].requests) / seconds
            say(f"in flight {in_flight[pod]:.2f} ({held:.2f}), a second {requests[pod]:.2f} ({asked:.2f}), {latency} s")
            assert in_flight[pod] == pytest.approx(held, abs=0.6)
            assert requests[pod] == pytest.approx(asked, rel=0.4)
            assert 0 < latency < 0.4
            lab.apply_autoscaler(manifests.autoscaler("rng", "inflight"))
            wait_for(lambda: _active(outside) == ("True", "ValidMetricFound"), 90, "a valid metric", every=0.5)
            lab.remove_autoscaler("rng")
        assert registered(cluster) == {API_SERVICE}
    assert added(cluster, outside) == before


def test_the_same_name_is_not_taken_by_force(cluster, lab, outside):
    """Registered between the look and the registration."""
    api = ApiregistrationV1Api(cluster.client)
    one = serving.Serving(lab.api, LAB, Images(BUILD), "0123", "rng", SCRAPE)
    one.check()
    theirs = {
        **one._registered[0],
        "metadata": {"name": API_SERVICES[0]},
        "spec": {**one._registered[0]["spec"], "service": {"name": "theirs", "namespace": "monitoring", "port": 443}},
    }
    api.create_api_service(theirs)
    try:
        with pytest.raises(Refused, match="not this lab's"):
            api_services.register(lab.api, LAB, one._registered[0])
        assert api.read_api_service(API_SERVICES[0]).spec.service.name == "theirs"
    finally:
        api.delete_api_service(API_SERVICES[0])


def test_without_the_right_to_register_nothing_is_changed(cluster, accounts, lab, outside, tmp_path, monkeypatch):
    role, of_cluster, _ = roles(LAB)
    env = kubeconfig(cluster, "within", tmp_path / "kubeconfig")
    granted = grant(cluster, "within", [role, of_cluster], LAB)
    monkeypatch.setenv("KUBECONFIG", env["KUBECONFIG"])
    try:
        theirs = launch.find_lab(launch.place("least", LAB))
        with pytest.raises(Forbidden, match="apiservices") as told, theirs.serve_metrics("rng", SCRAPE):
            pytest.fail("it was served")
        assert "dclab rbac" in told.value.hint
        assert added(cluster, outside) == set()
    finally:
        revoke(cluster, granted)


SERVING = f"""
import time
from dclab.engines.kube import launch
lab = launch.find_lab(launch.place({NAME!r}, {LAB!r}))
with lab.hold("dclab hpa-compare"), lab.serve_metrics("rng", {SCRAPE}):
    lab.apply_autoscaler({{**__import__("dclab.manifests").manifests.autoscaler("rng", "inflight")}})
    print("served", flush=True)
    time.sleep(300)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_the_command_everything_goes(cluster, lab, outside, say, number):
    process = subprocess.Popen(
        [sys.executable, "-c", SERVING], cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout.readline().strip() == "served"
        assert registered(cluster) == set(API_SERVICES)
        process.send_signal(number)
        begin = time.monotonic()
        wait_for(lambda: added(cluster, outside) == set(), 30, "the end of everything", every=0.2)
        say(f"{number.name}: all of it is gone after {time.monotonic() - begin:.1f} s")
        process.wait(30)
        if number == signal.SIGKILL:  # the autoscaler it takes itself
            wait_for(
                lambda: not outside.autoscaling.list_namespaced_horizontal_pod_autoscaler(LAB).items, 20, "its end"
            )
    finally:
        process.kill()
        process.wait()
        with contextlib.suppress(ApiException):
            outside.autoscaling.delete_namespaced_horizontal_pod_autoscaler("rng", LAB)
    wait_for(outside.settled, 60, "rng without the exporter", every=0.5)


def test_down_takes_the_registration_away_first(cluster, lab, say):
    """An API without a server would keep each namespace from ending. It is the last test: the lab is gone then."""
    one = serving.Serving(lab.api, LAB, Images(BUILD), "0123", "rng", SCRAPE)
    one.check()
    one.apply()
    one.wait()
    assert registered(cluster) == set(API_SERVICES)
    begin = time.monotonic()
    lab.down()
    say(f"down took {time.monotonic() - begin:.1f} s")
    assert registered(cluster) == set()
    names = [each.metadata.name for each in CoreV1Api(cluster.client).list_namespace(label_selector=_ours()).items]
    assert LAB not in names


def _ours():
    return ",".join(f"{key}={value}" for key, value in OURS.items())
