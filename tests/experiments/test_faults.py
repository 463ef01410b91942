"""Parts of a lab killed in the middle of a sweep: it recovers, or names the point that is lost."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from dclab.engines.embedded import launch
from dclab.engines.embedded.wire import Settings
from dclab.errors import LabLost
from dclab.experiments.loadtest import run_loadtest
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
    settings, observer = SweepSettings(workers=(2,), seconds=5.0, settle=1.5), Collected()
    lab.scale("worker", 2)

    def kill():
        time.sleep(3.0)
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
    from dclab.experiments import hpa_demo

    def nothing(_lab, job, *_):
        job.stop()
        raise LabLost("It printed no summary.")

    monkeypatch.setattr(hpa_demo, "collect_load", nothing)
    settings = hpa_demo.DemoSettings(
        target="hasher",
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


def test_a_lab_taken_away_for_good_is_named(lab, monkeypatch):
    observer = Collected()

    def gone(*_):
        raise LabLost("It is gone.")

    lab.down()
    monkeypatch.setattr(type(lab), "deploy", gone)
    with pytest.raises(LabLost, match="No point"):
        run_sweep(lab, SweepSettings(workers=(1, 2), seconds=3.0, settle=0.1), observer)
    assert observer.codes.count("point-lost") == 2
    assert observer.kept["sweep"].lost_workers == (1, 2)
