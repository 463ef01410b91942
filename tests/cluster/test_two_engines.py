"""The same experiments on both engines: the same lab, so the same numbers."""

from __future__ import annotations

import os

import pytest

from dclab.engines.embedded import launch as embedded
from dclab.engines.embedded.wire import Settings
from dclab.engines.kube import launch as kube
from dclab.engines.kube.cluster.images import BUILD, Images
from dclab.experiments.latency import LatencySettings, run_latency
from dclab.experiments.sweep import SweepSettings, run_sweep
from tests.cluster.settings import KUBECONFIG, NAME

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("own_cluster")]

WORKERS = (1, 3, 10)


class Quiet:
    """An observer that keeps nothing."""

    def step(self, text):
        pass

    def caveat(self, caveat):
        pass

    def record(self, **parts):
        pass

    def raw(self, name, rows):
        list(rows)

    def picture(self, name, png):
        pass


def measured(lab):
    """The figures of the exercise's first half: (name, value, tolerance)."""
    lab.ready(60)
    sweep = run_sweep(lab, SweepSettings(workers=WORKERS, seconds=20.0), Quiet())
    latency = run_latency(lab, LatencySettings(count=40, workers=(10,)), Quiet())
    found = {f"{one.workers} workers, hashes/s": one.hashes_per_second.mean for one in sweep.points}
    for target, each in latency.items():
        found[f"{target} call, ms"] = each.call.mean
    found["rng probe, ms"] = latency["rng"].probe.mean
    return found


@pytest.mark.timeout(600)
def test_rates_within_5_and_latencies_within_10_percent(cluster, say):
    lab, _ = embedded.start(Settings(name="two-engines"))
    try:
        here = measured(lab)
    finally:
        lab.down()
    os.environ["KUBECONFIG"], before = str(KUBECONFIG), os.environ.get("KUBECONFIG")
    try:
        lab, _ = kube.start(kube.place(NAME, "dclab-two-engines"), Images(BUILD), lambda _: None)
        there = measured(lab)
    finally:
        lab.down()
        if before is None:
            del os.environ["KUBECONFIG"]
        else:
            os.environ["KUBECONFIG"] = before
    say(
        f"{'':24}{'embedded':>10}{'kube':>10}{'ratio':>8}",
        *(f"{name:24}{here[name]:10.2f}{there[name]:10.2f}{there[name] / here[name]:8.3f}" for name in here),
    )
    for name, value in here.items():
        assert there[name] == pytest.approx(value, rel=0.05 if name.endswith("hashes/s") else 0.10), name
