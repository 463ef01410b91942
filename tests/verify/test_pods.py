"""CPU and memory of the services held to their windows: an honest run fits, and each single change of it is found."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import asdict

import pytest

from dclab.experiments.pods import UsageRow, pod_state
from dclab.results import Pods, Resources
from dclab.run_folder import Run, this_environment
from tests.verify.test_verify import results, wrong

LEVELS = {"rng": 12.0, "hasher": 5.0, "worker": 1.2}
RESOURCES = {"rng": Resources(cpu_request_millicores=200.0, cpu_limit_millicores=500.0)}


def windows(dice, workers, attempt=1):
    """Five windows of each replica from 100 s on."""
    replicas = [("rng", "rng-a"), ("hasher", "hasher-a"), *(("worker", f"worker-{n}") for n in range(workers))]
    return [
        UsageRow(
            workers=workers,
            attempt=attempt,
            service=service,
            replica=replica,
            at=100.7 + 0.7 * n,
            window_seconds=0.7,
            cpu_millicores=LEVELS[service] * dice.uniform(0.9, 1.1),
            memory_mb=20.0 + n,
        )
        for service, replica in replicas
        for n in range(5)
    ]


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """The folder of a run, written as `dclab run` writes it; one state was measured twice."""
    dice = random.Random(1)
    folder = tmp_path_factory.mktemp("honest") / "run"
    environment = this_environment("", {})
    run = Run(folder, engine="embedded", lab="none", command="dclab run", environment=environment)
    run.raw("pods", map(asdict, windows(dice, 1)))
    states = []
    for workers, attempt in ((1, 2), (10, 1)):
        rows = windows(dice, workers, attempt)
        run.raw("pods", map(asdict, rows))
        states.append(pod_state(workers, 100.0, 104.0, rows, RESOURCES))
    run.record(pods=Pods(source="processes", cores=float(environment.cpus), states=tuple(states)))
    run.finish()
    return folder


@pytest.fixture
def run(honest, tmp_path):
    shutil.copytree(honest, tmp_path / "run")
    return tmp_path / "run"


def test_an_honest_run_fits(run):
    assert wrong(run) == []


def test_the_figures_are_sums_over_replicas_with_students_interval(run):
    rows = [json.loads(line) for line in (run / "raw" / "pods.jsonl").read_text().splitlines()]
    state = json.loads((run / "results.json").read_text())["pods"]["states"][1]
    sums = [
        sum(
            one["cpu_millicores"]
            for one in rows
            if one["service"] == "worker" and one["workers"] == 10 and one["at"] == at
        )
        for at in sorted({one["at"] for one in rows})
    ]
    worker = state["services"]["worker"]
    assert (worker["replicas"], worker["windows"]) == (10, 5)
    assert worker["cpu_millicores"] == pytest.approx(sum(sums) / 5)
    low, high = worker["cpu_ci95"]
    assert low < worker["cpu_millicores"] < high
    assert worker["memory_mib"] == pytest.approx(10 * 22e6 / 2**20)


CHANGES = {
    "the CPU of a service": lambda one: one["services"]["rng"].update(cpu_millicores=12.3456, cpu_ci95=[10.0, 14.0]),
    "its interval": lambda one: one["services"]["rng"].update(cpu_ci95=[1.0, 100.0]),
    "no interval": lambda one: one["services"]["rng"].update(cpu_ci95=None),
    "its memory": lambda one: one["services"]["hasher"].update(memory_mib=5.0),
    "its windows": lambda one: one["services"]["rng"].update(windows=50),
    "its replicas": lambda one: one["services"]["worker"].update(replicas=9),
    "a service": lambda one: one["services"].pop("hasher"),
    "another one": lambda one: one["services"].update(redis=one["services"]["rng"]),
    "the number of workers": lambda one: one.update(workers=20),
    "when it began": lambda one: one.update(began=101.0),
    "when it ended": lambda one: one.update(ended=102.0),
    "the length of its windows": lambda one: one.update(window_seconds=15.0),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_found(run, what):
    results(run, lambda data: CHANGES[what](data["pods"]["states"][-1]))
    assert any("pods" in where for where in wrong(run))


def test_other_changes_are_found(run):
    results(run, lambda data: data["pods"].update(cores=64.0))
    assert "pods.cores" in wrong(run)
    results(run, lambda data: data["pods"]["states"].pop())
    assert "pods.states" in wrong(run)


@pytest.mark.parametrize("change", ["taken away", "doubled", "moved"])
def test_a_changed_window_is_found(run, change):
    file = run / "raw" / "pods.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    last = json.loads(lines[-1])
    if change == "moved":
        lines[-1] = json.dumps({**last, "at": last["at"] - 2.0, "cpu_millicores": last["cpu_millicores"]}) + "\n"
    lines = lines[:-1] if change == "taken away" else [*lines, lines[-1]] if change == "doubled" else lines
    file.write_text("".join(lines))
    assert wrong(run)


def test_of_a_run_that_was_cut_off_the_raw_data_may_know_more(run):
    def cut(data):
        data["finished"] = None
        data["pods"]["states"].pop()

    results(run, cut)
    assert [one for one in wrong(run) if "pods" in one] == []
