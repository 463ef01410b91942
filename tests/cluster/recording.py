"""What the real autoscaler saw and did, from the audit logs of the API server and of metrics-server.

The API server's log has each request of the autoscaler's account: the scale it read, the scale and the status
it wrote. metrics-server's has the very metrics it was given, under the same audit ID, and so has the output of the lab's
adapter. Only the pods come from
a watch of our own, since the controller reads them from its cache.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from kubernetes import watch
from kubernetes.client import CoreV1Api, V1Pod, VersionApi
from urllib3.exceptions import ProtocolError

from dclab.autoscaler import Observation, Pod, PodMetric
from dclab.autoscaler.trace import SCHEMA, Header, Outcome, Pass
from dclab.engines.kube.lab.autoscaler_trace import pod_metric
from dclab.engines.kube.lab.metric_apis import CUSTOM, EXTERNAL
from dclab.engines.kube.objects import decode
from dclab.engines.kube.workloads import PodMetrics
from dclab.quantity import millicores, parse_quantity
from tests.cluster import daemons
from tests.cluster.lab import Lab


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _pod(pod: V1Pod) -> Pod:
    ready = next((one for one in pod.status.conditions or () if one.type == "Ready"), None)
    return Pod(
        name=pod.metadata.name,
        ready=ready is not None and ready.status == "True",
        # A pod that has not started has no time of it, and is Pending.
        started=pod.status.start_time.timestamp() if pod.status.start_time else 0.0,
        ready_changed=ready.last_transition_time.timestamp() if ready else 0.0,
        phase=pod.status.phase,
        deleted=pod.metadata.deletion_timestamp is not None,
    )


def _request(pod: V1Pod) -> float:
    return sum(millicores(one.resources.requests["cpu"]) for one in pod.spec.containers)


class Recorder:
    """Records an autoscaler of a lab while it is entered; `passes` tells what happened."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab = lab
        self.name = name
        self.pods: list[tuple[float, str, V1Pod]] = []
        self._entered = time.time()
        self._watch = watch.Watch()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Recorder:
        self._entered = time.time()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.stop()

    def _follow(self) -> None:
        selector = f"app={self.name}"
        core = CoreV1Api(self.lab.client)
        # Stopping the watch cuts its connection.
        with contextlib.suppress(ProtocolError):
            for event in self._watch.stream(core.list_namespaced_pod, self.lab.namespace, label_selector=selector):
                self.pods.append((time.time(), event["type"], event["object"]))

    def _pods_at(self, moment: float) -> list[V1Pod]:
        known: dict[str, V1Pod] = {}
        for at, kind, pod in self.pods:
            if at > moment:
                break
            known[pod.metadata.name] = pod
            if kind == "DELETED":
                del known[pod.metadata.name]
        return list(known.values())

    def header(self) -> Header:
        """The first line of a trace."""
        live = self.lab.client.sanitize_for_serialization(self.lab.autoscaler(self.name))
        return Header(
            schema=SCHEMA,
            kubernetes=VersionApi(self.lab.client).get_code().git_version,
            autoscaler={
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "metadata": {"name": self.name},
                "spec": live["spec"],
            },
        )

    def passes(self) -> list[Pass]:
        """Every whole pass up to now."""
        metrics = {one["auditID"]: one.get("responseObject") for one in self._told()}
        told = self._adapter_told()
        found = []
        status: dict[str, Any] = {}
        for requests in self._by_pass():
            scale = next(iter(requests)).get("responseObject", {})
            desired = replicas = scale["spec"]["replicas"]
            usage: dict[str, PodMetric] = {}
            pod_metrics: dict[str, dict[str, PodMetric]] = {}
            values: dict[str, float] = {}
            at = 0.0
            for one in requests:
                resource = (one["objectRef"]["resource"], one["objectRef"].get("subresource"))
                if one["objectRef"].get("apiGroup") in (CUSTOM, EXTERNAL):
                    at = _unix(one["requestReceivedTimestamp"])
                    _read(told.get(one["auditID"], {}), pod_metrics, values)
                    continue
                if resource == ("pods", None):
                    at = _unix(one["requestReceivedTimestamp"])
                    usage = {
                        item["metadata"]["name"]: pod_metric(decode(item, PodMetrics))
                        for item in metrics[one["auditID"]]["items"]
                    }
                elif resource == ("deployments", "scale") and one["verb"] == "update":
                    desired = one["requestObject"]["spec"]["replicas"]
                elif resource == ("horizontalpodautoscalers", "status"):
                    status = one["requestObject"]["status"]
            pods = self._pods_at(at)
            seen = Observation(
                replicas=replicas,
                status_replicas=scale.get("status", {}).get("replicas", 0),
                pods=tuple(map(_pod, pods)),
                usage=usage,
                requests={pod.metadata.name: _request(pod) for pod in pods},
                pod_metrics=pod_metrics,
                values=values,
            )
            found.append(Pass(at=at, seen=seen, outcome=_outcome(desired, status)))
        return found

    def _by_pass(self) -> Iterator[list[dict[str, Any]]]:
        """The autoscaler's requests, grouped: a pass begins with reading the scale, and asks for metrics."""
        group: list[dict[str, Any]] = []
        for one in self._asked():
            if one["verb"] == "get" and one["objectRef"].get("subresource") == "scale" and group:
                yield group
                group = []
            group.append(one)
        # The last one may be under way.

    def _asked(self) -> list[dict[str, Any]]:
        entries = [json.loads(line) for line in daemons.AUDIT_LOG.read_text().splitlines()]
        mine = [
            one
            for one in entries
            if one.get("objectRef", {}).get("namespace") == self.lab.namespace
            and one["user"]["username"] == daemons.AUTOSCALER
            and one["stage"] == "ResponseComplete"
            # An earlier autoscaler may have had the same namespace.
            and _unix(one["requestReceivedTimestamp"]) > self._entered
        ]
        return sorted(mine, key=lambda one: _unix(one["requestReceivedTimestamp"]))

    def _adapter_told(self) -> dict[str, dict[str, Any]]:
        """Answers of the lab's metrics adapter, where there is one, by the audit ID of the request."""
        found = {}
        for pod in self.lab.pods("metrics-adapter"):
            for line in self.lab.core.read_namespaced_pod_log(pod.metadata.name, self.lab.namespace).splitlines():
                if line.startswith("{"):
                    one = json.loads(line)
                    found[one["audit"]] = one["answer"]
        return found

    def _told(self) -> Iterator[dict[str, Any]]:
        (pod,) = self.lab.core.list_namespaced_pod("kube-system", label_selector="k8s-app=metrics-server").items
        log = self.lab.core.read_namespaced_pod_log(pod.metadata.name, "kube-system")
        for line in log.splitlines():
            if line.startswith("{"):
                yield json.loads(line)


def _read(answer: dict[str, Any], pod_metrics: dict[str, dict[str, PodMetric]], values: dict[str, float]) -> None:
    """Add what an answer of the adapter tells; one that is refused tells nothing."""
    for item in answer.get("items", ()):
        value = float(parse_quantity(item["value"]))
        if "metricName" in item:
            values[item["metricName"]] = values.get(item["metricName"], 0.0) + value
        elif item["describedObject"]["kind"] == "Pod":
            metric = PodMetric(value=value, at=_unix(item["timestamp"]), window=item["windowSeconds"])
            pod_metrics.setdefault(item["metric"]["name"], {})[item["describedObject"]["name"]] = metric
        else:
            values[item["metric"]["name"]] = value


def _outcome(desired: int, status: dict[str, Any]) -> Outcome:
    first = next(iter(status.get("currentMetrics") or ()), {})
    current = next((one["current"] for one in first.values() if isinstance(one, dict)), {})
    shown = current.get("averageUtilization")
    if shown is None and current:
        amount = current.get("averageValue", current.get("value"))
        shown = None if amount is None else round(float(parse_quantity(amount)))
    return Outcome(
        desired=desired,
        utilization=shown,
        conditions={one["type"]: (one["status"], one["reason"]) for one in status.get("conditions", ())},
    )
