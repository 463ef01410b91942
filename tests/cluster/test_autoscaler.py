"""The real autoscaler under the exercise's load; ours takes the same decisions from the same observations."""

from __future__ import annotations

from pathlib import Path

import pytest

from dclab import manifests
from dclab.autoscaler import parse_autoscaler
from dclab.autoscaler.trace import replay, write
from dclab.lab import LoadSpec
from tests.autoscaler.trace import check
from tests.cluster.recording import Recorder
from tests.cluster.waiting import wait_for

pytestmark = pytest.mark.cluster


def _besiege(lab, seconds):
    (job,) = lab.apply([manifests.load_test(LoadSpec(target="rng", seconds=seconds))])
    return job.metadata.name


def _say_what_happened(lab, say, recorder):
    say("events of the autoscaler:", *(f"{one.reason}: {one.message}" for one in lab.events("rng")))
    say(
        "its conditions:",
        *(f"{one.type} {one.status} {one.reason}: {one.message}" for one in lab.conditions("rng").values()),
    )
    passes = recorder.passes()
    lines = ["its passes:"]
    for one in passes:
        usage = ", ".join(f"{each.value:.0f}m" for each in one.seen.usage.values())
        lines.append(
            f"{one.at - passes[0].at:4.0f} s: {one.seen.replicas} -> {one.outcome.desired}, {one.outcome.utilization} % ({usage})"
        )
    say(*lines)
    return passes


@pytest.mark.timeout(300)
def test_it_takes_rng_up_under_siege_and_explains_itself(lab, own_cluster, say):
    with Recorder(lab, "rng") as recorder:
        lab.apply([manifests.autoscaler("rng")])
        job = _besiege(lab, 120)
        wait_for(lambda: len(lab.pods("rng")) > 1, 120, "a second rng", every=0.5)
        wait_for(lambda: lab.autoscaler("rng").status.desired_replicas >= 3, 60, "a third", every=0.5)
        lab.batch.delete_namespaced_job(job, lab.namespace, propagation_policy="Background")
        # So that the pass that did it is over.
        wait_for(lambda: len(recorder.passes()) > 4, 60, "five passes", every=0.5)
        header = recorder.header()
        passes = _say_what_happened(lab, say, recorder)
    conditions = lab.conditions("rng")
    assert conditions["AbleToScale"].status == "True"
    assert (conditions["ScalingActive"].status, conditions["ScalingActive"].reason) == ("True", "ValidMetricFound")
    rescaled = [one.message for one in lab.events("rng") if one.reason == "SuccessfulRescale"]
    assert any(one.endswith("cpu resource utilization (percentage of request) above target") for one in rescaled)
    check(header, passes)
    decisions = [decision for _, decision in replay(parse_autoscaler(header.autoscaler), passes)]
    ours = {one.message for each in decisions for one in each.events if one.reason == "SuccessfulRescale"}
    assert ours
    assert ours <= set(rescaled)


@pytest.mark.slow
@pytest.mark.timeout(720)
def test_the_whole_demonstration_down_to_rest(lab, own_cluster, say, request):
    """The exercise's four minutes of siege, and the way down; --record FILE keeps it as a trace."""
    with Recorder(lab, "rng") as recorder:
        lab.apply([manifests.autoscaler("rng")])
        job = _besiege(lab, 240)
        wait_for(lambda: lab.autoscaler("rng").status.desired_replicas > 1, 90, "a second rng", every=0.5)
        # Now and then a siege hangs at its end; then the Job's deadline ends it.
        wait_for(
            lambda: not lab.batch.read_namespaced_job(job, lab.namespace).status.active, 340, "siege's end", every=1
        )
        wait_for(lambda: lab.autoscaler("rng").status.desired_replicas == 1, 180, "one rng", every=0.5)
        wait_for(lambda: len(lab.pods("rng")) == 1, 60, "the end of the others", every=0.5)
        done = len(recorder.passes())
        wait_for(lambda: len(recorder.passes()) >= done + 3, 60, "three passes at rest", every=1)
        header = recorder.header()
        passes = _say_what_happened(lab, say, recorder)
    check(header, passes)
    assert [one.outcome.desired for one in passes[-2:]] == [1, 1]
    if file := request.config.getoption("--record"):
        write(Path(file), header, passes)
