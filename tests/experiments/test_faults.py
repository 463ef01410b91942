"""Parts of a lab killed in the middle of a sweep: it recovers, or names the point that is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

import pytest

from dclab import manifests
from dclab.engines.embedded import launch
from dclab.engines.embedded.wire import Settings
from dclab.errors import DclabError, LabEnded, LabLost, Refused, TimedOut
from dclab.experiments import hpa_demo
from dclab.experiments.autoscalers import shipped
from dclab.experiments.exercise import exercise_settings, run_exercise
from dclab.experiments.hpa_compare import run_hpa_compare
from dclab.experiments.hpa_demo import run_hpa_demo
from dclab.experiments.latency import LatencySettings, run_latency
from dclab.experiments.loadtest import run_loadtest
from dclab.experiments.proof import ProofSettings, run_proof
from dclab.experiments.recovery import counts_but_workers, recover, undo
from dclab.experiments.sweep import SweepSettings, run_sweep
from dclab.lab import LoadSpec


class Collected:
    """An observer that remembers."""

    def __init__(self):
        self.codes = []
        self.kept = {}
        self.rows = []

    def step(self, text):
        pass

    def caveat(self, caveat):
        self.codes.append(caveat.code)

    def record(self, **parts):
        self.kept.update(parts)

    def raw(self, name, rows):
        self.rows += list(rows)

    def picture(self, name, png):
        pass


@pytest.fixture(scope="module")
def lab():
    made, _ = launch.start(Settings(name="faults"))
    made.ready()
    yield made
    made.down()


def victim(lab, what):
    about = lab.about()
    return about.pid if what == "supervisor" else about.replicas[what][0].pid


@pytest.mark.parametrize("what", ["worker", "rng", "redis", "supervisor"])
def test_a_part_killed_within_a_window(lab, what):
    # A worker whose first call failed waits for 2 s before the next; the lab is to be whole when it is measured again.
    settings, observer = SweepSettings(workers=(2,), seconds=5.0, settle=3.0), Collected()
    lab.scale("worker", 2)

    def kill():
        time.sleep(4.5)
        os.kill(victim(lab, what), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    sweep = run_sweep(lab, settings, observer)
    killer.join()
    assert {"disturbed", "lab-recovered", "counter-reset"} & set(observer.codes)
    assert sweep.lost_workers == ()
    (point,) = sweep.points
    assert 5.7 < point.hashes_per_second.mean < 7.0
    # What was read before the fault is kept, too.
    assert len(observer.rows) > point.samples
    assert observer.kept["sweep"] == sweep


def test_a_service_that_goes_away_under_load(lab):
    observer = Collected()

    def take_away():
        time.sleep(1.5)
        lab.scale("hasher", 0)

    taker = threading.Thread(target=take_away)
    taker.start()
    try:
        load = run_loadtest(lab, LoadSpec(target="hasher", seconds=20), observer)
    finally:
        taker.join()
        lab.scale("hasher", 1)
    assert not load.complete
    assert load.elapsed_seconds < 15
    assert load.failed_transactions > 900
    assert {"load-incomplete", "load-failures"} <= set(observer.codes)
    assert observer.kept["loadtest"] == load


def test_a_load_without_a_result_leaves_no_autoscaler_behind(lab, monkeypatch):
    def nothing(job, *_):
        job.stop()
        raise LabLost("It printed no summary.")

    monkeypatch.setattr(hpa_demo, "collect_load", nothing)
    settings = hpa_demo.DemoSettings(
        autoscaler=shipped("hasher", "cpu"),
        workers=1,
        load=LoadSpec(target="hasher", seconds=2),
        settle=0.1,
        baseline_seconds=0.5,
        before_autoscaler=0.5,
        tick=0.3,
    )
    with pytest.raises(LabLost, match="no summary"):
        hpa_demo.run_hpa_demo(lab, settings, Collected())
    assert lab.replicas("hasher").desired == 1
    with pytest.raises(LabLost, match="no autoscaler"):
        lab.autoscaler("hasher")


def test_what_cannot_be_taken_back_is_named_and_hides_no_failure_before_it():
    def fails():
        raise TimedOut("hasher does not get ready.", "No room.")

    seen = Collected()
    undo(seen, True, "hasher was not scaled back", fails)
    assert seen.codes == ["left-behind"]
    with pytest.raises(TimedOut):
        undo(seen, False, "hasher was not scaled back", fails)


def test_what_scales_by_itself_is_named_before_anything_is_measured(lab):
    """An autoscaler that nobody expects would make every figure one of an unknown number of replicas."""
    lab.apply_autoscaler(manifests.autoscaler("hasher"))
    exercise = exercise_settings(quick=True, siege_seconds=5, clock_speed=1)
    compared = exercise_settings(quick=True, siege_seconds=5, clock_speed=1, compares=True).comparison
    try:
        for measure in (
            lambda: run_sweep(lab, SweepSettings(workers=(1,)), Collected()),
            lambda: run_latency(lab, LatencySettings(count=1), Collected()),
            lambda: run_proof(lab, ProofSettings(), Collected()),
            lambda: run_hpa_demo(lab, exercise.demo, Collected()),
            lambda: run_exercise(lab, exercise, Collected()),
            lambda: run_hpa_compare(lab, compared, Collected()),
        ):
            with pytest.raises(
                Refused, match=r"autoscaler that is not part of this measurement: 'hasher' \(of hasher\)"
            ):
                measure()
    finally:
        lab.remove_autoscaler("hasher")


def test_a_service_scaled_by_someone_else_between_two_points_is_scaled_back(lab):
    """The second point would be one of another lab than the first."""
    lab.scale("worker", 1)

    class Meddling(Collected):
        def record(self, **parts):
            super().record(**parts)
            if len(parts["sweep"].points) == 1:
                lab.scale("hasher", 2)

    observer = Meddling()
    sweep = run_sweep(lab, SweepSettings(workers=(1, 2), seconds=4.0, settle=0.1), observer)
    assert [one.workers for one in sweep.points] == [1, 2]
    assert "rescaled" in observer.codes
    assert lab.replicas("hasher").desired == 1


def test_workers_scaled_by_someone_else_within_a_window_are_scaled_back(lab):
    observer = Collected()
    lab.scale("rng", 2)  # by chance the rate wanders, so that the window lasts as long as it may
    meddler = threading.Timer(4.0, lambda: lab.scale("worker", 5))
    meddler.start()
    try:
        sweep = run_sweep(lab, SweepSettings(workers=(2,), seconds=7.0, settle=0.5), observer)
    finally:
        meddler.join()
        lab.scale("rng", 1)
    assert {"disturbed", "rescaled"} & set(observer.codes)
    assert lab.replicas("worker").desired == 2
    assert [one.workers for one in sweep.points] == [2]


def test_a_service_that_something_scales_again_and_again_loses_its_point(lab):
    observer = Collected()
    over = threading.Event()

    def meddle():
        other = launch.find_lab(lab.name)
        while not over.wait(0.2):
            with contextlib.suppress(DclabError):  # the sweep scales it back meanwhile
                if other.replicas("hasher").desired == 1:
                    other.scale("hasher", 2)

    meddler = threading.Thread(target=meddle)
    meddler.start()
    try:
        with pytest.raises(LabLost, match="No point"):
            run_sweep(lab, SweepSettings(workers=(1,), seconds=4.0, settle=0.1), observer)
    finally:
        over.set()
        meddler.join()
        lab.scale("hasher", 1)
    assert observer.codes[-1] == "point-lost"


def test_replicas_that_change_while_latency_is_measured_have_it_measured_again(lab):
    lab.scale("worker", 1)
    observer = Collected()
    changer = threading.Timer(0.5, lambda: lab.scale("hasher", 2))
    changer.start()
    try:
        run_latency(lab, LatencySettings(targets=("rng",), count=5, workers=(1,)), observer)
    finally:
        changer.join()
        lab.scale("hasher", 1)
    assert observer.codes.count("disturbed") == 1


def test_a_crashed_lab_comes_back_with_the_replicas_that_it_had(lab):
    """Its supervisor knows the manifests' counts only."""
    counts = {**counts_but_workers(lab), "rng": 2}
    lab.scale("rng", 2)
    os.kill(lab.about().pid, signal.SIGKILL)
    recover(lab, counts)
    assert lab.replicas("rng").ready == 2
    lab.scale("rng", 1)


def test_an_ended_lab_ends_the_sweep_and_its_points_stay(lab):
    observer = Collected()

    class Ending(Collected):
        def record(self, **parts):
            super().record(**parts)
            launch.stop(lab.folder)

    observer = Ending()
    with pytest.raises(LabEnded, match="was ended while this command used it"):
        run_sweep(lab, SweepSettings(workers=(1, 2, 3), seconds=4.0, settle=0.1), observer)
    assert [one.workers for one in observer.kept["sweep"].points] == [1]
    assert "lab-recovered" not in observer.codes
    assert not lab.folder.exists()


def test_a_lab_that_does_not_come_back_is_named(monkeypatch):
    """Whatever keeps it from starting again."""
    lab, _ = launch.start(Settings(name="lost"))
    observer = Collected()

    def gone(*_):
        raise LabLost("It is gone.")

    monkeypatch.setattr(type(lab), "deploy", gone)
    monkeypatch.setattr(type(lab), "scale", gone)
    try:
        with pytest.raises(LabLost, match="No point"):
            run_sweep(lab, SweepSettings(workers=(1, 2), seconds=3.0, settle=0.1), observer)
    finally:
        lab.down()
    assert observer.codes.count("point-lost") == 2
    assert observer.kept["sweep"].lost_workers == (1, 2)
