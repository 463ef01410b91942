"""What holds for any autoscaler, whatever it observes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dclab.autoscaler import AutoscalerSpec, History, Observation, Pod, PodMetric, decide
from dclab.autoscaler.spec import Behavior, MetricSpec, Policy, Rules

CPU = MetricSpec(type="Resource", name="cpu", target_type="Utilization", target=50)
OLD = -10_000.0


def spec(low=1, high=10, up_window=0, down_window=0, up_pods=100):
    return AutoscalerSpec(
        name="rng",
        target="rng",
        min_replicas=low,
        max_replicas=high,
        metrics=(CPU,),
        behavior=Behavior(
            up=Rules(window_seconds=up_window, policies=(Policy(type="Pods", value=up_pods, period_seconds=15),)),
            down=Rules(window_seconds=down_window, policies=(Policy(type="Percent", value=100, period_seconds=15),)),
        ),
    )


def observation(replicas, usage, now=0.0, request=100):
    pods = tuple(Pod(name=f"p{i}", ready=True, started=OLD, ready_changed=OLD) for i in range(replicas))
    return Observation(
        replicas=replicas,
        pods=pods,
        usage={pod.name: PodMetric(value=value, at=now, window=15) for pod, value in zip(pods, usage, strict=True)},
        requests={pod.name: request for pod in pods},
    )


usages = st.lists(st.integers(0, 500), min_size=1, max_size=20)


@given(usages, st.integers(1, 5), st.integers(0, 10))
def test_the_count_stays_within_its_bounds(usage, low, more):
    found = decide(spec(low, low + more), History(), observation(len(usage), usage), 0.0)
    assert low <= found.desired <= low + more


@given(usages, st.integers(1, 4))
def test_no_more_pods_are_added_than_the_policy_allows(usage, pods):
    found = decide(spec(high=100, up_pods=pods), History(), observation(len(usage), usage), 0.0)
    assert found.desired <= len(usage) + pods


@given(st.integers(1, 20), st.integers(45, 55))
def test_a_metric_within_the_tolerance_changes_nothing(replicas, usage):
    found = decide(spec(high=50), History(), observation(replicas, [usage] * replicas), 0.0)
    assert found.desired == replicas
    assert not found.events


@given(st.integers(1, 20), st.integers(0, 300), st.integers(0, 300))
def test_more_usage_never_means_fewer_replicas(replicas, one, other):
    counts = [
        decide(spec(high=200), History(), observation(replicas, [usage] * replicas), 0.0).desired
        for usage in sorted((one, other))
    ]
    assert counts[0] <= counts[1]


@given(st.integers(1, 400))
def test_a_fixed_amount_of_work_comes_to_rest(work):
    replicas, history = 1, History()
    counts = []
    for sync in range(40):
        now = 15.0 * sync
        found = decide(spec(), history, observation(replicas, [work / replicas] * replicas, now), now)
        replicas, history = found.desired, found.history
        counts.append(replicas)
    assert len(set(counts[-5:])) == 1


@given(st.integers(30, 600))
def test_a_scale_down_waits_for_its_window(window):
    chosen = spec(down_window=window)
    replicas, history = 4, History()
    busy = decide(chosen, history, observation(4, [50] * 4), 0.0)
    replicas, history = busy.desired, busy.history
    now = 0.0
    while replicas == 4:
        now += 15.0
        found = decide(chosen, history, observation(replicas, [1] * replicas, now), now)
        replicas, history = found.desired, found.history
    assert window <= now < window + 30


def test_without_metrics_it_says_so_and_keeps_the_count():
    pods = (Pod(name="p", ready=True, started=OLD, ready_changed=OLD),)
    found = decide(spec(), History(), Observation(replicas=1, pods=pods, requests={"p": 100}), 0.0)
    assert found.desired == 1
    assert found.metrics[0].current is None
    assert ("ScalingActive", "False") in [(one.type, one.status) for one in found.conditions]
    assert [one.reason for one in found.events] == ["FailedGetResourceMetric", "FailedComputeMetricsReplicas"]


def test_a_target_scaled_to_zero_is_left_alone():
    found = decide(spec(), History(), Observation(replicas=0, pods=()), 0.0)
    assert found.desired == 0
    assert found.conditions[-1].reason == "ScalingDisabled"


def test_a_scaling_is_an_event_with_its_reason():
    found = decide(spec(), History(), observation(1, [100]), 0.0)
    assert [one.message for one in found.events] == [
        "New size: 2; reason: cpu resource utilization (percentage of request) above target"
    ]


def test_ten_workers_alone_keep_rng_at_three_replicas():
    """Two replicas take 11.97m each, which counts as 12m and 6 % of 200m; three take 11m each, which is cut to 5 %."""
    cpu = MetricSpec(type="Resource", name="cpu", target_type="Utilization", target=5)
    chosen = AutoscalerSpec(
        name="rng",
        target="rng",
        min_replicas=1,
        max_replicas=10,
        metrics=(cpu,),
        behavior=Behavior(
            up=Rules(window_seconds=10, policies=spec().behavior.up.policies),
            down=Rules(window_seconds=30, policies=spec().behavior.down.policies),
        ),
    )
    rate = {1: 9.8, 2: 18.0, 3: 23.0, 4: 26.5, 5: 28.5}
    replicas, history, seen = 1, History(), []
    for sync in range(30):
        now = 15.0 * sync
        each = 1.33 * rate.get(replicas, 30.0) / replicas
        found = decide(chosen, history, observation(replicas, [each] * replicas, now, request=200), now)
        replicas, history = found.desired, found.history
        seen.append(replicas)
    assert seen == [1, 2] + [3] * 28


@given(usages, st.integers(1, 60))
def test_a_new_autoscaler_holds_the_count_it_finds_for_its_windows(usage, window):
    """recordInitialRecommendation of pkg/controller/podautoscaler/horizontal.go."""
    chosen = spec(up_window=window, down_window=window)
    found = decide(chosen, History(), observation(len(usage), usage), 0.0)
    assert found.desired == min(len(usage), 10)
    for now in (window - 1.0, window + 1.0):
        later = decide(chosen, found.history, observation(found.desired, [200] * found.desired, now), now)
        rises = now > window and found.desired < 10
        assert (later.desired > found.desired) == rises
