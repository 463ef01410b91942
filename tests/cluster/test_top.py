"""CPU and memory of pods on a real cluster, beside what `kubectl top pods` and the metrics API say."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from dclab.engines.kube import launch
from dclab.experiments.usage_watch import watched_usage
from tests.cluster.settings import KUBECONFIG, NAME
from tests.cluster.waiting import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("own_cluster"), pytest.mark.timeout(300)]

LAB = "dclab-top"
WHERE = ("--context", NAME, "--name", LAB)


@pytest.fixture(scope="module")
def on_kube(cluster, dclab):
    """Run a verb on a lab that has been measured."""

    def run(verb, *arguments):
        return dclab(verb, *arguments, *WHERE, env={"KUBECONFIG": str(KUBECONFIG)})

    assert run("up", "--yes").code == 0
    yield run
    assert run("down").code == 0


@pytest.fixture
def measured(on_kube, monkeypatch):
    """The lab, of which every pod has a reading."""
    monkeypatch.setenv("KUBECONFIG", str(KUBECONFIG))
    lab = launch.find_lab(launch.place(NAME, LAB))
    wait_for(lambda: all(len(one.usage) == one.counts.ready for one in lab.states().values()), 120, "readings", every=1)
    yield lab
    lab.reach.close()


def test_top_has_the_figures_of_kubectl(on_kube, measured):
    """Read before and after: metrics-server may publish a new window in between."""

    def kubectl():
        command = ["kubectl", "--kubeconfig", str(KUBECONFIG), "--namespace", LAB, "top", "pods", "--no-headers"]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
        return {name: (cpu, memory) for name, cpu, memory in map(str.split, said.splitlines())}

    before, done, after = kubectl(), on_kube("top"), kubectl()
    assert done.code == 0, done.err
    rows = [[cell.strip() for cell in line.split("│")] for line in done.out.splitlines() if "│" in line]
    shown = {row[1]: (row[2], row[5]) for row in rows if len(row) == 9}
    assert set(before) == set(shown)
    for name, figures in shown.items():
        assert figures in (before[name], after[name]), name
    data = on_kube("top", "--json").data["services"]
    assert data["rng"]["resources"]["cpu_limit_millicores"] == 500
    for one in data.values():
        for replica in one["replicas"].values():
            assert 5 < replica["window_seconds"] < 45
            assert replica["age_seconds"] < 60


class Kept:
    """An observer that keeps the windows."""

    def __init__(self):
        self.parts, self.rows = {}, []

    def step(self, text):
        pass

    def caveat(self, caveat):
        raise AssertionError(caveat)

    def record(self, **parts):
        self.parts |= parts

    def raw(self, name, rows):
        self.rows += json.loads(json.dumps(list(rows)))


@pytest.mark.slow
def test_two_whole_windows_come_within_the_patience_of_the_meter(measured, say):
    kept = Kept()
    with watched_usage(measured, kept) as usage:
        usage.settled(1)
        began = time.monotonic()
        usage.measured(wait=True)
        took = time.monotonic() - began
    (state,) = kept.parts["pods"].states
    say(f"two windows of {state.window_seconds:.1f} s within {took:.0f} s", f"rng {state.services['rng']}")
    assert min(one.windows for one in state.services.values()) >= 2
    assert all(state.began <= row["at"] - row["window_seconds"] < row["at"] <= state.ended for row in kept.rows)
    assert 1 < state.services["rng"].cpu_millicores < 60
    assert kept.parts["pods"].cores >= 1
