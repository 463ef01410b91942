"""One demonstration of the autoscaler: what it shows, what it leaves, and its own trace played again."""

from __future__ import annotations

import pytest

from dclab.run_folder import load_results


@pytest.fixture(scope="module")
def demonstration(dclab, lab_name, tmp_path_factory):
    """What `hpa-demo` said, and the folder of its run."""
    folder = tmp_path_factory.mktemp("demonstration") / "run"
    command = ("hpa-demo", "--target", "rng", "--load-time", "6s", "--workers", "5")
    done = dclab(*command, "--name", lab_name, "--out", str(folder), "--json")
    assert done.code == 0, done.err
    return done.data, folder


def test_hpa_demo_scales_up_and_down_again(demonstration):
    data, folder = demonstration
    assert data["folder"] == str(folder)
    results = load_results(folder)
    assert results.finished is not None
    assert results.engine == "embedded"
    timeline = data["autoscale"]["timeline"]
    assert max(point["desired"] for point in timeline) > 1
    assert all(isinstance(point[key], int) for point in timeline for key in ("current", "desired", "ready"))
    assert {point["phase"] for point in timeline} == {"baseline", "load", "autoscaled", "after-load"}
    assert any(one.reason == "SuccessfulRescale" for one in results.autoscale.events)
    assert results.autoscale.clock_speed == 20


@pytest.mark.usefixtures("demonstration")
def test_after_an_hpa_demo_the_lab_is_as_it_was(dclab, lab_name):
    deployments = dclab("status", "--name", lab_name, "--json").data["deployments"]
    assert deployments["rng"]["desired"] == 1


def test_a_demonstrations_own_trace_gives_the_decisions_that_were_taken(dclab, demonstration):
    _, run = demonstration
    replayed = dclab("hpa-replay", str(run / "raw" / "hpa.jsonl"), str(run / "raw" / "hpa-trace.jsonl"), "--json")
    assert replayed.code == 0, replayed.err
    assert replayed.data["differing"] == 0
    assert max(one["desired"] for one in replayed.data["passes"]) > 1
