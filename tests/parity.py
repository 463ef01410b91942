"""Our instruments beside the exercise's own tools, taken in turn within one run: `./dev python -m tests.parity`.

Not part of the tests, since machines are noisy. Needs Debian's httping and siege, except for the probes of a server that
lingers as the original rng's does: `./dev python -m tests.parity lingering`.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from dclab.engines.embedded import launch
from dclab.engines.embedded.client import EmbeddedLab
from dclab.engines.embedded.wire import Settings
from dclab.lab import ProbeSpec
from dclab.measure.latency import summarise
from dclab.measure.probe import probe_url
from dclab.measure.siege import parse_siege
from dclab.paths import shipped
from tests.measure.lingering import Lingering, Served, lingering, share_taken

PAIRS = 150


def say(text: str) -> None:
    """One line."""
    print(text, flush=True)  # noqa: T201


def httping(url: str) -> float | None:
    """Milliseconds of one GET by httping."""
    done = subprocess.run(
        ["httping", "-m", "-G", "-i", "0.01", "-c", "1", "-g", url], check=False, capture_output=True, text=True
    )
    found = re.search(r"\d+\.\d+", done.stdout)
    return float(found.group()) if found else None


def of_latency(what: str, url: str, wanted: str) -> None:
    """Medians of both, one request of each in turn, each first every other time."""
    ours: list[float] = []
    theirs: list[float] = []
    for index in range(PAIRS):
        for tool in ("dclab", "httping") if index % 2 else ("httping", "dclab"):
            if tool == "httping":
                theirs += [one for one in [httping(url)] if one is not None]
            else:
                ours += [one.total_ms for one in probe_url(url, ProbeSpec(count=1)) if one.total_ms is not None]
            time.sleep(0.01 + 0.05 * (index % 7) / 7)
    mine, other = statistics.median(ours), statistics.median(theirs)
    shown = f"{mine:8.2f} ms{other:10.2f} ms{100 * (mine / other - 1):+8.1f} %{mine - other:+8.2f} ms"
    say(f"{what:<44}{shown}   n = {len(ours)}, {len(theirs)}   {wanted}")


def _sieged(command: Sequence[str], seconds: int) -> subprocess.CompletedProcess[str]:
    """Run a load test; once more where it hangs at its end, as siege does now and then."""
    with tempfile.TemporaryDirectory() as home:
        how: dict[str, Any] = {"cwd": shipped(), "env": {**os.environ, "HOME": home}}
        for _ in range(3):
            with contextlib.suppress(subprocess.TimeoutExpired):
                return subprocess.run(command, check=False, capture_output=True, text=True, timeout=seconds + 20, **how)
    raise SystemExit(f"{command[0]} hung three times.")


def of_load(what: str, url: str, seconds: int, wanted: str) -> None:
    """Transactions per second and CPU of siege and of the built-in generator, twice each in turn."""
    rates: dict[str, list[float]] = {"siege": [], "built-in": []}
    cpu: dict[str, float] = dict.fromkeys(rates, 0.0)
    for tool in ("siege", "built-in") * 2:
        program = ["siege", "--no-parser"] if tool == "siege" else [sys.executable, "-m", "apps.siege"]
        before = psutil.Process().cpu_times()
        done = _sieged([*program, "--benchmark", "--concurrent=15", f"--time={seconds}S", url], seconds)
        after = psutil.Process().cpu_times()
        cpu[tool] += (after.children_user + after.children_system - before.children_user - before.children_system) / (
            2 * seconds
        )
        rates[tool].append(parse_siege(done.stdout + done.stderr).transaction_rate)
    ours, theirs = (statistics.fmean(rates[name]) for name in ("built-in", "siege"))
    say(
        f"{what:<44}{ours:8.1f} /s{theirs:10.1f} /s{ours / theirs:8.2f} ×   CPU {100 * cpu['built-in']:.0f} % and "
        f"{100 * cpu['siege']:.0f} % of a core   {wanted}"
    )


def of_a_stall() -> None:
    """What a stop of a server for 1.4 s, within 4 s of requests, does to each kind of loop; a lab would replace one that hangs."""
    with lingering(0) as server:

        def stall() -> None:
            time.sleep(1.0)
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(1.4)
            server.process.send_signal(signal.SIGCONT)

        for loop, rate in (("closed", None), ("open, 20 a second", 20.0)):
            stalling = threading.Thread(target=stall)
            stalling.start()
            spec = ProbeSpec(count=80, interval=0.05, rate=rate)
            found = summarise(list(probe_url(f"http://127.0.0.1:{server.port}/", spec)), rate)
            stalling.join()
            say(f"stopped for 1.4 s, {loop:<22}   p50 {found.p50:.1f}, p95 {found.p95:.0f}, p99 {found.p99:.0f} ms")


def of_a_lingering_server(callers: int, seconds: float, loop: str, rate: float | None) -> None:
    """Probes of a one-thread server, the truth being its own times, and the calls that it serves with and without them.

    In ABBA order, twice: without probes, with, with, without.
    """
    with lingering(callers) as server:
        time.sleep(4)
        windows = [_window(server, seconds, probed, rate) for probed in (False, True, True, False) * 2]
    quiet = [seen for _, seen in windows if not any(one.path == "/" for one in seen)]
    probed = [(times, seen) for times, seen in windows if times]
    mean = statistics.fmean(one for times, _ in probed for one in times)
    truth = statistics.fmean(
        1000 * (one.answered - one.arrived) for _, seen in probed for one in seen if one.path == "/"
    )
    before, during = (statistics.fmean(map(_calls, seen)) for seen in (quiet, [seen for _, seen in probed]))
    taken = statistics.fmean(share_taken(seen) for _, seen in probed)
    say(
        f"{callers} workers' calls, {loop:<14}{mean:8.1f} ms, truth {truth:.1f} ({100 * (mean / truth - 1):+.1f} %, within 3 %); "
        f"calls {during:.3f} /s, {before:.3f} without ({100 * (during / before - 1):+.2f} %); "
        f"probes hold the server for {100 * taken:.2f} % of the time (≤ 0.5 %)   n = {sum(len(times) for times, _ in probed)}"
    )


def _window(server: Lingering, seconds: float, probed: bool, rate: float | None) -> tuple[list[float], list[Served]]:
    """Milliseconds of the probes in a window, and what the server has served in it."""
    before = len(server.served())
    begin = time.monotonic()
    times: list[float] = []
    while probed and time.monotonic() < begin + seconds:
        spec = ProbeSpec(count=5, rate=rate)
        times += [
            one.total_ms for one in probe_url(f"http://127.0.0.1:{server.port}/", spec) if one.total_ms is not None
        ]
        time.sleep(spec.interval)
    time.sleep(max(0.0, begin + seconds - time.monotonic()))
    return times, server.served()[before:]


def _calls(seen: Sequence[Served]) -> float:
    """Workers' calls a second, from the first answered to the last."""
    times = [one.answered for one in seen if one.path != "/"]
    return (len(times) - 1) / (times[-1] - times[0])


def _lingering() -> None:
    for callers in (3, 10):
        of_a_lingering_server(callers, 15, "one by one", None)
    of_a_lingering_server(10, 15, "2 a second", 2.0)


def _measure(lab: EmbeddedLab) -> None:
    say(f"{'':44}{'dclab':>8}{'httping or siege':>18}")
    lab.scale("worker", 0)
    of_latency("a target of 100 ms (rng's /32)", f"{lab.url('rng')}/32", "within 3 %")
    of_latency("a target of half a ms (hasher's /)", lab.url("hasher"), "within 0.2 ms")
    of_a_stall()
    lab.scale("worker", 5)
    time.sleep(4)
    of_latency("a target that queues (rng's /, 5 workers)", lab.url("rng"), "within 3 %")
    lab.scale("worker", 10)
    time.sleep(5)
    of_load("a siege of rng's /, 10 workers, 15 users", lab.url("rng"), 60, "within 3 %")
    lab.scale("worker", 0)
    of_load("a siege of hasher's /, 15 users", lab.url("hasher"), 8, "≥ 0.5 ×")


def main() -> None:
    """Measure everything in a lab of its own."""
    say("a server of one thread that waits 10 ms for its clients to close:")
    _lingering()
    if "lingering" in sys.argv:
        return
    with tempfile.TemporaryDirectory(prefix="dcp-") as folder:
        os.environ["XDG_RUNTIME_DIR"] = str(Path(folder))
        lab, _ = launch.start(Settings(name="parity"))
        try:
            lab.ready()
            _measure(lab)
        finally:
            lab.down()


if __name__ == "__main__":
    main()
