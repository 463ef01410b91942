"""Every experiment through the command line, short, on a real lab; its files and its report."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace

import pytest

from dclab.engines.embedded import launch
from dclab.errors import DclabError
from dclab.experiments.alternate import AlternateSettings, alternate, in_turn
from dclab.experiments.exercise import exercise_settings, run_exercise
from dclab.experiments.latency import LatencySettings
from dclab.experiments.pod_facts import pod_facts
from dclab.experiments.proof import Change
from dclab.experiments.sweep import SweepSettings
from dclab.run_folder import Run, this_environment
from dclab.verify.verify import verify_run


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
    # A user who is cut off at the end may be in one count and not yet in the other.
    assert 100 < load["transactions"] == pytest.approx(load["successful_transactions"], abs=5)
    assert load["complete"] is True
    assert 1.5 < results.loadtest.elapsed_seconds < 4.5  # siege ends up to a second early


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


class Seen:
    """An observer that looks how many rngs there are whenever something is measured."""

    def __init__(self, lab):
        self.lab = lab
        self.rngs = set()
        self.parts = {}

    def step(self, text):
        self.rngs.add(self.lab.replicas("rng").ready)

    def record(self, **parts):
        self.parts |= parts

    def caveat(self, caveat):
        pass

    def raw(self, name, rows):
        list(rows)

    def picture(self, name, png):
        pass


def test_the_runs_of_a_comparison_are_made_in_turn_and_all_is_put_back(lab_name):
    lab = launch.find_lab(lab_name)
    before = {name: lab.replicas(name).desired for name in ("worker", "rng")}
    settings = AlternateSettings(
        change=Change(service="rng", replicas=2),
        repeat=1,
        sweep=SweepSettings(workers=(2,), seconds=3.0, settle=0.0),
        latency=LatencySettings(workers=(2,), count=2),
    )
    runs = {}

    @contextlib.contextmanager
    def recording(side, number):
        runs[side, number] = Seen(lab)
        yield runs[side, number]

    alternate(lab, settings, recording)
    assert {which: one.rngs for which, one in runs.items()} == {("base", 1): {1}, ("other", 1): {2}}
    for one in runs.values():
        assert [point.workers for point in one.parts["sweep"].points] == [2]
        assert one.parts["latency"]["rng"].probe.count == 2
    assert {name: lab.replicas(name).desired for name in before} == before


def test_runs_alternate_abba():
    assert [side[0] + str(number) for side, number in in_turn(3)] == ["b1", "o1", "o2", "b2", "b3", "o3"]


class Recorded(Run):
    """A run that is an observer, too."""

    def step(self, text):
        pass


def test_the_exercise_has_cpu_and_memory_at_rest_and_with_ten_workers(lab_name, tmp_path):
    lab = launch.find_lab(lab_name)
    settings = exercise_settings(quick=True, siege_seconds=5, clock_speed=lab.clock_speed)
    settings = replace(
        settings,
        sweep=replace(settings.sweep, workers=(1, 10)),
        proof=replace(settings.proof, changes=()),
        monitoring_seconds=5.0,
    )
    run = Recorded(
        tmp_path / "run", engine="embedded", lab=lab_name, command="dclab run", environment=this_environment("", {})
    )
    with contextlib.suppress(DclabError):  # what becomes of the other parts is not what is tested here
        run_exercise(lab, settings, run)
    run.finish()
    lab.scale("worker", 1)
    rest, most = run.results.pods.states
    assert (rest.workers, most.workers, most.services["worker"].replicas) == (1, 10, 10)
    for state in (rest, most):
        assert set(state.services) >= {"redis", "rng", "hasher", "worker", "webui", "httplat-rng", "httplat-hasher"}
        assert all(one.windows >= 2 and one.cpu_ci95 for one in state.services.values())
        assert 1 < state.services["rng"].cpu_millicores < 60
    assert rest.services["rng"].cpu_millicores < most.services["rng"].cpu_millicores
    codes = {one.code for one in pod_facts(run.results)}
    assert codes & {"pods-not-bound", "pods-bound-busy"}
    assert "pods-hash-waits" in codes
    assert verify_run(tmp_path / "run").findings == ()
