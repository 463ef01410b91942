"""Runs at random: valid results of every kind that a report can be made of, as a quiet or a noisy machine might give them."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from dclab import manifests
from dclab.experiments.bottleneck import find_bottleneck
from dclab.experiments.explain_autoscale import explain
from dclab.experiments.proof import CHANGES, UNCHANGED
from dclab.experiments.rule_out import Cpu
from dclab.experiments.sweep import sweep_of
from dclab.lab import ProbeSample
from dclab.measure.latency import summarise
from dclab.measure.queueing import bound_rate
from dclab.results import Autoscale, Intervention, MetricReading, Rate, SweepPoint, TargetLatency, TimelinePoint
from dclab.results_check import contradiction
from dclab.run_folder import load_results
from tests.report.comparisons_at_random import comparisons

SAMPLE = load_results(Path(__file__).parent.parent.parent / "reports" / "sample-embedded")

MANIFESTS = {name: manifests.autoscaler(name) for name in ("rng", "hasher")}

LIMITS = (None, 500.0)
WIDTHS = [0.001, 0.001, 0.01, 0.02, 0.05, 0.15, 0.5, 1.0]
"""Relative half widths: from what a by-worker window gives to what a machine under load does."""
FACTORS = [0.5, 0.9, 0.98, 1.0, 1.0, 1.02, 1.1, 1.15, 1.2, 1.25, 1.8, 3.0]


def rates(dice, around):
    """A rate near a given one, or not."""
    mean = around * dice.choice(FACTORS) * dice.uniform(0.98, 1.02)
    half = mean * dice.choice(WIDTHS)
    seconds = dice.choice([None, dice.uniform(3, 30)])
    return Rate(
        mean=mean, ci95_low=mean - half, ci95_high=mean + half, seconds=seconds, reports=40 if seconds else None
    )


def sweeps(dice):
    """As DockerCoins gives it, with one rng or several, or as nothing does."""
    workers = dice.sample([1, 2, 3, 4, 5, 10, 20, 50], dice.randint(1, 6))
    rngs = dice.choice([None, 1, 1, 2, 4])
    law = dice.choice(
        [lambda n: bound_rate(n, rngs or 1), lambda n: 3.3 * n, lambda n: 20 * n / (3 + n * n), lambda n: n**1.2]
    )
    wide = dice.random() < 0.5
    points = []
    for n in workers:
        rate = (
            rates(dice, law(n))
            if wide
            else Rate(mean=law(n), ci95_low=0.99 * law(n), ci95_high=1.01 * law(n), seconds=4)
        )
        points.append(
            SweepPoint(
                workers=n,
                hashes_per_second=rate,
                webui_reading=round(rate.mean),
                webui_readings=(),
                seconds=4,
                samples=40,
                ready_seconds=0.3,
                rng_replicas=rngs,
            )
        )
    return sweep_of(points)


def latencies(dice):
    """Of rng and hasher, with a queue at either, both or none."""
    found = {}
    for name in dice.choice([("rng", "hasher"), ("rng",), ("hasher", "rng")]):
        middle = dice.choice([0.8, 3.0, 15.0, 19.0, 25.0, 120.0, 770.0])
        spread = dice.choice([0.02, 0.3, 1.5])
        times = [dice.random() for _ in range(dice.randint(1, 8))]
        connect = dice.choice([0.2, 8.0, 40.0])
        samples = [
            ProbeSample(at=0.0, total_ms=middle * (1 + spread * (t - 0.5)) + 0.01, connect_ms=connect) for t in times
        ]
        failed = [ProbeSample(at=0.0, total_ms=None, error="timeout")] * dice.randint(0, 1)
        summary = summarise([*samples, *failed])
        found[name] = TargetLatency(workers=dice.choice([1, 10]), probe=summary, call=summary)
    return found


def proofs(dice):
    """Changes with a baseline before them, and mostly after them."""
    base = dice.choice([3.3, 9.9, 18.0])
    before, after = UNCHANGED
    levels = dice.choice([[0.7], [0.7, 12.0], [12.0, 22.0], [0.7, 300.0]])
    found = [Intervention(name=before, workers=10, hashes_per_second=rates(dice, base))]
    for change in dice.sample(CHANGES, dice.randint(0, len(CHANGES))):
        waits = {name: dice.choice(levels) for name in ("rng", "hasher")}
        spread = dice.choice([0.1, 0.9])
        found.append(
            Intervention(
                name=str(change),
                workers=10,
                hashes_per_second=rates(dice, dice.choice([base, 18.0, 33.0])),
                service=change.service,
                replicas=change.replicas,
                threads=change.threads,
                choice=change.load_balancing,
                probe_ms=waits,
                probe_ms_ci95={name: (ms * (1 - spread), ms * (1 + spread)) for name, ms in waits.items()},
            )
        )
    if dice.random() < 0.5:
        found.append(Intervention(name=after, workers=10, hashes_per_second=rates(dice, base)))
    return tuple(found)


PHASES = ("baseline", "load", "autoscaled", "after-load")


def demonstrations(dice):
    """Each phase with its own level of everything; the autoscaler's metric known or not."""
    t, timeline = 0.0, []
    target = dice.choice(["rng", "hasher"])
    metric_known = dice.random() < 0.5
    replicas = 1
    most = dice.choice([1, 6])
    room = dice.choice([most, 3])
    for phase in PHASES:
        ms = dice.choice([0.8, 15.0, 60.0, 500.0, 770.0])
        cpu = dice.choice([0.0, 5.0, 13.0, 25.0, 40.0, 180.0])
        memory = dice.choice([12.0, 12.5, 20.0, 60.0])
        rate = dice.choice([6.0, 9.9, 25.0])
        spread = dice.choice([0.02, 0.8])
        changes = [replicas, dice.randint(1, most)] if phase in ("autoscaled", "after-load") else [replicas]
        current = dice.choice([0.0, 3.0, 5.0, 7.0]) if metric_known else None
        reading = MetricReading(type="Resource", name="cpu", current=current, target=5)
        for replicas in changes:
            ready = min(replicas, room)
            for jitter in [dice.uniform(0.5, 1.5) for _ in range(dice.randint(1, 5))]:
                near = 1 + spread * (jitter - 1)
                t += 1.0
                timeline.append(
                    TimelinePoint(
                        t=t,
                        phase=phase,
                        current=replicas,
                        desired=replicas,
                        ready=ready,
                        metrics=(reading,) if phase in ("autoscaled", "after-load") else (),
                        latency_ms=ms * near,
                        hashes_per_second=rate * near,
                        cpu_millicores=cpu * near,
                        memory_mb=memory * ready * near,
                    )
                )
    phase_rates = {phase: rates(dice, 9.9) for phase in ("baseline", "load") if dice.random() < 0.5}
    at_rest = dice.random() < 0.5
    return Autoscale(
        target=target,
        workers=10,
        manifest=MANIFESTS[target],
        clock_speed=10,
        request_millicores=200,
        timeline=tuple(timeline),
        events=(),
        rates=phase_rates,
        at_rest=at_rest,
        explanation=explain(timeline, 200, at_rest=at_rest, rates=phase_rates),
    )


def run(seed):
    """A whole run by its seed, with the verdict that its figures give, and the CPU that the verdict knew of."""
    dice = random.Random(seed)
    sweep = sweeps(dice)
    latency = latencies(dice)
    interventions = proofs(dice)
    cpu = {
        name: Cpu(dice.choice([13.0, 180.0, 480.0]), dice.choice([100.0, 200.0]), dice.choice(LIMITS))
        for name in ("rng", "hasher")
    }
    redis_ms = dice.choice([None, 1.0, 300.0])
    results = replace(
        SAMPLE,
        sweep=sweep,
        latency=latency,
        latency_by_workers=(),
        interventions=interventions,
        bottleneck=find_bottleneck(latency, sweep, interventions, cpu, redis_ms),
        autoscale=demonstrations(dice),
        comparison=comparisons(dice) if dice.random() < 0.5 else None,
        caveats=(),
        monitoring=None,
    )
    assert contradiction(results) is None
    return results, cpu, redis_ms
