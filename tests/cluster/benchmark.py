"""The kube engine's own figures on the cluster of the tests: `./dev python -m tests.cluster.benchmark`.

Not part of the tests, since machines are noisy; each figure stands beside what it should be.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from typing import Any

from dclab.experiments.sweep import SweepSettings
from dclab.measure.queueing import SERVICE_SECONDS
from tests.benchmark import COMMAND, line, seconds_of
from tests.cluster import lifecycle
from tests.cluster.settings import KUBECONFIG, NAME

WHERE = ("--context", NAME, "--name", "dclab-benchmark")


def run(folder: str, verb: str, *arguments: str) -> dict[str, Any]:
    """A command of dclab, as a user runs it; the data it gives."""
    done = subprocess.run(
        [*COMMAND, verb, *arguments, *WHERE, "--json"],
        check=True,
        capture_output=True,
        cwd=folder,
        env={**os.environ, "KUBECONFIG": str(KUBECONFIG)},
    )
    data: dict[str, Any] = json.loads(done.stdout)["data"]
    return data


def of_life(folder: str, rounds: int = 3) -> None:
    """A lab's way up and down on a ready cluster with images in place."""
    ups, downs = [], []
    for _ in range(rounds):
        ups.append(seconds_of(lambda: run(folder, "up", "--yes")))
        downs.append(seconds_of(lambda: run(folder, "down")))
    line(f"up, until hashes are counted, median of {rounds}", f"{statistics.median(ups):.1f} s", "≤ 20 s")
    line(f"down, median of {rounds}", f"{statistics.median(downs):.1f} s", "")


def of_status(folder: str, rounds: int = 10) -> None:
    """What a look costs."""
    looks = [seconds_of(lambda: run(folder, "status")) for _ in range(rounds)]
    line(f"status, median of {rounds}", f"{statistics.median(looks):.2f} s", "≤ 1 s")
    line("  slowest", f"{max(looks):.2f} s", "")


def of_a_sweep(folder: str) -> None:
    """What the command takes beside waiting for pods, letting the queue form, and sampling."""
    settings = SweepSettings()
    found: dict[str, Any] = {}
    spent = seconds_of(lambda: found.update(run(folder, "scale-sweep")))
    points = found["sweep"]["points"]
    waiting = sum(one["ready_seconds"] for one in points)
    settling = sum(settings.settle + 2 * one["workers"] * SERVICE_SECONDS for one in points)
    sampling = sum(one["seconds"] for one in points)
    own = spent - waiting - settling - sampling
    line("scale-sweep of six points", f"{spent:.0f} s", "")
    line("  pods, queues, samples", f"{waiting:.0f} + {settling:.0f} + {sampling:.0f} s", "")
    line("  everything else", f"{own:.1f} s, {100 * own / spent:.1f} %", "≤ 5 %")


def main() -> None:
    """Measure everything in a namespace of its own."""
    ran = lifecycle.running()
    lifecycle.up()
    with tempfile.TemporaryDirectory() as folder:
        try:
            of_life(folder)
            run(folder, "up", "--yes")
            of_status(folder)
            of_a_sweep(folder)
        finally:
            run(folder, "down")
    if not ran:
        lifecycle.down()


if __name__ == "__main__":
    main()
