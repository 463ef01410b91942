"""Compare dclab's autoscaler with Kubernetes' own on random cases: python -m tests.autoscaler.differential.

Compared are, pass by pass, the count, every metric as it is shown, every condition and every event with reason and
message; and of manifests, whether they are accepted, and what they then mean.
"""

from __future__ import annotations

import copy
import json
import sys
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from dclab.autoscaler import ControllerSettings, Decision, History, Observation, decide, parse_autoscaler
from dclab.autoscaler.spec import ALGORITHM, AutoscalerSpec
from dclab.errors import InvalidInput, NotSupported
from tests.autoscaler.cases import GAPS, SHORT_GAPS, load, manifest, observation, restless
from tests.autoscaler.kubernetes import CannotBuild, Kubernetes, build
from tests.autoscaler.manifests import near

TOLERANCE_GATE = "HPAConfigurableTolerance"

UNDIVIDED = -(2**63)
"""What Kubernetes shows for an average over no replicas: a division by zero, as amd64 makes it an integer."""

SKIPPED = 77
"""Exit code of a test that cannot run here, as automake has it."""


def compare(kubernetes: Kubernetes, seed: int) -> tuple[int, list[str]]:
    """Return how many passes a random case has, and how the two differ in it."""
    random = Random(seed)
    changing = random.random() < 0.25
    given = restless(random) if changing else manifest(random)
    tolerance = random.random() < 0.5 or kubernetes.version != ALGORITHM
    settings, gates = _following(kubernetes.version, tolerance=tolerance)
    spec = parse_autoscaler(given)
    ours: list[Decision] = []
    passes: list[tuple[float, Observation]] = []
    now, replicas, history = 10_000.0, random.randint(1, spec.max_replicas), History()
    for _ in range(random.randint(2, 24 if changing else 12)):
        if random.random() < 0.12:
            replicas = random.choice((0, 1, spec.min_replicas, spec.max_replicas, spec.max_replicas + 2))
        seen = load(random, replicas, now) if changing else observation(random, given, replicas, now)
        passes.append((now, seen))
        decision = decide(spec, history, seen, now, settings)
        ours.append(decision)
        replicas, history = decision.desired, decision.history
        now += random.choice(SHORT_GAPS if changing else GAPS)
    asked = [{"at": at, "seen": msgspec.to_builtins(seen)} for at, seen in passes]
    answer = kubernetes.ask(given, asked, gates=gates)
    if "refused" in answer:
        return len(ours), [f"seed {seed}: Kubernetes refuses the manifest: {answer['refused']}"]
    for number, (one, theirs) in enumerate(zip(ours, answer["passes"], strict=True)):
        mine, other = _ours(spec, one), _theirs(spec, theirs)
        for what, value in mine.items():
            if value != other[what]:
                where = f"seed {seed}, pass {number}, {what}"
                # What follows in this case is another story.
                return number + 1, [f"{where}:\n  dclab      {value}\n  Kubernetes {other[what]}"]
    return len(ours), []


def _following(version: str, *, tolerance: bool) -> tuple[ControllerSettings, dict[str, bool]]:
    """The release to follow, and the gates that must be set on Kubernetes' side for that.

    Every release is as it is by default; 1.34 also with its gate for tolerances on.
    """
    major, minor = (int(one) for one in version.split("."))
    if version != ALGORITHM:
        return ControllerSettings(kubernetes=(major, minor)), {}
    return ControllerSettings(tolerance_gate=tolerance), {TOLERANCE_GATE: tolerance}


def _ours(spec: AutoscalerSpec, decision: Decision) -> dict[str, Any]:
    return {
        "desired": decision.desired,
        "metrics": [None if one.current is None else round(one.current, 3) for one in decision.metrics],
        "conditions": [[one.type, one.status, one.reason, one.message] for one in decision.conditions],
        "events": [[one.type, one.reason, one.message] for one in decision.events],
    }


def _theirs(spec: AutoscalerSpec, given: dict[str, Any]) -> dict[str, Any]:
    metrics: list[float | None] = []
    for metric, one in zip(spec.metrics, given["metrics"], strict=True):
        amount = one["percent"] if metric.target_type == "Utilization" else one["milli"]
        metrics.append(None if amount in (None, UNDIVIDED) else round(metric.shown(amount), 3))
    events = given["events"] or []
    return {"desired": given["desired"], "metrics": metrics, "conditions": given["conditions"], "events": events}


def judge(kubernetes: Kubernetes, seed: int) -> str | None:
    """Return how the two differ on a manifest that is nearly right: whether it is accepted, and what it means."""
    given = near(Random(seed))
    if kubernetes.version not in ("1.34", "1.35", "1.36") and isinstance(given.get("metadata"), dict):
        given["metadata"].pop("generation", None)  # which the API server writes itself from 1.37 on, whatever was given
    answer = kubernetes.ask(given, gates={TOLERANCE_GATE: True})
    refused = answer.get("refused")
    try:
        spec = parse_autoscaler(copy.deepcopy(given))
    except NotSupported:
        return None
    except InvalidInput as error:
        return None if refused else f"seed {seed}: only dclab refuses {json.dumps(given)}: {error}"
    if refused:
        return f"seed {seed}: only Kubernetes refuses {json.dumps(given)}: {refused}"
    stored = parse_autoscaler(answer["manifest"])
    return None if stored == spec else f"seed {seed}: {json.dumps(given)}:\n  dclab      {spec}\n  Kubernetes {stored}"


def differences(kubernetes: Kubernetes, passes: int, seed: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of passes and the differences of case after case, until so many passes were compared."""
    compared = 0
    while compared < passes:
        found = compare(kubernetes, seed)
        compared += found[0]
        seed += 1
        yield found


def main(arguments: list[str]) -> int:
    import argparse

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passes", type=int, default=100_000)
    parser.add_argument("--manifests", type=int, default=20_000)
    parser.add_argument(
        "--kubernetes", default=ALGORITHM, metavar="VERSION", help="whose code to compare with, as 1.36"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the first case")
    given = parser.parse_args(arguments)
    compared = cases = 0
    told: list[str] = []
    try:
        build(given.kubernetes)
    except CannotBuild as error:
        print(f"Nothing was compared: {error}.", file=sys.stderr)
        return SKIPPED
    with Kubernetes(given.kubernetes) as kubernetes:
        started = time.monotonic()
        for count, differing in differences(kubernetes, given.passes, given.seed):
            cases, compared = cases + 1, compared + count
            for one in differing[: max(0, 10 - len(told))]:
                print(one)
            told += differing
        print(f"{compared} passes of {cases} autoscalers in {time.monotonic() - started:.0f} s: {len(told)} differ.")
        started = time.monotonic()
        found = [one for i in range(given.manifests) if (one := judge(kubernetes, given.seed + i))]
        for one in found[:10]:
            print(one)
    print(f"{given.manifests} manifests in {time.monotonic() - started:.0f} s: {len(found)} differ.")
    return 1 if told or found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
