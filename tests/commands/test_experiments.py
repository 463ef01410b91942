"""Every experiment through the command line, short, on a real lab; its files and its report."""

from __future__ import annotations

import json

import pytest

from dclab.run_folder import load_results


@pytest.fixture
def experiment(dclab, lab_name, tmp_path):
    """Run one; its JSON data and what its folder holds."""

    def do(*arguments):
        folder = tmp_path / "run"
        done = dclab(*arguments, "--name", lab_name, "--out", str(folder), "--json")
        assert done.code == 0, done.err
        assert done.data["folder"] == str(folder)
        results = load_results(folder)
        assert results.finished is not None
        assert results.engine == "embedded"
        return done.data, results, folder

    return do


def test_scale_sweep(experiment):
    data, results, folder = experiment("scale-sweep", "--workers", "1,2", "--seconds", "4")
    one, two = (point["hashes_per_second"] for point in data["sweep"]["points"])
    assert one["ci95_low"] < one["mean"] < one["ci95_high"]
    assert 2.8 < one["mean"] < 3.6
    assert 5.4 < two["mean"] < 7.2
    assert 1.6 < results.sweep.speedup < 2.4
    lines = (folder / "raw" / "counter.jsonl").read_text().splitlines()
    assert len(lines) > 60
    assert {"t", "hashes"} <= set(json.loads(lines[0]))


def test_latency_names_rng(experiment):
    data, results, _ = experiment("latency", "--count", "3")
    assert data["latency"]["rng"]["probe"]["mean"] > 400
    assert data["latency"]["hasher"]["probe"]["p50"] < 30
    assert results.bottleneck.service == "rng"


def test_loadtest_reads_sieges_summary(experiment):
    data, results, _ = experiment("loadtest", "--target", "hasher", "--time", "3s", "--concurrent", "5")
    load = data["loadtest"]
    assert load["transactions"] == load["successful_transactions"] > 100
    assert load["complete"] is True
    assert 1.5 < results.loadtest.elapsed_seconds < 4.5  # siege ends up to a second early


def test_hpa_demo_scales_up_and_down_again(experiment):
    data, results, _ = experiment("hpa-demo", "--target", "rng", "--load-time", "6s")
    timeline = data["autoscale"]["timeline"]
    assert max(point["desired"] for point in timeline) > 1
    assert all(isinstance(point[key], int) for point in timeline for key in ("current", "desired", "ready"))
    assert {point["phase"] for point in timeline} == {"baseline", "load", "autoscaled", "after-load"}
    assert any(one.reason == "SuccessfulRescale" for one in results.autoscale.events)
    assert results.autoscale.clock_speed == 20


def test_after_an_hpa_demo_the_lab_is_as_it_was(dclab, lab_name):
    deployments = dclab("status", "--name", lab_name, "--json").data["deployments"]
    assert deployments["rng"]["desired"] == 1


def test_monitor_follows_both_services(experiment):
    data, results, _ = experiment("monitor", "--seconds", "14s", "--window", "10s")
    assert set(data["monitoring"]["series"]) == {"rng", "hasher"}
    assert all(results.monitoring.series.values())
    assert "httplat_latency_seconds_sum" in results.monitoring.query


def test_a_lab_is_used_by_a_report_of_its_run(dclab, lab_name, tmp_path):
    dclab("scale-sweep", "--workers", "1", "--seconds", "3", "--name", lab_name, cwd=tmp_path)
    (folder,) = (tmp_path / "reports").iterdir()
    shown = dclab("report", cwd=tmp_path)
    assert shown.code == 0
    assert (folder / "report.md").exists()
    assert (folder / "sweep.png").read_bytes().startswith(b"\x89PNG")
    assert "One point alone has no speedup" in (folder / "report.md").read_text()


def test_a_machine_without_redis_siege_and_prometheus(dclab, tmp_path):
    bare = {"PATH": "/nonexistent"}
    assert dclab("up", "--name", "bare", env=bare).code == 0
    try:
        load = dclab("loadtest", "--time", "2s", "--name", "bare", "--out", str(tmp_path / "load"), "--json", env=bare)
        assert load.data["loadtest"]["generator"] == "built-in"
        assert load.data["loadtest"]["transactions"] > 5
        shown = dclab(
            "monitor", "--seconds", "7s", "--window", "5s", "--name", "bare", "--out", str(tmp_path / "watch"), env=bare
        )
        assert "Prometheus is not installed" in shown.out
        found = load_results(tmp_path / "watch").monitoring
        assert (found.source, set(found.series)) == ("exporter", {"rng", "hasher"})
        assert all(found.series.values())
    finally:
        assert dclab("down", "--name", "bare", env=bare).code == 0


def test_prove_changes_one_thing_at_a_time_and_puts_it_back(experiment, dclab, lab_name):
    before = dclab("status", "--name", lab_name, "--json").data["deployments"]
    data, results, _ = experiment("prove", "--seconds", "5", "--workers", "5")
    rates = {one["name"]: one["hashes_per_second"]["mean"] for one in data["interventions"]}
    assert set(rates) == {
        "as it is",
        "rng x2",
        "hasher x2",
        "rng x3",
        "rng x4",
        "rng with 10 threads",
        "rng x3, round robin",
        "rng x3, better of two",
    }
    assert rates["rng x2"] > 1.2 * rates["as it is"]
    assert rates["hasher x2"] < 1.2 * rates["as it is"]
    assert rates["rng with 10 threads"] > 1.4 * rates["as it is"]
    assert results.bottleneck.service == "rng"
    assert {one.code for one in results.bottleneck.evidence} >= {
        "scaling-helps",
        "threads-help",
        "chance-costs",
        "redis-quick",
    }
    after = dclab("status", "--name", lab_name, "--json").data["deployments"]
    assert {name: one["desired"] for name, one in after.items() if name != "worker"} == {
        name: one["desired"] for name, one in before.items() if name != "worker"
    }
