"""The product's own figures, measured on this machine: `./dev python -m tests.benchmark`.

Not part of the tests, since machines are noisy; each figure stands beside what it should be.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from apps.resp import Redis
from dclab import manifests
from dclab.engines.embedded import launch
from dclab.engines.embedded.client import EmbeddedLab
from dclab.engines.embedded.container import redis_password
from dclab.engines.embedded.usage import cpu_seconds
from dclab.engines.embedded.wire import Settings
from dclab.experiments.sweep import SweepSettings, run_sweep
from dclab.lab import LoadSpec
from dclab.loopback import LOOPBACK
from dclab.results import Caveat
from tests.measure.busy import busy

HEAVY = ("hdrh", "jinja2", "kubernetes", "matplotlib", "msgspec", "numpy", "prometheus_api_client", "requests", "yaml")


class Nobody:
    """An observer that keeps nothing."""

    def step(self, text: str) -> None: ...
    def caveat(self, caveat: Caveat) -> None: ...
    def record(self, **parts: object) -> None: ...
    def raw(self, name: str, rows: object) -> None: ...
    def picture(self, name: str, png: bytes) -> None: ...


COMMAND = (sys.executable, "-c", "from dclab.cli import main; main()")


def seconds_of(action: Callable[[], object]) -> float:
    """Wall time of one call."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def get(port: int) -> None:
    """One request on a connection of its own, as the workers make it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/")
    connection.getresponse().read()
    connection.close()


def hop(port: int, direct: int, rounds: int = 500) -> tuple[float, float]:
    """Median milliseconds through the service and straight to its replica, taken in turn."""
    through, straight = [], []
    for _ in range(rounds):
        straight.append(1000 * seconds_of(lambda: get(direct)))
        through.append(1000 * seconds_of(lambda: get(port)))
    return statistics.median(through), statistics.median(straight)


def listening_port(pid: int) -> int:
    """The port a replica listens on."""
    return next(one.laddr.port for one in psutil.Process(pid).net_connections() if one.status == psutil.CONN_LISTEN)


def line(what: str, found: str, wanted: str) -> None:
    """One row."""
    print(f"{what:<58}{found:>22}   {wanted}", flush=True)  # noqa: T201


def of_the_command_line() -> None:
    """Start-up."""

    def ask() -> None:
        subprocess.run([*COMMAND, "--help"], check=True, capture_output=True)

    help_seconds = [seconds_of(ask) for _ in range(12)][2:]
    line("dclab --help, median of 10", f"{statistics.median(help_seconds):.3f} s", "≤ 0.25 s")
    asked = "import sys, dclab.cli.app; print(*sorted({one.split('.')[0] for one in sys.modules} & set(sys.argv[1:])))"
    found = subprocess.run([sys.executable, "-c", asked, *HEAVY], check=True, capture_output=True, text=True).stdout
    line("heavy libraries that the command line imports at once", found.strip() or "none", "none")


def of_a_sweep(lab: EmbeddedLab) -> None:
    """The six points of the exercise to ±2 %, against fixed windows."""
    settings = SweepSettings()
    begin = time.perf_counter()
    sweep = run_sweep(lab, settings, Nobody())
    spent = time.perf_counter() - begin
    fixed = sum(settings.seconds + settings.settle + 0.1 * one.workers + one.ready_seconds for one in sweep.points)
    worst = max(one.hashes_per_second.relative_half_width for one in sweep.points)
    line("sweep of six points, beside fixed windows of 30 s", f"{spent:.0f} of {fixed:.0f} s", "≤ 20 %")
    line("  of that", f"{100 * spent / fixed:.0f} %", "")
    line("  widest interval", f"± {100 * worst:.1f} %", "≤ 2 %")
    law = ", ".join(f"{one.workers}: {one.littles_law:.2f}" for one in sweep.points if one.littles_law is not None)
    line("  workers that Little's law accounts for", law, "")


def cores(lab: EmbeddedLab, seconds: float) -> tuple[float, float]:
    """How many cores the supervisor and the data path use, over so many seconds."""
    about = lab.about()
    pids = about.pid, about.proxy_pid
    time.sleep(3)
    began, before = time.monotonic(), [cpu_seconds(pid) for pid in pids]
    time.sleep(seconds)
    spent = time.monotonic() - began
    supervisor, proxy = ((cpu_seconds(pid) - one) / spent for pid, one in zip(pids, before, strict=True))
    return supervisor, proxy


def of_a_lab(lab: EmbeddedLab) -> None:
    """Scaling, the data path, what it all costs."""
    scaling = []
    for _ in range(3):
        lab.scale("worker", 1)
        scaling.append(seconds_of(lambda: lab.scale("worker", 10)))
    line("scale worker 1 → 10, ready, median of 3", f"{statistics.median(scaling):.2f} s", "≤ 3 s")

    for workers, wanted in ((10, "≤ 5 %"), (1, "≤ 0.5 %")):
        lab.scale("worker", workers)
        supervisor, proxy = cores(lab, 15)
        line(f"supervisor with {workers} workers", f"{100 * supervisor:.2f} % of a core", wanted)
        line(f"data path with {workers} workers", f"{100 * proxy:.2f} % of a core", "")
    lab.scale("worker", 10)
    memory = [psutil.Process(one.pid).memory_info().rss / 1e6 for one in lab.about().replicas["worker"]]
    line("memory of a worker, largest of 10", f"{max(memory):.1f} MB", "≤ 45 MB")

    lab.scale("worker", 1)
    through, straight = hop(lab.about().ports["hasher"], listening_port(lab.about().replicas["hasher"][0].pid))
    line("a service's hop, median of 500", f"{through - straight:.3f} ms", "≤ 0.5 ms")

    lab.scale("worker", 10)
    lab.apply_autoscaler(manifests.autoscaler("rng"))
    job = lab.start_load(LoadSpec(target="hasher", seconds=20, concurrent=50))
    while job.status().state == "running":
        time.sleep(0.5)
    rate = next((one.split(":")[1] for one in job.log().splitlines() if "ransaction_rate" in one), "?")
    delay = lab.about().control_loop_worst_delay_seconds
    line("control loop late by, at worst, 20 s of 50 users on hasher", f"{1000 * delay:.1f} ms", "≤ 1 s")
    line("  requests per second of that siege", rate.strip(" ,\t"), "")


def reported(lab: EmbeddedLab, seconds: float) -> list[float]:
    """Milliseconds from each INCRBY, as it is seen in Redis within 0.2 ms, to the stamp of the worker's line before it."""
    (one,) = lab.about().replicas["redis"]
    redis = Redis((LOOPBACK, one.port or 0), password=redis_password(lab.folder))
    counted: list[tuple[float, int]] = []
    begin = time.time()
    before = int(redis.ask("GET", "hashes") or 0)
    while time.time() < begin + seconds:
        time.sleep(0.0001)
        now = int(redis.ask("GET", "hashes") or 0)
        if now != before:
            counted.append((time.time(), now - before))
            before = now
    redis.close()
    stamped = [(one.t, one.units) for one in lab.worker_reports(begin + 0.5) or () if one.t < begin + seconds - 0.5]
    return [min((1000 * (t - at) for at, of in counted if of == units), key=abs) for t, units in stamped if units]


def of_reports(lab: EmbeddedLab) -> None:
    """How exactly the supervisor stamps reports: their lines come some tenths of a millisecond before the INCRBY."""
    lab.scale("worker", 10)
    for name, keep in (("quiet", contextlib.nullcontext()), ("both processors busy", busy(60))):
        with keep:
            off = sorted(reported(lab, 30))
        line(
            f"report's stamp from its INCRBY, {name}: median; 98 % within",
            f"{statistics.median(off):.2f} ms; {off[len(off) // 100]:.2f} to {off[-1 - len(off) // 100]:.2f} ms",
            "",
        )
        line("  worst, of so many", f"{off[0]:.1f} to {off[-1]:.1f} ms, {len(off)}", "")


def main() -> None:
    """Measure everything in a lab of its own."""
    line(f"{platform.system()} {platform.release()}, {os.cpu_count()} CPUs, Python {platform.python_version()}", "", "")
    of_the_command_line()
    with tempfile.TemporaryDirectory(prefix="dcb-") as folder:
        os.environ["XDG_RUNTIME_DIR"] = str(Path(folder))
        begin = time.perf_counter()
        lab, _ = launch.start(Settings(name="benchmark", clock_speed=5))
        try:
            lab.ready()
            line("up, until hashes are counted", f"{time.perf_counter() - begin:.2f} s", "")
            of_a_sweep(lab)
            of_reports(lab)
            of_a_lab(lab)
        finally:
            line("down", f"{seconds_of(lab.down):.2f} s", "")


if __name__ == "__main__":
    main()
