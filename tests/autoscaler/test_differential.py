"""Our autoscaler beside Kubernetes' own code, on random cases; needs Go.

More of them: python -m tests.autoscaler.differential --passes 100000 --manifests 60000
"""

from __future__ import annotations

from importlib import import_module

import pytest

from dclab.autoscaler import History, Observation, behavior, history, replica_count
from dclab.autoscaler.spec import Tolerance
from tests.autoscaler.differential import compare, differences, judge
from tests.autoscaler.kubernetes import CannotBuild, Kubernetes

pytestmark = pytest.mark.timeout(1200)  # the first build compiles Kubernetes' packages: two minutes on two quiet CPUs

PASSES = 5000
MANIFESTS = 3000


@pytest.fixture(scope="module")
def kubernetes():
    try:
        with Kubernetes() as running:
            yield running
    except CannotBuild as error:
        pytest.skip(str(error))


def test_every_pass_is_decided_as_by_kubernetes(kubernetes):
    assert [said for _, found in differences(kubernetes, PASSES, 0) for said in found] == []


def test_every_manifest_is_judged_as_by_the_api_server(kubernetes):
    assert [said for seed in range(MANIFESTS) if (said := judge(kubernetes, seed))] == []


def changed_by_the_longest_of_both(before, spec, current, desired, now):
    if spec.behavior is None:
        return before
    side, period = (
        "ups" if desired > current else "downs",
        max(spec.behavior.up.longest_period, spec.behavior.down.longest_period),
    )
    records = history.remember(getattr(before, side), abs(desired - current), period, now)
    return history.replace(before, **{side: records})


DECIDE = import_module("dclab.autoscaler.decide")  # the package has a function of that name
FAULTS = {
    "without behavior there is no window": (DECIDE, "stabilize_down", lambda past, wanted, window, now: wanted),
    "without behavior the limit is another": (
        behavior,
        "_without_behavior",
        lambda spec, current, desired: behavior.Limited(
            min(max(desired, spec.min_replicas), spec.max_replicas), "DesiredWithinRange"
        ),
    ),
    "amounts are rounded down": (replica_count, "_milli", lambda units: int(units * 1000)),
    "a tolerance counts where its gate is off": (
        Tolerance,
        "of",
        lambda spec, settings: Tolerance(*((0.05, 0.05) if spec.behavior else (0.1, 0.1))),
    ),
    "averages go by what was wanted": (Observation, "existing_replicas", property(lambda seen: seen.replicas)),
    "changes are remembered for the longest period of both": (History, "changed", changed_by_the_longest_of_both),
    "conditions vanish": (DECIDE, "_replaced", lambda conditions, new: (new,)),
    "an unknown readiness is none": (replica_count, "_starting", lambda seen, settings, now: lambda pod: not pod.ready),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_comparison_finds_a_fault(kubernetes, monkeypatch, fault):
    place, name, wrong = FAULTS[fault]
    monkeypatch.setattr(place, name, wrong)
    assert any(compare(kubernetes, seed)[1] for seed in range(500))
