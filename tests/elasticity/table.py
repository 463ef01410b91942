"""What each metric does to an autoscaler, with queues, rates and starting pods in it: `./dev python -m tests.elasticity.table`.

Ten workers for an hour from one rng on, objective 100 ms, ten seeds: which autoscalers come to rest, and at how many. Then
those that dclab has, in the profile that autoscalers are compared under, with its siege and without.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any, NamedTuple

from dclab import manifests
from dclab.autoscaler import parse_autoscaler
from dclab.autoscaler.served import IN_FLIGHT, LATENCY, REQUESTS
from dclab.elasticity.closed_loop import Conditions
from dclab.elasticity.profile import SIEGE_USERS, Step, usual_profile
from dclab.elasticity.repeats import Prediction, predict, spread_of_mean

__all__ = ["ROWS", "Row", "hour"]


def hpa(metric: Mapping[str, Any], behavior: Mapping[str, Any], most: int = 20) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "rng"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "rng"},
        "spec": {"scaleTargetRef": target, "maxReplicas": most, "metrics": [metric], "behavior": behavior},
    }


def windows(up: int, down: int, **more: Any) -> dict[str, Any]:
    return {
        "scaleUp": {"stabilizationWindowSeconds": up},
        "scaleDown": {"stabilizationWindowSeconds": down, **more},
    }


def of_pods(name: str, each: str) -> dict[str, Any]:
    target = {"type": "AverageValue", "averageValue": each}
    return {"type": "Pods", "pods": {"metric": {"name": name}, "target": target}}


OBJECT = {"apiVersion": "v1", "kind": "Service", "name": "httplat-rng"}
SLOW = {
    "type": "Object",
    "object": {"describedObject": OBJECT, "metric": {"name": LATENCY}, "target": {"type": "Value", "value": "100m"}},
}
ONE_IN_300 = {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 300}]}


class Row(NamedTuple):
    """An autoscaler with the scrapes that it depends on."""

    name: str
    manifest: dict[str, Any]
    scrape: float = 10.0
    rate: float = 30.0


ROWS = (
    Row("latency 100 ms, windows 60/180, scrape 1 m, rate[2m]", hpa(SLOW, windows(60, 180)), 60, 120),
    Row("same, down 1 pod in 300 s", hpa(SLOW, windows(60, 180, **ONE_IN_300)), 60, 120),
    Row("same, windows 0/300", hpa(SLOW, windows(0, 300)), 60, 120),
    Row("latency, windows 60/180, scrape 10 s, rate[30s]", hpa(SLOW, windows(60, 180))),
    Row("requests/s, 8 a pod, windows 0/300", hpa(of_pods(REQUESTS, "8"), windows(0, 300))),
    Row("in-flight 1.3 a pod, windows 0/60", hpa(of_pods(IN_FLIGHT, "1300m"), windows(0, 60))),
)


def hour(row: Row, seeds: range = range(1, 11), seconds: float = 3600.0) -> Prediction:
    """Return an hour of one of them."""
    conditions = Conditions(profile=(Step(seconds, 10, 0),), scrape_seconds=row.scrape, rate_seconds=row.rate)
    return predict(parse_autoscaler(row.manifest), conditions, seeds)


def costs(users: int) -> Iterator[str]:
    """Yield the cost of each autoscaler that dclab has, with so many users in the profile's siege."""
    conditions = Conditions(profile=usual_profile(10, 180.0, users))
    for which in manifests.AUTOSCALERS:
        found = predict(parse_autoscaler(manifests.autoscaler("rng", which)), conditions, range(1, 11))
        mean, one = spread_of_mean([each.scores for each in found.runs])["cost"], found.scores
        rests = [each.resting for each in found.runs if each.settled]
        yield (
            f"{which}, siege of {users} | cost {one.cost:.2f} ({mean.low:.2f} to {mean.high:.2f}) | {one.accuracy_under:.2f} / "
            f"{one.accuracy_over:.2f} | {len(rests)} of {len(found.runs)} at rest at {sorted(set(rests))}"
        )


def lines() -> Iterator[str]:
    yield "autoscaler | missing / too many | time | jitter | reversals | pod-minutes (ideal) | at rest | last half hour"
    for row in ROWS:
        found = hour(row)
        one = found.scores
        rests = sorted(each.resting for each in found.runs if each.settled and each.resting)
        late = [point.ready for each in found.runs for point in each.timeline if point.t > 1800]
        yield (
            f"{row.name} | {one.accuracy_under:.2f} / {one.accuracy_over:.2f} | {100 * one.timeshare_under:.0f} / "
            f"{100 * one.timeshare_over:.0f} % | {one.jitter:.2f} | {one.reversals} | {one.pod_minutes:.0f} "
            f"({one.ideal_pod_minutes:.0f}) | {len(rests)} of {len(found.runs)} at {sorted(set(rests))} | "
            f"{min(late)} to {max(late)}, mean {fmean(late):.2f}"
        )
    for users in (SIEGE_USERS, 0):
        yield from costs(users)


if __name__ == "__main__":
    for line in lines():
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
