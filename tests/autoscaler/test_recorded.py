"""A real autoscaler's run, recorded on the cluster of the tests: ours decides the same, pass by pass.

Recorded anew with: ./dev pytest -m "cluster and slow" -k demonstration --record tests/autoscaler/recorded.jsonl
and, of the other metrics: ./dev pytest -m "cluster and slow" -k each_metric --record tests/autoscaler
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dclab.autoscaler.trace import read
from tests.autoscaler.trace import check

FOLDER = Path(__file__).parent
RECORDED = FOLDER / "recorded.jsonl"
OTHERS = sorted(FOLDER.glob("recorded-*.jsonl"))


@pytest.fixture(scope="module")
def recorded():
    return read(RECORDED)


def test_the_recording_is_of_the_whole_demonstration(recorded):
    header, passes = recorded
    counts = [one.outcome.desired for one in passes]
    assert header.kubernetes.startswith("v1.")
    assert counts[0] == counts[-1] == 1
    assert max(counts) > 3
    assert {reason for one in passes for _, reason in one.outcome.conditions.values()} >= {
        "ReadyForNewScale",
        "SucceededRescale",
        "ScaleDownStabilized",
        "ValidMetricFound",
        "DesiredWithinRange",
    }


def test_ours_decides_the_same(recorded):
    check(*recorded)


@pytest.mark.parametrize("file", OTHERS, ids=lambda file: file.stem.removeprefix("recorded-"))
def test_ours_decides_the_same_on_other_metrics(file):
    """Latency (Object), requests and in-flight (Pods), up under ten workers and down under one."""
    header, passes = read(file)
    (metric,) = header.autoscaler["spec"]["metrics"]
    assert metric["type"] in ("Object", "Pods")
    counts = [one.outcome.desired for one in passes]
    assert counts[-1] == 1
    assert max(counts) > 1
    check(header, passes)


def test_the_check_can_fail(recorded):
    """A recording that is wrong in one pass is found out."""
    header, passes = recorded
    wrong = list(passes)
    index = next(i for i, one in enumerate(passes) if one.outcome.desired != one.seen.replicas)
    wrong[index] = replace(
        passes[index], outcome=replace(passes[index].outcome, desired=passes[index].outcome.desired + 1)
    )
    with pytest.raises(AssertionError, match="into the recording"):
        check(header, wrong)
