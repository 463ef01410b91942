"""Demonstrations of health probes and rolling updates at random: timelines of any kind, with what they come to."""

from __future__ import annotations

import random
from dataclasses import replace

from dclab.measure.health_watch import health_events, health_phases, judge
from dclab.measure.rolling import healed, judge_stuck, predict_stuck, resolve, stuck, undone, waiting
from dclab.results import HealthLook, HealthPrediction, Loss, ProbeDemo, ReplicaHealth, RolloutDemo
from tests.report.results_at_random import SAMPLE

BARE = replace(
    SAMPLE,
    sweep=None,
    latency=None,
    latency_by_workers=(),
    bottleneck=None,
    interventions=(),
    loadtest=None,
    autoscale=None,
    comparison=None,
    monitoring=None,
    caveats=(),
)
"""A run of which nothing else was measured, so that no other picture has to be painted."""


def prediction(dice, kind):
    outcome = dice.choice(["fails", "holds", "cannot tell"])
    late = {"fails": 1.0, "holds": 0.0, "cannot tell": dice.random()}[outcome]
    if outcome != "fails":
        return HealthPrediction(late_share=late, wait_ms=dice.uniform(0, 3000), outcome=outcome)
    low = dice.uniform(1, 30)
    cycle = (dice.uniform(5, 20), dice.uniform(20, 40)) if kind == "readiness" and dice.random() < 0.7 else (None, None)
    return HealthPrediction(
        late_share=late,
        wait_ms=dice.uniform(1000, 3000),
        outcome=outcome,
        first_low=low,
        first_high=low + dice.uniform(0, 15),
        cycle_low=cycle[0],
        cycle_high=cycle[1],
    )


def looks(dice, names):
    """Replicas that leave their service and are restarted now and then, or never; a phase may be missing."""
    t, hashes, found = 0.0, 1000, []
    restarts = dict.fromkeys(names, 0)
    phases = [one for one in ("tcp", "rollout", "http", "back") if dice.random() < 0.9]
    for phase in phases:
        unrest = dice.choice([0.0, 0.0, 0.1, 0.4])
        crashes = dice.choice([0.0, 0.0, 0.05])
        rate = dice.choice([0.0, 5.0, 10.0, 10.0])
        served = dict.fromkeys(names, True)
        for _ in range(dice.randint(1, 60)):
            t += dice.uniform(0.3, 0.8)
            hashes += round(rate * dice.uniform(0, 1))
            for name in names:
                if dice.random() < unrest:
                    served[name] = not served[name]
                restarts[name] += dice.random() < crashes
            replicas = tuple(
                ReplicaHealth(
                    name=name,
                    ready=served[name],
                    in_service=served[name],
                    terminating=False,
                    restarts=restarts[name],
                    current=True,
                )
                for name in names
            )
            found.append(HealthLook(t=t, phase=phase, replicas=replicas, hashes=hashes))
    return found


def probe_demo(seed):
    dice = random.Random(seed)
    kind = dice.choice(["readiness", "liveness"])
    replicas = dice.choice([1, 1, 3])
    workers = dice.choice([1, 10, 15, 40])
    predicted = prediction(dice, kind)
    seen = looks(dice, [f"rng-{n}" for n in range(replicas)])
    watch = dice.choice([5.0, 20.0, 60.0])
    return ProbeDemo(
        target="rng",
        kind=kind,
        path="/",
        period_seconds=5,
        timeout_seconds=1,
        failure_threshold=3,
        workers=workers,
        replicas=replicas,
        grace_seconds=10,
        watch_seconds=watch,
        predicted=predicted,
        timeline=tuple(seen),
        events=health_events(seen),
        phases=health_phases(seen, workers, replicas),
        verdict=judge(predicted, seen, kind, watch),
    )


def update_looks(dice, replicas, predicted):
    """A rolling update whose replicas come and go as predicted, or not."""
    t, hashes, found = 0.0, 1000, []
    old = [f"old-{n}" for n in range(replicas)]
    honest = dice.random() < 0.6
    stuck = (predicted.old, predicted.new) if honest else (dice.randint(0, replicas), dice.randint(0, replicas))
    reason = dice.choice(["", "ImagePullBackOff"])
    for phase in ("before", "bad image", "undo", "after", "heal"):
        if dice.random() < 0.1:
            continue
        rate = dice.choice([0.0, 2.0, 10.0, 10.0])
        for step in range(dice.randint(1, 30)):
            t += dice.uniform(0.3, 0.6)
            hashes += round(rate * dice.uniform(0, 1))
            bad = phase == "bad image"
            whole = step > 3 or dice.random() < 0.3
            names = old[: stuck[0]] if bad else old if whole else old[1:]
            replicas_now = [
                ReplicaHealth(name=name, ready=True, in_service=True, terminating=False, restarts=0, current=not bad)
                for name in names
            ]
            well = bad and not honest and dice.random() < 0.1
            replicas_now += [
                ReplicaHealth(
                    name=f"new-{n}",
                    ready=well,
                    in_service=well,
                    terminating=False,
                    restarts=0,
                    current=True,
                    waiting=reason,
                )
                for n in range(stuck[1] if bad else 0)
            ]
            found.append(HealthLook(t=t, phase=phase, replicas=tuple(replicas_now), hashes=hashes))
    return found


def rollout_demo(seed):
    dice = random.Random(seed)
    replicas = dice.choice([1, 4, 10])
    surge, unavailable = resolve("25%", "25%", replicas)
    predicted = predict_stuck(replicas, surge, unavailable)
    seen = update_looks(dice, replicas, predicted)
    workers = dice.choice([1, 10])
    losses = []
    for how in dice.choice([(), ("SIGTERM",), ("SIGTERM", "SIGKILL")]):
        lost = dice.choice([0, 0, 3, 5, 20])
        served = dice.randint(20, 60)
        low, high = (5, 17) if how == "SIGKILL" else (0, 4)
        losses.append(
            Loss(
                how=how,
                at_once=3,
                rounds=2,
                served=served,
                counted=served - lost,
                predicted_low=low,
                predicted_high=high,
            )
        )
    return RolloutDemo(
        target="worker",
        replicas=replicas,
        workers=workers,
        rngs=1,
        max_surge=surge,
        max_unavailable=unavailable,
        predicted=predicted,
        timeline=tuple(seen),
        phases=health_phases(seen, workers, 1),
        stuck=stuck(seen),
        waiting=waiting(seen),
        undone=undone(seen, replicas),
        healed=healed(seen, replicas),
        failed={"bad image": dice.choice([0, 3])},
        losses=tuple(losses),
        verdict=judge_stuck(predicted, seen),
    )
