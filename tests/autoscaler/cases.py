"""Random autoscalers and what they see, near to where decisions turn."""

from __future__ import annotations

from random import Random
from typing import Any

from dclab.autoscaler import Observation, Pod, PodMetric

GAPS = (15, 15, 15, 15, 15, 1, 14.75, 15.25, 30, 60, 120, 299.75, 300, 301, 1000)
"""Seconds between passes, in quarters, which are exact in binary."""
SHORT_GAPS = (15, 15, 15, 30, 45, 60)
FACTORS = (0, 0.1, 0.5, 0.89, 0.9, 0.95, 1, 1, 1.05, 1.1, 1.11, 1.5, 2, 3.3, 10)
"""How far a metric is from its target; 0.9 and 1.1 are the borders of the tolerance."""
QUANTITIES = ("100m", "500m", "10", "4", "1", "10m", "2500u", "1n", "1Ki", ".5", "1e3", "+5", "0.07", "3k")


def manifest(random: Random) -> dict[str, Any]:
    """Return an autoscaler that Kubernetes accepts and dclab supports."""
    low = random.choice((None, 1, 1, 1, 2, 3, 5))
    spec: dict[str, Any] = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "rng"},
        "minReplicas": low,
        "maxReplicas": (low or 1) + random.choice((0, 1, 4, 9, 9, 30, 200)),
    }
    metadata = {"name": "rng", "namespace": random.choice((None, "lab"))}
    made = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}
    if random.random() < 0.1:
        made["apiVersion"] = "autoscaling/v1"
        spec["targetCPUUtilizationPercentage"] = random.choice((None, 5, 50, 120))
        return made
    if random.random() < 0.95:
        spec["metrics"] = [_metric(random, i) for i in range(random.choice((1, 1, 1, 2, 3)))]
    if random.random() < 0.6:
        spec["behavior"] = {
            direction: _rules(random) for direction in ("scaleUp", "scaleDown") if random.random() < 0.7
        }
    return made


def restless(random: Random) -> dict[str, Any]:
    """Return an autoscaler whose policies alone hold it back, so that earlier changes decide."""
    made = manifest(random)
    spec = made["spec"]
    made["apiVersion"], spec["maxReplicas"] = "autoscaling/v2", random.choice((10, 30, 100))
    spec.pop("targetCPUUtilizationPercentage", None)
    target = {"type": "Value", "value": "1"}
    spec["metrics"] = [{"type": "External", "external": {"metric": {"name": "load"}, "target": target}}]
    spec["behavior"] = {
        direction: {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": random.choice(("Max", "Max", "Min")),
            "policies": [
                {
                    "type": (kind := random.choice(("Pods", "Percent"))),
                    "value": random.choice((1, 2, 4) if kind == "Pods" else (10, 50, 100)),
                    "periodSeconds": random.choice((15, 30, 60, 120, 300)),
                }
                for _ in range(random.choice((1, 1, 2)))
            ],
        }
        for direction in ("scaleUp", "scaleDown")
    }
    return made


def load(random: Random, replicas: int, now: float) -> Observation:
    """Return what a restless autoscaler sees: all pods are well, and the load changes at every pass."""
    pods = tuple(Pod(name=f"pod-{index}", started=now - 5000, ready_changed=now - 4990) for index in range(replicas))
    factor = random.choice((0.1, 0.3, 0.5, 1, 1.5, 3, 10))
    return Observation(replicas=replicas, status_replicas=replicas, pods=pods, values={"load": factor})


def _metric(random: Random, index: int) -> dict[str, Any]:
    kind = random.choice(("Resource", "Resource", "Pods", "Object", "External"))
    average = {"type": "AverageValue", "averageValue": random.choice(QUANTITIES)}
    value = {"type": "Value", "value": random.choice(QUANTITIES)}
    metric: dict[str, Any] = {"name": f"metric-{index}"}
    if random.random() < 0.2:
        expressions = [{"key": "a", "operator": "In", "values": ["x", "y"]}, {"key": "b", "operator": "Exists"}]
        metric["selector"] = random.choice(
            ({}, {"matchLabels": {"b": "2", "a": "1"}}, {"matchExpressions": expressions})
        )
    if kind == "Resource":
        percent = {"type": "Utilization", "averageUtilization": random.choice((1, 5, 50, 80, 100, 150))}
        return {"type": kind, "resource": {"name": "cpu", "target": random.choice((percent, percent, average))}}
    if kind == "Pods":
        return {"type": kind, "pods": {"metric": metric, "target": average}}
    source = {"metric": metric, "target": random.choice((average, value))}
    if kind == "Object":
        source["describedObject"] = {"apiVersion": random.choice(("v1", "apps/v1")), "kind": "Service", "name": "web"}
    return {"type": kind, kind.lower(): source}


def _rules(random: Random) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    if random.random() < 0.6:
        rules["stabilizationWindowSeconds"] = random.choice((0, 15, 30, 60, 300, 3600))
    if random.random() < 0.4:
        rules["selectPolicy"] = random.choice(("Max", "Min", "Disabled"))
    if random.random() < 0.3:
        rules["tolerance"] = random.choice(("0", "50m", "0.1", "0.2", "30m", "1e-2", "0.075", "2", 0, 0.15))
    if random.random() < 0.6:
        rules["policies"] = [
            {
                "type": kind,
                "value": random.choice((1, 2, 4) if kind == "Pods" else (5, 10, 33, 50, 100, 150)),
                "periodSeconds": random.choice((1, 15, 30, 60, 120, 300, 1800)),
            }
            for kind in random.choices(("Pods", "Percent"), k=random.choice((1, 1, 2, 3)))
        ]
    return rules


def observation(random: Random, given: dict[str, Any], replicas: int, now: float) -> Observation:
    """Return what an autoscaler may see at a moment."""
    count = replicas if random.random() < 0.8 else max(0, replicas + random.randint(-2, 2))
    pods = tuple(_pod(random, f"pod-{index}", now) for index in range(min(count, 40)))
    status = count if random.random() < 0.8 else random.choice((0, replicas, replicas + 1))
    request = random.choice((200, 200, 100, 1, 1000))
    requests = {one.name: request if random.random() < 0.9 else random.choice((0, 50, 333)) for one in pods}
    requests["gone"] = request
    if pods and random.random() < 0.03:
        # One only: of several, Kubernetes names any.
        del requests[random.choice(pods).name]
    usage: dict[str, PodMetric] = {}
    pod_metrics: dict[str, dict[str, PodMetric]] = {}
    values: dict[str, float] = {}
    for metric in given["spec"].get("metrics") or [{"type": "Resource", "resource": {"target": {}}}]:
        (source,) = (value for key, value in metric.items() if key != "type")
        target = source["target"]
        factor = random.choice(FACTORS) if random.random() < 0.8 else random.uniform(0, 3)
        if random.random() < 0.01:
            factor = 10.0 ** random.randint(3, 10)
        if metric["type"] == "Resource":
            percent = target.get("averageUtilization") or given["spec"].get("targetCPUUtilizationPercentage") or 80
            each = request * percent / 100
            if "averageValue" in target:
                each = 1000 * _amount(target["averageValue"])
            usage = _samples(random, pods, min(1e12, each * factor), now, digits=3)
        elif metric["type"] == "Pods":
            pod_metrics[source["metric"]["name"]] = _samples(
                random, pods, _amount(target["averageValue"]) * factor, now
            )
        elif random.random() < 0.92:
            aim = _amount(target.get("value") or target["averageValue"])
            total = aim * factor * (status if "averageValue" in target else 1)
            values[source["metric"]["name"]] = _rounded(random, total)
    return Observation(
        replicas=replicas,
        status_replicas=status,
        pods=pods,
        usage=usage,
        requests=requests,
        pod_metrics=pod_metrics,
        values=values,
    )


def _amount(quantity: str) -> float:
    from dclab.quantity import parse_quantity

    return float(parse_quantity(quantity))


def _rounded(random: Random, value: float, digits: int = 6) -> float:
    return round(value, random.choice((0, 3, 3, digits)))


def _samples(random: Random, pods: tuple[Pod, ...], each: float, now: float, digits: int = 6) -> dict[str, PodMetric]:
    if random.random() < 0.04:
        return {}
    names = [one.name for one in pods if random.random() < 0.95]
    if random.random() < 0.05:
        names.append("gone")
    spread = random.choice((0, 0, 0.1, 1))
    return {
        name: PodMetric(
            value=_rounded(random, each * random.uniform(1 - spread, 1 + spread), digits),
            at=now - random.choice((0, 1, 5.25, 20, 60)),
            window=random.choice((10, 15, 30.25, 60)),
        )
        for name in names
    }


def _pod(random: Random, name: str, now: float) -> Pod:
    if random.random() < 0.75:
        return Pod(name=name, started=now - 5000, ready_changed=now - 4990, container="app")
    started = now - random.choice((0, 5, 29.75, 30, 31, 60, 299.75, 300, 300.25, 4000))
    return Pod(
        name=name,
        ready=random.choice((True, True, True, False, False, None)),
        started=started,
        ready_changed=min(now, started + random.choice((0, 2, 29.75, 30, 31, 60, 200))),
        phase=random.choices(("Running", "Pending", "Failed", "Succeeded", "Unknown"), (12, 3, 2, 1, 1))[0],
        deleted=random.random() < 0.15,
        container="app",
    )
