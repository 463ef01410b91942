"""The kube engine's own figures on the cluster of the tests: `./dev python -m tests.cluster.benchmark`.

With DCLAB_TEST_NODES=3 they are those of three nodes; those of minikube and kind has `tests.minikube.benchmark`.
Not part of the tests, since machines are noisy; each figure stands beside what it should be.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

from kubernetes import config
from kubernetes.client import AppsV1Api

from dclab.experiments.sweep import SweepSettings
from dclab.measure.queueing import SERVICE_SECONDS
from tests.benchmark import COMMAND, line, seconds_of
from tests.cluster import lifecycle
from tests.cluster.settings import KUBECONFIG, NAME

LAB = "dclab-benchmark"
Verb = Callable[..., dict[str, Any]]
"""Runs a command of dclab on the lab, as a user does, and returns the data that it gives."""


def on_the_cluster(folder: str) -> Verb:
    """Commands on the cluster of the tests."""

    def run(verb: str, *arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            [*COMMAND, verb, *arguments, "--context", NAME, "--name", LAB, "--json"],
            check=True,
            capture_output=True,
            cwd=folder,
            env={**os.environ, "KUBECONFIG": str(KUBECONFIG)},
        )
        data: dict[str, Any] = json.loads(done.stdout)["data"]
        return data

    return run


def of_life(run: Verb, rounds: int = 3) -> None:
    """A lab's way up and down on a ready cluster with images in place."""
    ups, downs = [], []
    for _ in range(rounds):
        ups.append(seconds_of(lambda: run("up", "--yes")))
        downs.append(seconds_of(lambda: run("down")))
    line(f"up, until hashes are counted, median of {rounds}", f"{statistics.median(ups):.1f} s", "≤ 20 s")
    line(f"down, median of {rounds}", f"{statistics.median(downs):.1f} s", "")


def of_status(run: Verb, pods: str = "6 pods", wanted: str = "≤ 1 s", rounds: int = 9) -> None:
    """What a look costs."""
    looks = [seconds_of(lambda: run("status")) for _ in range(rounds)]
    line(f"status, {pods}, median of {rounds}", f"{statistics.median(looks):.2f} s", wanted)


def of_many_pods(run: Verb) -> None:
    """The same with more of them than fit, the rest of which is pending."""
    apps = AppsV1Api(config.new_client_from_config(str(KUBECONFIG), NAME))
    for pods, wanted in ((10, "≤ 1 s"), (100, "≤ 1 s"), (300, "≤ 2 s")):
        apps.patch_namespaced_deployment_scale("worker", LAB, {"spec": {"replicas": pods - 5}})
        time.sleep(5 + pods / 20)  # for them to be made
        of_status(run, f"{pods} pods", wanted)
    apps.patch_namespaced_deployment_scale("worker", LAB, {"spec": {"replicas": 1}})


def of_a_sweep(run: Verb) -> None:
    """What the command takes beside waiting for pods, letting the queue form, and sampling."""
    settings = SweepSettings()
    found: dict[str, Any] = {}
    spent = seconds_of(lambda: found.update(run("scale-sweep")))
    points = found["sweep"]["points"]
    waiting = sum(one["ready_seconds"] for one in points)
    settling = sum(settings.settle + 2 * one["workers"] * SERVICE_SECONDS for one in points)
    sampling = sum(one["seconds"] for one in points)
    own = spent - waiting - settling - sampling
    line("scale-sweep of six points", f"{spent:.0f} s", "")
    line("  pods, queues, samples", f"{waiting:.0f} + {settling:.0f} + {sampling:.0f} s", "")
    line("  everything else", f"{own:.1f} s, {100 * own / spent:.1f} %", "≤ 5 %")
    for one in points:
        rate = one["hashes_per_second"]
        half = (rate["ci95_high"] - rate["ci95_low"]) / 2
        line(f"  {one['workers']} workers", f"{rate['mean']:.2f} ± {half:.2f} hashes/s", "")


def of_latency(run: Verb) -> None:
    """What a probe takes with ten workers, and what that says."""
    found = run("latency")
    for service, one in found["latency"].items():
        line(f"probe of {service}, 10 workers, mean", f"{one['probe']['mean']:.1f} ms", "")
    line("  the verdict", str(found["bottleneck"]["service"]), "rng")


def main() -> None:
    """Measure everything in a namespace of its own."""
    ran = lifecycle.running()
    lifecycle.up()
    with tempfile.TemporaryDirectory() as folder:
        run = on_the_cluster(folder)
        try:
            of_life(run)
            run("up", "--yes")
            of_a_sweep(run)
            of_latency(run)
            of_many_pods(run)
        finally:
            run("down")
    if not ran:
        lifecycle.down()


if __name__ == "__main__":
    main()
