"""The adapter: what it answers from what Prometheus knows, by itself and as a process behind TLS."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.adapter.answers import CUSTOM, EXTERNAL, Metrics, Refusal, discovery
from apps.adapter.ask import Sample
from dclab.engines.embedded.listeners import free_port
from dclab.engines.kube.lab.certificate import make_certificate
from dclab.paths import shipped
from dclab.quantity import parse_quantity

AT = 1_800_000_000.0
PODS = f"/apis/{CUSTOM}/namespaces/dockercoins/pods"
SERVICES = f"/apis/{CUSTOM}/namespaces/dockercoins/services"
OUTSIDE = f"/apis/{EXTERNAL}/namespaces/dockercoins"

KNOWN = {
    "in_flight": [
        Sample({"service": "rng", "pod": "rng-a"}, 1.3004, AT),
        Sample({"service": "rng", "pod": "rng-b"}, 0.0, AT),
        Sample({"service": "rng", "pod": "rng-gone"}, 9.0, AT),
        Sample({"service": "hasher", "pod": "hasher-a"}, 2.0, AT),
    ],
    "latency": [Sample({"service": "httplat-rng"}, 0.2654, AT)],
}
SELECTED = {"app=rng": {"rng-a", "rng-b", "rng-new"}, "": {"rng-a", "rng-b", "hasher-a"}}


def metrics(known=KNOWN, selected=SELECTED):
    asked = []

    def query(expression):
        asked.append(expression)
        return next((samples for key, samples in known.items() if key in expression), [])

    made = Metrics("dockercoins", 30.0, query, lambda selector: selected[selector])
    return made, asked


def by_pod(answer):
    return {one["describedObject"]["name"]: one["value"] for one in answer["items"]}


def test_pods_are_those_that_are_selected_and_known():
    made, asked = metrics()
    answer = made.answer(f"{PODS}/*/dockercoins_in_flight", "labelSelector=app%3Drng")
    assert by_pod(answer) == {"rng-a": "1300m", "rng-b": "0m"}
    assert (answer["kind"], answer["apiVersion"]) == ("MetricValueList", "custom.metrics.k8s.io/v1beta2")
    (first, _) = answer["items"]
    assert first["describedObject"] == {
        "kind": "Pod",
        "namespace": "dockercoins",
        "apiVersion": "v1",
        "name": "rng-a",
    }
    assert (first["timestamp"], first["windowSeconds"]) == ("2027-01-15T08:00:00Z", 30)
    assert asked == ["sum by (service, pod) (rate(dockercoins_in_flight_seconds_total[30000ms]))"]


def test_the_asterisk_may_be_encoded():
    made, _ = metrics()
    query = "labelSelector=app%3Drng"
    encoded = made.answer(f"{PODS}/%2A/dockercoins_in_flight", query)
    assert encoded == made.answer(f"{PODS}/*/dockercoins_in_flight", query)


def test_what_nobody_knows_is_absent_and_not_zero():
    made, _ = metrics(known={})
    assert made.answer(f"{PODS}/*/dockercoins_in_flight", "labelSelector=app%3Drng")["items"] == []
    assert made.answer(f"{OUTSIDE}/dockercoins_in_flight", "labelSelector=service%3Drng")["items"] == []
    for path in (f"{SERVICES}/httplat-rng/httplat_latency_seconds", f"{PODS}/rng-a/dockercoins_in_flight"):
        with pytest.raises(Refusal, match="not known") as told:
            made.answer(path, "")
        assert (told.value.code, told.value.reason) == (404, "NotFound")


def test_latency_is_that_of_its_exporters_service():
    made, _ = metrics()
    (one,) = made.answer(f"{SERVICES}/httplat-rng/httplat_latency_seconds", "metricLabelSelector=")["items"]
    assert (one["value"], one["describedObject"]["kind"]) == ("265m", "Service")


def test_external_values_are_of_whole_services_without_pods_that_are_gone():
    made, _ = metrics()
    answer = made.answer(f"{OUTSIDE}/dockercoins_in_flight", "")
    values = {one["metricLabels"]["service"]: one["value"] for one in answer["items"]}
    assert values == {"rng": "1300m", "hasher": "2000m"}
    (rng,) = made.answer(f"{OUTSIDE}/httplat_latency_seconds", "labelSelector=service%3Drng")["items"]
    assert (rng["metricName"], rng["value"]) == ("httplat_latency_seconds", "265m")


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        (f"{PODS}/*/cpu", "", 404),
        (f"{PODS}/*/httplat_latency_seconds", "", 404),
        (f"{PODS}/*", "", 404),
        (f"/apis/{CUSTOM}/namespaces/kube-system/pods/*/dockercoins_in_flight", "", 404),
        ("/apis/custom.metrics.k8s.io/v1/namespaces/dockercoins/pods/*/dockercoins_in_flight", "", 404),
        (f"{OUTSIDE}/queue_length", "", 404),
        (f"{OUTSIDE}/dockercoins_in_flight", "labelSelector=service+in+%28rng%29", 400),
        (f"{PODS}/*/dockercoins_in_flight", "labelSelector=app%3Drng&metricLabelSelector=a", 400),
    ],
)
def test_what_there_is_not_is_refused(path, query, code):
    made, _ = metrics()
    with pytest.raises(Refusal) as told:
        made.answer(path, query)
    assert told.value.code == code


@given(st.dictionaries(st.text("abc", min_size=1), st.floats(0, 1e6, width=32), min_size=1))
def test_a_services_value_is_the_sum_of_its_pods(values):
    samples = [Sample({"service": "rng", "pod": pod}, value, AT) for pod, value in values.items()]
    made, _ = metrics({"in_flight": samples}, {"app=rng": set(values), "": set(values)})
    each = by_pod(made.answer(f"{PODS}/*/dockercoins_in_flight", "labelSelector=app%3Drng"))
    (whole,) = made.answer(f"{OUTSIDE}/dockercoins_in_flight", "")["items"]
    assert each.keys() == values.keys()
    assert abs(sum(map(parse_quantity, each.values())) - parse_quantity(whole["value"])) <= len(values) * 0.001


def test_discovery_names_what_is_answered():
    for api, names in ((CUSTOM, ("pods/dockercoins_in_flight", "services/httplat_latency_seconds")), (EXTERNAL, ())):
        found = discovery(f"/apis/{api}")
        assert (found["kind"], found["groupVersion"]) == ("APIResourceList", api)
        assert {one["name"] for one in found["resources"]} >= set(names)
        assert len(found["resources"]) == 3
    assert discovery("/apis") is None


class Upstream:
    """Prometheus and the API server in one, as far as the adapter asks them."""

    def __init__(self, tls=None):
        self.asked = []
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urlsplit(self.path)
                given = {key: value[0] for key, value in parse_qs(parts.query).items()}
                upstream.asked.append((parts.path, given, self.headers.get("Authorization")))
                code, body = upstream.answer(parts.path, given)
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True)
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self):
        return self.http.server_port

    def answer(self, path, given):
        if path == "/api/v1/query":
            metric = {"service": "rng", "pod": "rng-a"}
            value = [AT, "1.3"] if "in_flight" in given["query"] else [AT, "NaN"]
            return 200, json.dumps({"data": {"result": [{"metric": metric, "value": value}]}}).encode()
        return 200, json.dumps({"items": [{"metadata": {"name": "rng-a"}}]}).encode()

    def close(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def running(tmp_path):
    """The adapter as a process, with what it asks, and a client that trusts its certificate alone."""
    made, theirs = make_certificate("localhost"), make_certificate("localhost")
    account, tls = tmp_path / "account", tmp_path / "tls"
    for folder in (account, tls):
        folder.mkdir()
    for folder, one in ((tls, made), (account, theirs)):
        (folder / "tls.crt").write_bytes(one.certificate)
        (folder / "tls.key").write_bytes(one.key)
        (folder / "ca.crt").write_bytes(one.authority)
    (account / "token").write_text("secret\n")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(account / "tls.crt", account / "tls.key")
    prometheus, kubernetes = Upstream(), Upstream(server)
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "NAMESPACE": "dockercoins",
        "TLS": str(tls),
        "ACCOUNT": str(account),
        "PROMETHEUS_HOST": "127.0.0.1",
        "PROMETHEUS_PORT": str(prometheus.port),
        "KUBERNETES_SERVICE_HOST": "localhost",
        "KUBERNETES_SERVICE_PORT": str(kubernetes.port),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "apps.adapter"], cwd=shipped(), env=environment, stdout=subprocess.PIPE, text=True
    )
    trusted = ssl.create_default_context(cafile=str(tls / "ca.crt"))

    def ask(path):
        request = urllib.request.Request(f"https://localhost:{port}{path}", headers={"Audit-ID": "7"})
        try:
            with urllib.request.urlopen(request, context=trusted, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    ask.port = port
    end = time.monotonic() + 10
    while True:
        try:
            assert ask("/healthz") == (200, b"ok")
            break
        except urllib.error.URLError:
            assert time.monotonic() < end, "the adapter does not answer"
            time.sleep(0.02)
    yield ask, prometheus, kubernetes, process
    process.terminate()
    process.communicate(timeout=10)
    kubernetes.close()


def test_a_client_that_trusts_its_certificate_gets_values(running):
    ask, prometheus, kubernetes, process = running
    code, body = ask(f"{PODS}/*/dockercoins_in_flight?labelSelector=app%3Drng")
    assert (code, by_pod(json.loads(body))) == (200, {"rng-a": "1300m"})
    path, given, authorization = kubernetes.asked[-1]
    assert (path, given["labelSelector"]) == ("/api/v1/namespaces/dockercoins/pods", "app=rng")
    assert authorization == "Bearer secret"
    line = json.loads(process.stdout.readline())
    assert (line["audit"], line["answer"]["items"][0]["value"]) == ("7", "1300m")
    code, body = ask(f"{SERVICES}/httplat-rng/httplat_latency_seconds")  # 0 / 0, as without any probe
    assert (code, json.loads(body)["reason"]) == (404, "NotFound")
    assert ask("/openapi/v2")[0] == 404
    prometheus.close()
    code, body = ask(f"{PODS}/*/dockercoins_in_flight?labelSelector=app%3Drng")
    assert (code, json.loads(body)["kind"], json.loads(body)["code"]) == (503, "Status", 503)
    assert "does not answer" in json.loads(body)["message"]
    assert ask(f"/apis/{CUSTOM}")[0] == 200  # it is there all the same


def test_clients_that_say_nothing_hold_up_nobody_for_long(running):
    ask, prometheus, _, _ = running
    silent = [socket.create_connection(("127.0.0.1", ask.port)) for _ in range(8)]
    assert ask(f"/apis/{EXTERNAL}")[0] == 200
    for one in silent:
        one.close()
    prometheus.close()


def test_without_a_certificate_it_says_so(tmp_path):
    environment = {"PATH": os.environ["PATH"], "PORT": "1", "NAMESPACE": "a", "TLS": str(tmp_path)}
    environment |= {"PROMETHEUS_HOST": "a", "PROMETHEUS_PORT": "80"}
    done = subprocess.run(
        [sys.executable, "-m", "apps.adapter"],
        cwd=shipped(),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "tls.crt" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("labels", "known"), [("service%3Drng", 2), ("service%3Dhasher", 0), ("a%3Db", 0)])
def test_a_metrics_own_labels_are_those_of_its_service(labels, known):
    made, _ = metrics()
    query = f"labelSelector=app%3Drng&metricLabelSelector={labels}"
    assert len(made.answer(f"{PODS}/*/dockercoins_in_flight", query)["items"]) == known
