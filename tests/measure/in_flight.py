"""In-flight and requests as the exporter and the data path count them, beside what a closed loop holds open and is answered.

    ./dev python -m tests.measure.in_flight --seconds 20

The exporter runs beside rng in a network namespace of its own, with a TCP probe each 2 s as the kubelet's: that needs root, or
user namespaces. Its CPU and memory are printed, too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator

from dclab.engines.embedded.listeners import free_port
from dclab.paths import shipped
from tests.closed_loop import ClosedLoop
from tests.proxies import Proxy

LOADS = [(1, 1), (3, 1), (10, 1), (30, 1), (10, 10), (30, 10)]
"""Users at a time, and threads of rng."""


def beside(seconds: float, users: int, threads: int) -> dict[str, float]:
    """What the exporter counts."""
    command = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    arguments = [sys.executable, "-m", "tests.apps.in_a_pod", str(seconds), str(users), str(threads), "2"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True, cwd=shipped())
    return json.loads(done.stdout)


def through(seconds: float, users: int, threads: int) -> dict[str, float]:
    """What the data path counts."""
    port, proxy = free_port(), Proxy()
    environment = {**os.environ, "PORT": str(port), "THREADS": str(threads)}
    rng = subprocess.Popen([sys.executable, "-m", "apps.rng"], env=environment, cwd=shipped())
    try:
        time.sleep(1.0)
        proxy.state(rng=[port])
        with ClosedLoop(proxy.port("rng"), users) as load:
            time.sleep(0.3)
            held, before = load.held(), proxy.asked(port)
            time.sleep(seconds)
            ended, after = load.held(), proxy.asked(port)
        return {
            "held": ended.mean_since(held),
            "in_flight": (after.in_flight_seconds - before.in_flight_seconds) / (after.at - before.at),
            "answered": ended.answered - held.answered,
            "requests": after.requests - before.requests,
        }
    finally:
        proxy.close()
        rng.terminate()
        rng.wait()


def rows(seconds: float) -> Iterator[str]:
    yield f"{'counted by':12}{'users':>6}{'threads':>8}{'held':>8}{'in-flight':>10}{'off':>8}{'answered':>10}{'requests':>9}{'off':>8}{'CPU':>8}{'MB':>6}"
    for name, count in (("exporter", beside), ("data path", through)):
        for users, threads in LOADS:
            found = count(seconds, users, threads)
            off = [found[a] / found[b] - 1 for a, b in (("in_flight", "held"), ("requests", "answered"))]
            cost = f"{found['cpu_share']:8.2%}{found['memory_mb']:6.1f}" if "cpu_share" in found else ""
            yield (
                f"{name:12}{users:6}{threads:8}{found['held']:8.2f}{found['in_flight']:10.2f}{off[0]:8.1%}"
                f"{found['answered']:10.0f}{found['requests']:9.0f}{off[1]:8.1%}{cost}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    for row in rows(parser.parse_args().seconds):
        print(row, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
