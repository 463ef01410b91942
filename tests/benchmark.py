"""The product's own figures, measured on this machine: `./dev python -m tests.benchmark`; `… many` those of 300 workers.

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
from dclab.engines.embedded.wire import LAB_MARK, Settings
from dclab.experiments.sweep import SweepSettings, run_sweep
from dclab.lab import LoadSpec
from dclab.loopback import LOOPBACK
from dclab.measure.simulate import lab_system, true_rate
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


MANY = 300


class Warned(Nobody):
    """An observer that keeps what the user would be warned of."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def caveat(self, caveat: Caveat) -> None:
        self.codes.append(caveat.code)


def point(lab: EmbeddedLab, workers: int, rngs: int, seconds: float) -> float:
    """One point of a sweep beside the model's rate; its wall time."""
    hashers = lab.replicas("hasher").desired
    warned = Warned()
    begin = time.perf_counter()
    (found,) = run_sweep(lab, SweepSettings(workers=(workers,), seconds=seconds), warned).points
    spent = time.perf_counter() - begin
    rate, model = found.hashes_per_second, true_rate(lab_system(workers, rngs, hashers), 30_000)
    holds = "holds" if rate.ci95_low <= model <= rate.ci95_high else "DOES NOT HOLD"
    law = "no probe" if found.littles_law is None else f"{found.littles_law:.0f}"
    line(
        f"{workers} workers, {rngs} rng, {hashers} hasher: hashes/s",
        f"{rate.mean:.1f} ± {rate.half_width:.1f}",
        f"{holds} the model's {model:.1f}; Little's law: {law} workers; warned of: {', '.join(warned.codes) or 'nothing'}",
    )
    wanted = f"≤ {2 * workers * 0.1 + 8:.0f} s" if rngs == 1 else ""
    line("  wall time of the point; until ready", f"{spent:.1f} s; {found.ready_seconds:.1f} s", wanted)
    return spent


def of_many_workers(lab: EmbeddedLab) -> None:
    """To 300 workers: starting them, what they cost, what they make, and how long that takes to measure."""
    room = lab.room("worker")
    line("room for workers", f"{room.replicas}", room.why)
    lab.scale("worker", 1)
    line(f"scale worker 1 → {MANY}, ready", f"{seconds_of(lambda: lab.scale('worker', MANY)):.1f} s", "≤ 6 s")
    memory = [psutil.Process(one.pid).memory_info().rss / 1e6 for one in lab.about().replicas["worker"]]
    line(f"memory of a worker, largest of {MANY}", f"{max(memory):.1f} MB", "≤ 19 MB")
    asked = [*COMMAND, "status", "--name", lab.name, "--engine", "embedded", "--json"]
    for workers, wanted in ((MANY, "≤ 2 s"), (100, "≤ 1 s"), (10, "≤ 1 s")):
        lab.scale("worker", workers)
        status = [seconds_of(lambda: subprocess.run(asked, check=True, capture_output=True)) for _ in range(5)]
        line(f"dclab status with {workers} workers, median of 5", f"{statistics.median(status):.2f} s", wanted)
    for workers in (1, 10, 30, 100, MANY):
        point(lab, workers, 1, 30.0)
    for rngs in (1, 30):
        lab.scale("rng", rngs)
        supervisor, proxy = cores(lab, 15)
        line(f"supervisor with {MANY} workers and {rngs} rng", f"{100 * supervisor:.2f} % of a core", "≤ 2 %")
        line("  data path", f"{100 * proxy:.2f} % of a core", "")
    for workers in (100, MANY):
        point(lab, workers, 30, 12.0)
        line("  CPU time of a hash, all processes", f"{cpu_of_a_hash(lab, 10):.1f} ms", "HASH_CPU_SECONDS")
    lab.scale("hasher", 2)
    point(lab, MANY, 30, 12.0)
    walls = []
    for workers, rngs in ((30, 10), (100, 34), (MANY, 100)):
        lab.scale("hasher", max(1, workers // 60))
        lab.scale("rng", rngs)
        walls.append(point(lab, workers, rngs, 12.0))
    line("wall time of points with rng = N / 3, longest / shortest", f"{max(walls) / min(walls):.2f}", "≤ 1.2")
    line(f"scale worker {MANY} → 1", f"{seconds_of(lambda: lab.scale('worker', 1)):.1f} s", "")
    lab.scale("worker", MANY)


def cpu_of_a_hash(lab: EmbeddedLab, seconds: float) -> float:
    """Milliseconds of CPU time that a hash takes, of all processes of the lab together."""
    about = lab.about()
    pids = [about.pid, about.proxy_pid, *(one.pid for each in about.replicas.values() for one in each)]

    def read() -> tuple[float, int]:
        return sum(cpu_seconds(pid) for pid in pids if pid), lab.counter().hashes

    (before, first), _, (after, last) = read(), time.sleep(seconds), read()
    return 1000 * (after - before) / (last - first)


def left_of(lab: EmbeddedLab) -> int:
    """How many processes bear the lab's mark."""
    mark = f"{LAB_MARK}={lab.folder}".encode()
    found = 0
    for one in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            found += mark in one.read_bytes().split(b"\0")
    return found


def many() -> None:
    """Measure what so many workers take, in a lab of their own."""
    with tempfile.TemporaryDirectory(prefix="dcb-") as folder:
        os.environ["XDG_RUNTIME_DIR"] = os.environ["XDG_STATE_HOME"] = str(Path(folder))
        lab, _ = launch.start(Settings(name="benchmark"))
        try:
            lab.ready()
            of_many_workers(lab)
        finally:
            line(f"down with {MANY} workers", f"{seconds_of(lab.down):.1f} s", "")
            line("  processes that are left", f"{left_of(lab)}", "0")


def main() -> None:
    """Measure everything in a lab of its own."""
    if sys.argv[1:] == ["many"]:
        many()
        return
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
