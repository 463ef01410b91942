"""A comparison of autoscalers held to its raw data: an honest one fits, and each single change of it is found.

Its runs are simulated; tests/commands/test_hpa_compare.py verifies measured ones, with their traces.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from dclab.elasticity.closed_loop import Conditions
from dclab.elasticity.profile import Step
from dclab.elasticity.simulate import compare_simulated
from dclab.elasticity.verdict import judged, verdicts
from dclab.experiments.autoscalers import shipped
from dclab.run_folder import Run, this_environment
from tests.verify.test_verify import results, wrong


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """The folder of two simulated runs, written as `hpa-compare` writes measured ones."""
    profile = (Step(60.0, 2, 0), Step(120.0, 6, 0), Step(500.0, 3, 0))
    pair = [shipped("rng", which) for which in ("cpu", "inflight")]
    made = compare_simulated(pair, Conditions(profile=profile, clock_speed=5.0), repeats=2)
    made = replace(made, verdicts=tuple(verdicts([judged(one) for one in made.runs])))
    folder = tmp_path_factory.mktemp("honest") / "run"
    run = Run(
        folder, engine="embedded", lab="simulated", command="dclab hpa-compare", environment=this_environment("", {})
    )
    for one in made.runs:
        for point in one.timeline:
            (demand,) = [step for step in one.demand if step.t <= point.t][-1:]
            run.raw("elastic", [{"run": one.name, "demand": demand, "point": point}])
    run.record(comparison=made)
    run.finish()
    return folder


@pytest.fixture
def run(honest, tmp_path):
    shutil.copytree(honest, tmp_path / "run")
    return tmp_path / "run"


def test_an_honest_comparison_fits(run):
    assert wrong(run) == []


CHANGES = {
    "a score": lambda one: one["scores"].update(cost=one["scores"]["cost"] + 0.5),
    "a share": lambda one: one["scores"].update(timeshare_over=0.5 + one["scores"]["timeshare_over"] / 3),
    "a replica": lambda one: one["timeline"][9].update(ready=one["timeline"][9]["ready"] + 1),
    "a wait": lambda one: one["timeline"][9].update(wait_ms=1.25),
    "a point": lambda one: one["timeline"].pop(9),
    "a metric": lambda one: one["timeline"][-1]["metrics"][0].update(current=3.25),
    "the demand": lambda one: one["demand"][1].update(needed=7, needed_high=8),
    "when it changed": lambda one: one["demand"][1].update(t=one["demand"][1]["t"] + 20),
    "the length": lambda one: one.update(seconds=one["seconds"] - 100),
    "whether it settled": lambda one: one.update(settled=not one["settled"], resting=None),
    "its spread": lambda one: one["spread"]["cost"].update(high=one["spread"]["cost"]["high"] + 1),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_found(run, what):
    results(run, lambda data: CHANGES[what](data["comparison"]["runs"][0]))
    assert any(where.startswith("comparison") for where in wrong(run))


def test_a_verdict_that_does_not_follow_is_found(run):
    def turned(data):
        (verdict,) = data["comparison"]["verdicts"]
        verdict["verdict"] = "no difference" if verdict["verdict"] != "no difference" else "a is better"

    results(run, turned)
    assert wrong(run) == ["comparison.verdicts[0].verdict", "results.json"]


def test_a_raw_point_that_was_taken_away_is_found(run):
    file = run / "raw" / "elastic.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:5] + lines[6:]))
    assert "comparison.runs[0].timeline" in wrong(run)


def test_of_a_comparison_that_was_cut_off_the_raw_data_may_know_more(run):
    def cut(data):
        data.update(finished=None, seal=None)
        last = data["comparison"]["runs"][-1]
        last["timeline"] = last["timeline"][:20]
        last.update(seconds=last["timeline"][-1]["t"], settled=None, resting=None)
        last["demand"] = [step for step in last["demand"] if step["t"] <= last["seconds"]]
        data["comparison"]["verdicts"] = []

    results(run, cut)
    assert all("scores" in where for where in wrong(run))  # of the whole run, since nobody computed them again


def test_rows_that_are_none_are_refused(run):
    file = run / "raw" / "elastic.jsonl"
    row = json.loads(file.read_text().splitlines()[0])
    del row["point"]["ready"]
    file.write_text(json.dumps(row) + "\n" + file.read_text())
    (why,) = wrong(run)
    assert "Line 1" in why
