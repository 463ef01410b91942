"""Metrics beside CPU on the embedded engine: what is served, when, and what an autoscaler makes of it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from statistics import fmean

import pytest
import requests

from dclab import manifests
from dclab.autoscaler.served import IN_FLIGHT, LATENCY, REQUESTS
from dclab.engines.embedded import launch, questions
from dclab.engines.embedded.wire import Settings
from dclab.errors import InvalidInput, LabHeld
from dclab.measure.prometheus_rate import prometheus_rate
from dclab.tools import find_tool
from tests.conftest import CHECKOUT

SPEED = 20
"""Of the autoscaler's clock: a scrape each half second."""


@pytest.fixture(scope="module")
def lab():
    made, started = launch.start(Settings(name="metrics", clock_speed=SPEED))
    assert started
    made.ready()
    yield made
    made.down()


def counts(lab):
    """What rng has been asked, by what the lab says and by what it has served itself: workers' calls and httplat's probes."""
    (replica,) = lab.about().replicas["rng"]
    own = requests.get(f"http://127.0.0.1:{replica.port}/served", timeout=5).json()["served"]
    return lab.quantities("rng")[replica.name], own, lab.httplat("rng").probes


def test_quantities_are_what_rng_has_served(lab):
    lab.scale("worker", 2)
    before, served, probes = counts(lab)
    time.sleep(3.0)
    after, served_then, probes_then = counts(lab)
    asked = served_then - served + probes_then - probes
    assert after.requests - before.requests == pytest.approx(asked, abs=3)  # two workers and httplat are at it
    in_flight = (after.in_flight_seconds - before.in_flight_seconds) / (after.t - before.t)
    # Each call takes 0.1 s, and waits for at most the other one and a probe.
    at_work = 0.1 * (served_then - served) / (after.t - before.t)
    assert 0.9 * at_work < in_flight < 2.2 * at_work + 0.1
    assert after.full_seconds == 0
    assert abs(after.t - time.time()) < 1


def test_nobody_counts_redis_or_workers(lab):
    assert lab.quantities("worker") == lab.quantities("redis") == {}
    with pytest.raises(InvalidInput, match="no deployment 'miner'"):
        lab.quantities("miner")


def test_a_replica_that_nobody_asks_is_counted_as_well(lab, wait_until):
    lab.scale("hasher", 2)
    wait_until(lambda: len(lab.quantities("hasher")) == 2)
    first = lab.quantities("hasher")
    time.sleep(0.1)
    assert all(lab.quantities("hasher")[name].t > one.t for name, one in first.items())
    lab.scale("hasher", 1)


def test_a_replica_that_was_restarted_goes_on_counting(lab, wait_until):
    (name,) = lab.replicas("hasher").names
    wait_until(lambda: lab.quantities("hasher")[name].requests > 2)
    before = lab.quantities("hasher")[name]
    os.kill(lab.about().replicas["hasher"][0].pid, signal.SIGKILL)
    lab.ready()
    assert lab.replicas("hasher").names == (name,)
    wait_until(lambda: lab.quantities("hasher")[name].requests > before.requests)
    assert lab.quantities("hasher")[name].in_flight_seconds >= before.in_flight_seconds


def test_the_metrics_that_are_served_are_named(lab):
    assert set(lab.served_metrics("rng")) >= {
        "resource/cpu",
        f"pods/{IN_FLIGHT}",
        f"pods/{REQUESTS}",
        f"services/httplat-rng/{LATENCY}",
        f"external/{IN_FLIGHT}",
    }
    assert not any(one.startswith("pods/") for one in lab.served_metrics("worker"))


def hpa(*metrics, target="rng", name="rng"):
    found = manifests.autoscaler(target)
    found["metadata"]["name"] = name
    found["spec"]["metrics"] = list(metrics)
    return found


def pods(metric, value):
    return {
        "type": "Pods",
        "pods": {"metric": {"name": metric}, "target": {"type": "AverageValue", "averageValue": value}},
    }


def external(metric, value, selector=None):
    named = {"name": metric, **({"selector": selector} if selector else {})}
    return {
        "type": "External",
        "external": {"metric": named, "target": {"type": "AverageValue", "averageValue": value}},
    }


def latency(value, service="httplat-rng"):
    described = {"apiVersion": "v1", "kind": "Service", "name": service}
    target = {"type": "Value", "value": value}
    return {"type": "Object", "object": {"metric": {"name": LATENCY}, "describedObject": described, "target": target}}


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (pods("http_requests", "1"), "pods/http_requests, which nobody serves.*pods/dockercoins_in_flight"),
        (latency("100m", "httplat"), "services/httplat/httplat_latency_seconds.*services/httplat-rng/"),
        (external("queue", "1"), "external/queue"),
        (external(IN_FLIGHT, "1", {"matchLabels": {"app": "rng"}}), "selects nothing.*matchLabels {service: rng}"),
        (external(IN_FLIGHT, "1", {"matchLabels": {"service": "redis"}}), "Nobody serves .* of redis.*hasher and rng"),
    ],
)
def test_an_autoscaler_on_what_nobody_serves_is_refused(lab, metric, said):
    with pytest.raises(InvalidInput) as refused:
        lab.apply_autoscaler(hpa(metric))
    error = refused.value
    assert re.search(said, f"{error.what} {error.why} {error.hint}")
    assert lab.autoscalers() == {}


def test_values_of_pods_cannot_scale_who_is_not_counted(lab):
    with pytest.raises(InvalidInput, match=f"pods/{IN_FLIGHT}"):
        lab.apply_autoscaler(hpa(pods(IN_FLIGHT, "1"), target="worker"))


def readings(lab, wait_until, *metrics):
    """What an autoscaler on these shows, and what rng was asked meanwhile.

    A rate over 1.5 s is of six requests or so, hence means over 6 s: those of each metric, then those of the counts.
    """
    lab.apply_autoscaler(hpa(*metrics))
    try:
        wait_until(lambda: (found := lab.autoscaler("rng").metrics) and all(one.current is not None for one in found))
        before, _, _ = counts(lab)
        shown = []
        for _ in range(24):
            time.sleep(0.25)
            shown.append([one.current for one in lab.autoscaler("rng").metrics])
        after, _, _ = counts(lab)
    finally:
        lab.remove_autoscaler("rng")
    passed = after.t - before.t
    counted = (after.in_flight_seconds - before.in_flight_seconds) / passed, (after.requests - before.requests) / passed
    known = [one for one in shown if None not in one]  # what was not scraped in time is unknown
    assert len(known) > len(shown) / 2
    return [fmean(values) for values in zip(*known, strict=True)], counted


def test_an_autoscaler_sees_the_four_metrics(lab, wait_until):
    lab.scale("worker", 1)
    lab.scale("rng", 1)
    time.sleep(2.0)  # what a rate looks back to, and a half
    target = "1000"  # far above, so that it stays at one
    (in_flight, rate, same, selected, seconds), counted = readings(
        lab,
        wait_until,
        pods(IN_FLIGHT, target),
        pods(REQUESTS, target),
        external(REQUESTS, target),
        external(REQUESTS, target, {"matchLabels": {"service": "rng"}}),
        latency(target),
    )
    assert (in_flight, rate) == pytest.approx(counted, rel=0.2)
    assert same == selected == pytest.approx(rate, abs=0.01)
    assert 0 <= seconds < 0.2  # an idle rng answers in less than a millisecond, of which nothing is left
    one_pass = lab.autoscaler_passes("rng")
    assert one_pass == []  # it was removed


def test_rng_follows_in_flight_up(lab, wait_until):
    lab.scale("worker", 10)
    lab.apply_autoscaler(hpa(pods(IN_FLIGHT, "1500m")))
    try:
        wait_until(lambda: lab.replicas("rng").ready >= 3, 20)
        seen = lab.autoscaler_passes("rng")[-1].seen
        assert set(seen.pod_metrics[IN_FLIGHT]) <= {one.name for one in seen.pods}
        assert not seen.values
    finally:
        lab.remove_autoscaler("rng")
        lab.scale("worker", 1)
        lab.scale("rng", 1)


def test_without_the_data_path_in_flight_is_unknown_and_nothing_is_scaled_down(lab, wait_until):
    lab.scale("rng", 3)
    time.sleep(2.0)
    proxy = lab.about().proxy_pid
    lab.apply_autoscaler(hpa(pods(IN_FLIGHT, "1000"), external(IN_FLIGHT, "1000")))
    try:
        os.kill(proxy, signal.SIGSTOP)  # it is replaced after 3 s at most; metrics are 1.5 s old then
        wait_until(lambda: (found := lab.autoscaler("rng").metrics) and all(one.current is None for one in found))
        (active,) = [one for one in lab.autoscaler("rng").conditions if one.type == "ScalingActive"]
        assert active.reason == "FailedGetPodsMetric"
    finally:
        lab.remove_autoscaler("rng")
        wait_until(lambda: lab.about().proxy_pid not in (proxy, None))
        lab.scale("rng", 1)


def test_without_httplat_latency_is_unknown_and_nothing_is_scaled_down(lab, wait_until):
    lab.scale("rng", 3)
    lab.scale("httplat-rng", 0)
    time.sleep(2.0)  # the last of its scrapes leaves the window
    lab.apply_autoscaler(hpa(latency("1000"), pods(IN_FLIGHT, "1000")))
    try:
        wait_until(lambda: len(lab.autoscaler_passes("rng")) >= 2)
        seconds, in_flight = lab.autoscaler("rng").metrics
        assert seconds.current is None
        assert in_flight.current is not None  # which alone would have one rng
        assert lab.replicas("rng").desired == 3
        reasons = {one.type: one.reason for one in lab.autoscaler("rng").conditions}
        assert reasons["ScalingActive"] == "FailedGetObjectMetric"
    finally:
        lab.remove_autoscaler("rng")
        lab.scale("httplat-rng", 1)
        lab.scale("rng", 1)


def test_the_scrape_period_is_set_for_as_long_as_metrics_are_served(lab):
    def period():
        before = lab.ask(questions.ScrapeEvery(seconds=7.0))
        lab.ask(questions.ScrapeEvery(seconds=before))
        return before

    assert period() is None
    with lab.serve_metrics("rng", 20.0):
        assert period() == 20.0
        with pytest.raises(LabHeld), launch.find_lab("metrics").serve_metrics("rng", 5.0):
            pass
    assert period() is None
    with pytest.raises(InvalidInput, match="redis are not counted"), lab.serve_metrics("redis", 20.0):
        pass


SERVER = """
import time
from dclab.engines.embedded import launch
lab = launch.find_lab("metrics")
with lab.serve_metrics("rng", 20.0):
    print("serving", flush=True)
    time.sleep(60)
"""


def test_of_a_killed_server_of_metrics_nothing_stays(lab, wait_until):
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    server = subprocess.Popen([sys.executable, "-c", SERVER], env=environment, stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == "serving\n"
    server.kill()
    server.communicate()

    def free():
        try:
            with lab.hold("a look"):
                return lab.ask(questions.ScrapeEvery(seconds=None)) is None
        except LabHeld:
            return False

    wait_until(free)


def test_the_exporters_page_has_every_replica(lab):
    page = requests.get(f"{lab.url('exporter')}/metrics", timeout=5)
    assert page.status_code == 200
    (rng,) = lab.replicas("rng").names
    assert f'dockercoins_requests_total{{service="rng",pod="{rng}"}}' in page.text
    assert page.text.count("# TYPE") == 3
    assert "/metrics" in requests.get(lab.url("exporter"), timeout=5).text
    with socket.create_connection(("127.0.0.1", int(lab.url("exporter").rpartition(":")[2])), 5) as silent:
        silent.shutdown(socket.SHUT_WR)
        assert silent.recv(100) == b""


@pytest.mark.skipif(not find_tool("prometheus"), reason="Prometheus is not installed")
def test_prometheus_has_the_same_rates(lab, wait_until):
    url = lab.prometheus_url()
    lab.scale("worker", 5)

    def ask(query, at=None):
        asked = {"query": query, "time": at or time.time()}
        return requests.get(f"{url}/api/v1/query", params=asked, timeout=5).json()["data"]["result"]

    def samples(counter, at=None):
        (found,) = ask(f'dockercoins_{counter}_total{{service="rng"}}[20s]', at) or [{"values": []}]
        return [(t, float(value)) for t, value in found["values"]]

    with lab.serve_metrics("rng", 10.0):  # each half second of real time
        wait_until(lambda: len(samples("requests")) >= 6, 20)
        now = round(time.time(), 3)
        for counter in ("in_flight_seconds", "requests"):
            (theirs,) = ask(f'rate(dockercoins_{counter}_total{{service="rng"}}[2100ms])', now)
            assert prometheus_rate(samples(counter, now), now, 2.1) == pytest.approx(
                float(theirs["value"][1]), rel=1e-6
            )
    lab.scale("worker", 1)
