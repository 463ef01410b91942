"""Autoscalers side by side at random: any course of demand and supply, and metrics that follow the process or do not."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from dclab import manifests
from dclab.elasticity.score import score_run
from dclab.results import AutoscalerRun, Comparison, DemandStep, ElasticityVerdict, ElasticPoint, MetricReading, Spread

KINDS = (
    ("cpu", "cpu", "course"),
    ("cpu tuned", "cpu", "tuned"),
    ("latency", "latency", "upstream"),
    ("latency tuned", "latency", "tuned"),
    ("requests", "requests", "tuned"),
    ("inflight", "inflight", "tuned"),
    ("mine.yaml", "cpu + inflight", "file"),
)
"""Names, metrics and origins."""

READINGS = {
    "cpu": MetricReading(type="Resource", name="cpu", current=0.0, target=5),
    "latency": MetricReading(type="Object", name="httplat_latency_seconds", current=0.0, target=0.1, unit=""),
    "requests": MetricReading(type="Pods", name="dockercoins_requests_per_second", current=0.0, target=8, unit=""),
    "inflight": MetricReading(type="Pods", name="dockercoins_in_flight", current=0.0, target=1.3, unit=""),
}

STEP = 10.0
"""Seconds between two points."""
POINTS = (1, 40, 90)


def demands(dice, seconds):
    """Steps of workers and users, each with what it needs."""
    times = sorted({0.0, *(dice.uniform(0, seconds) for _ in range(dice.randint(0, 4)))})
    steps = []
    for t in times:
        workers, users = dice.choice([(2, 0), (10, 0), (10, 0), (10, 15), (5, 0)])
        needed = dice.choice([workers // 3 + 1] * 5 + [dice.randint(1, 6)])
        high = needed + dice.choice([0] * 5 + [1])
        steps.append(
            DemandStep(
                t=t, workers=workers, users=users, needed=needed, needed_high=high, reachable=dice.random() < 0.9
            )
        )
    return tuple(steps)


def laws(dice):
    """A wait and what is in flight, in all, by the number of replicas; as the queue has them, or not."""
    wait = dice.choice(
        [
            lambda n: 713 / n**1.8,
            lambda n: 1000 / n**2.0,
            lambda n: 400 / n,
            lambda n: 50.0,
            lambda n: 30.0 * n,
        ]
    )
    flying = dice.choice([lambda n: 3.4 + 4.6 / n**1.5, lambda n: 8.0 / n, lambda n: 2.0 * n])
    return wait, flying


def timelines(dice, metric, demand, wait, flying, count):
    """Points of one run, with what its autoscaler saw."""
    spread = dice.choice([0.0, 0.02, 0.8])
    known = dice.random() < 0.8
    hold = dice.choice([1, 8, 20])
    heard = dice.choice([1.0, 4.0])  # how many times as much a siege makes of what is counted
    replicas, points = dice.randint(0, 3), []
    for index in range(count):
        if index % hold == 0:
            replicas = max(0, min(8, replicas + dice.choice([-1, 0, 1, 1])))
        n = max(1, replicas)
        noise = 1 + spread * dice.uniform(-1, 1)
        users = [one.users for one in demand if one.t <= index * STEP][-1]
        times = heard if users else 1.0
        values = {
            "cpu": 6.0 / n * noise,
            "latency": wait(n) / 1000 * noise,
            "requests": 28.0 / n * noise * times,
            "inflight": flying(n) / n * noise * times,
        }
        readings = tuple(
            replace(READINGS[one], current=values[one] if dice.random() < 0.9 else None) for one in metric.split(" + ")
        )
        points.append(
            ElasticPoint(
                t=index * STEP,
                desired=max(0, replicas + dice.choice([0, 0, 1])),
                ready=replicas,
                metrics=readings if index > 2 and dice.random() < 0.95 else (),
                wait_ms=wait(n) * noise if known else None,
                in_flight=flying(n) * noise * times if known else None,
                requests_per_second=28.0 * noise * times if known else None,
                hashes_per_second=28.0 * noise,
            )
        )
    return tuple(points)


def runs(dice, kind, law, seconds, slo):
    """One autoscaler's."""
    name, metric, origin = kind
    demand = demands(dice, seconds)
    timeline = timelines(dice, metric, demand, *law, max(1, int(seconds / STEP)))
    scores, high = score_run(demand, timeline, seconds, slo)
    spread = {}
    if dice.random() < 0.7:
        half = dice.choice([0.01, 0.3])
        spread["cost"] = Spread(low=max(0.0, scores.cost - half), high=scores.cost + half, repeats=dice.randint(2, 20))
    return AutoscalerRun(
        name=name,
        metric=metric,
        origin=origin,
        manifest=manifests.autoscaler("rng"),
        demand=demand,
        timeline=timeline,
        seconds=seconds,
        scores=scores,
        scores_high=high,
        settled=dice.choice([True, False, None]),
        resting=timeline[-1].desired,
        predicted=dice.choice([None, scores]),
        spread=spread,
    )


def told(dice, a, b):
    """A verdict as `dclab.elasticity` defines it: from the interval of the difference alone."""
    difference = a.scores.cost - b.scores.cost
    half = dice.choice([0.01, 0.05, 0.3, 3.0])
    low, high = difference - half, difference + half
    if low >= -0.1 and high <= 0.1:
        verdict = "no difference"
    else:
        verdict = "a is better" if high < 0 else "b is better" if low > 0 else "cannot tell"
    return ElasticityVerdict(a=a.name, b=b.name, verdict=verdict, difference=difference, low=low, high=high)


def comparisons(dice):
    """A whole one: any selection of autoscalers, in any order."""
    seconds = STEP * dice.choice(POINTS)
    slo = dice.choice([100.0, 100.0, 20.0])
    law = laws(dice)
    kinds = dice.sample(KINDS, dice.randint(1, len(KINDS)))
    found = [runs(dice, kind, law, seconds, slo) for kind in kinds]
    if dice.random() < 0.2:  # interrupted while the last one ran
        found[-1] = runs(dice, kinds[-1], law, STEP * dice.choice(POINTS), slo)
    same = dice.random() < 0.3
    if same:  # two that do equally well
        found = [replace(one, scores=replace(one.scores, cost=found[0].scores.cost)) for one in found]
    pairs = [pair if dice.random() < 0.5 else pair[::-1] for pair in combinations(found, 2)]
    return Comparison(
        target="rng",
        slo_ms=slo,
        clock_speed=dice.choice([1.0, 5.0]),
        scrape_seconds=dice.choice([1.0, 10.0, 60.0]),
        runs=tuple(found),
        verdicts=tuple(told(dice, a, b) for a, b in pairs if dice.random() < 0.95),
    )
