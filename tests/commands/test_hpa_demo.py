"""One demonstration of the autoscaler: what it shows, what it leaves, and its own trace played again."""

from __future__ import annotations

from dataclasses import replace

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


@pytest.fixture(scope="module")
def on_in_flight(dclab, lab_name, tmp_path_factory):
    """The same on requests in flight, scraped every 5 s."""
    folder = tmp_path_factory.mktemp("in-flight") / "run"
    command = ("hpa-demo", "--metric", "inflight", "--scrape-seconds", "5", "--load-time", "6s", "--workers", "5")
    done = dclab(*command, "--name", lab_name, "--out", str(folder), "--json")
    assert done.code == 0, done.err
    return done.data["autoscale"], folder


def test_hpa_demo_scales_on_requests_in_flight(on_in_flight):
    found, folder = on_in_flight
    (metric,) = found["manifest"]["spec"]["metrics"]
    assert metric["pods"]["metric"]["name"] == "dockercoins_in_flight"
    known = [one for point in found["timeline"] for one in point["metrics"] if one["current"] is not None]
    assert known
    assert {(one["type"], one["name"], one["unit"]) for one in known} == {("Pods", "dockercoins_in_flight", "")}
    assert max(point["desired"] for point in found["timeline"]) > 1
    assert load_results(folder).autoscale.at_rest


@pytest.mark.usefixtures("on_in_flight")
def test_after_it_nobody_scales_the_lab(dclab, lab_name):
    told = dclab("status", "--name", lab_name, "--json").data
    assert told["deployments"]["rng"]["desired"] == 1


def test_its_own_trace_gives_the_decisions_that_were_taken(dclab, on_in_flight):
    _, run = on_in_flight
    replayed = dclab("hpa-replay", str(run / "raw" / "hpa.jsonl"), str(run / "raw" / "hpa-trace.jsonl"), "--json")
    assert replayed.code == 0, replayed.err
    assert replayed.data["differing"] == 0


def test_its_transcript_shows_the_metric_before_it_is_known(on_in_flight):
    from dclab.report.transcript import transcript

    _, run = on_in_flight
    found = load_results(run).autoscale
    blind = replace(found, timeline=tuple(replace(one, metrics=()) for one in found.timeline))
    assert "dockercoins_in_flight: <unknown>/1.3" in transcript(blind)
