"""The rate as dclab measures it, held to what rng itself counts, in a live lab that nobody disturbs.

    python -m tests.measure.truth --workers 10 --rngs 1 --minutes 10
    python -m tests.measure.truth --workers 10 --rngs 1 --minutes 10 --busy

The truth of a window is the rate that the lab has in the long run under the same conditions. On a quiet machine that is
rng's count over the whole run: exact counts between exact times, of every rng, added up. Where chance sends each call
to one of several rngs, the run has to be long, since the rate wanders by itself; how well the run's own rate is known
is said. On a busy machine the conditions drift, and no single rate is true of every window: with `--busy` a window is
also held to rng's count over the two minutes around it, which is what its interval claims to know. Both are printed, and how
far the windows are from what rng counted in the same seconds: the estimator's own error, without the process' chance
and without the machine's drift.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from dclab.engines.embedded import launch
from dclab.engines.embedded.client import EmbeddedLab
from dclab.engines.embedded.wire import Settings
from dclab.experiments.lab_window import measure_rate
from dclab.loopback import LOOPBACK
from dclab.results import Caveat, Rate
from tests.measure.busy import busy

EVERY = 5.0
"""Seconds between two questions to each rng: a millisecond of its time each."""

STRETCHES = 10
"""Parts of the run whose rates say how well that of all of it is known."""

AROUND = 120.0
"""Seconds around a window from which its truth is taken while the machine is busy."""


class Tally(NamedTuple):
    """What one rng has told."""

    last: float
    """Unix seconds at which it had served the last of them."""
    served: int


class Measured(NamedTuple):
    """One window of dclab's."""

    begin: float
    end: float
    rate: Rate
    counted: float
    """What rng counted a second in the same seconds and up to one more: the rate that there was, chance included."""


class Tallies(threading.Thread):
    """Asks every rng again and again, each at its own port: behind the service, one would answer for another."""

    def __init__(self, lab: EmbeddedLab) -> None:
        super().__init__(daemon=True)
        self.ports = [one.port for one in lab.about().replicas["rng"]]
        self.told: dict[int | None, list[Tally]] = {port: [] for port in self.ports}
        self.failed = False
        self._over = threading.Event()
        self._one_at_a_time = threading.Lock()

    def run(self) -> None:
        """Ask until `stop`."""
        try:
            while not self._over.is_set():
                self.ask()
                self._over.wait(EVERY)
        except (OSError, ValueError):
            self.failed = True

    def ask(self) -> None:
        """Ask each once."""
        with self._one_at_a_time:
            self._ask_each()

    def _ask_each(self) -> None:
        for port in self.ports:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/served", timeout=30) as answer:
                told = json.load(answer)
            self.told[port].append(Tally(told["last"], told["served"]))

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()
        self.join()


def served_per_second(told: Sequence[Tally], begin: float, end: float) -> float:
    """Return the rate of one rng between the tallies nearest to two moments: exact counts between exact times.

    NaN where there are not two of them.
    """
    first = min(told, key=lambda one: abs(one.last - begin))
    last = min(told, key=lambda one: abs(one.last - end))
    return (last.served - first.served) / (last.last - first.last) if last.last > first.last else math.nan


def truth(tallies: dict[int | None, list[Tally]], begin: float, end: float) -> float:
    """Return the rate of all rngs between two moments."""
    return sum(served_per_second(told, begin, end) for told in tallies.values())


class Quiet:
    """An observer that only counts what was to be said."""

    def __init__(self) -> None:
        self.caveats: list[Caveat] = []

    def step(self, text: str) -> None: ...
    def record(self, **parts: object) -> None: ...
    def raw(self, name: str, rows: object) -> None: ...
    def picture(self, name: str, png: bytes) -> None: ...

    def caveat(self, caveat: Caveat) -> None:
        """Keep it."""
        self.caveats.append(caveat)


def measured(lab: EmbeddedLab, tallies: Tallies, until: float, longest: float, observer: Quiet) -> list[Measured]:
    """Windows one after the other, at moments that have nothing to do with the workers'."""
    found = []
    while time.time() < until:
        time.sleep(random.uniform(0, 1))
        tallies.ask()
        begin = time.time()
        rate = measure_rate(lab, longest, observer, "truth").rate
        end = time.time()
        tallies.ask()
        found.append(Measured(begin, end, rate, truth(tallies.told, begin, time.time())))
    return found


def held(found: Sequence[Measured], truths: Sequence[float], against: str) -> None:
    """Print how the windows compare with what was true of each."""
    inside = sum(one.rate.ci95_low <= true <= one.rate.ci95_high for one, true in zip(found, truths, strict=True))
    errors = [one.rate.mean / true - 1 for one, true in zip(found, truths, strict=True)]
    say(f"against {against}")
    say("  covered", f"{inside} of {len(found)} ({100 * inside / len(found):.1f} %)")
    say("  error, rms", f"{100 * math.sqrt(statistics.fmean(one * one for one in errors)):.2f} %")
    say("  bias", f"{100 * statistics.fmean(errors):+.2f} %")


def say(name: str, value: str = "") -> None:
    """Print a figure."""
    print(f"{name:<48}{value:>28}".rstrip(), flush=True)  # noqa: T201


def summarise(found: Sequence[Measured], tallies: dict[int | None, list[Tally]], *, busy: bool) -> None:
    """Print everything."""
    begin = max(told[0].last for told in tallies.values())
    end = min(told[-1].last for told in tallies.values())
    whole = truth(tallies, begin, end)
    count = min(STRETCHES, int((end - begin) / (3 * EVERY)))
    parts = [truth(tallies, *pair) for pair in pairwise(begin + (end - begin) * n / count for n in range(count + 1))]
    spread = statistics.stdev(parts) / whole
    say(
        "true rate, by rng's count, over the whole run",
        f"{whole:.3f} ± {196 * spread / math.sqrt(count):.2f} % hashes/s",
    )
    say(f"  spread of its {count} parts", f"{100 * spread:.2f} %")
    say("windows", str(len(found)))
    half = [one.rate.relative_half_width for one in found]
    say("  stated half width, mean; widest", f"{100 * statistics.fmean(half):.2f} %; {100 * max(half):.2f} %")
    say("  seconds, mean", f"{statistics.fmean(one.end - one.begin for one in found):.1f}")
    say("  at their longest", f"{100 * statistics.fmean(one.rate.on_cap for one in found):.0f} %")
    say("  called unstable", f"{100 * statistics.fmean(one.rate.unstable for one in found):.0f} %")
    say("  not known who reported", f"{100 * statistics.fmean(one.rate.reports is None for one in found):.0f} %")
    held(found, [whole] * len(found), "the rate of the whole run")
    held(found, [one.counted for one in found], "what rng counted in the same seconds")
    if busy:
        around = []
        for one in found:
            low = min(max(begin, (one.begin + one.end - AROUND) / 2), max(begin, end - AROUND))
            around.append(truth(tallies, low, low + AROUND))
        held(found, around, f"the rate of the {AROUND:g} s around each window")


def parsed() -> argparse.Namespace:
    """What is wanted."""
    parser = argparse.ArgumentParser(prog="python -m tests.measure.truth", description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=10)
    parser.add_argument("--rngs", type=int, default=1)
    parser.add_argument("--load-balancing", default="random", choices=EmbeddedLab.load_balancing_policies)
    parser.add_argument("--minutes", type=float, help="of the run; by default 10 with one rng, else 30")
    parser.add_argument("--longest", type=float, default=30.0, help="seconds of a window at most")
    parser.add_argument("--busy", action="store_true", help="keep all processors busy meanwhile")
    parser.add_argument("--out", type=Path, help="a file for the windows and what rng told, as JSON lines")
    asked = parser.parse_args()
    asked.minutes = asked.minutes or (10.0 if asked.rngs == 1 else 30.0)
    if asked.minutes < 1:
        parser.error("a truth takes a minute at least")
    return asked


def write(file: Path, found: Sequence[Measured], tallies: dict[int | None, list[Tally]]) -> None:
    """Keep what everything was computed from."""
    rows: list[object] = [one._asdict() | {"rate": vars(one.rate)} for one in found]
    rows += [{"rng": port, "last": one.last, "served": one.served} for port, told in tallies.items() for one in told]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def main() -> int:
    """Run a lab of its own; 1 when it was disturbed."""
    asked = parsed()
    seconds = 60 * asked.minutes
    observer = Quiet()
    with tempfile.TemporaryDirectory(prefix="dct-") as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        lab, _ = launch.start(Settings(name="truth"))
        try:
            lab.ready()
            lab.scale("rng", asked.rngs)
            lab.scale("worker", asked.workers)
            lab.set_load_balancing(asked.load_balancing)
            say(
                f"{asked.workers} workers, rng x{asked.rngs}, {asked.load_balancing},"
                f" {asked.minutes:g} min, {'all processors busy' if asked.busy else 'quiet'}"
            )
            with busy(seconds + 120) if asked.busy else nullcontext():
                time.sleep(4 + 0.2 * asked.workers)
                before = replicas(lab)
                tallies = Tallies(lab)
                tallies.ask()
                tallies.start()
                cpu, began = time.process_time(), time.monotonic()
                found = measured(lab, tallies, time.time() + seconds, asked.longest, observer)
                cpu = (time.process_time() - cpu) / (time.monotonic() - began)
                tallies.stop()
                tallies.ask()
            disturbed = tallies.failed or replicas(lab) != before
        finally:
            lab.down()
    if asked.out:
        write(asked.out, found, tallies.told)
    summarise(found, tallies.told, busy=asked.busy)
    say("own CPU while measuring", f"{100 * cpu:.1f} % of a core")
    for code in sorted({one.code for one in observer.caveats}):
        say(f"  caveat {code}", str(sum(one.code == code for one in observer.caveats)))
    if disturbed:
        say("Something was restarted meanwhile: this run is no truth.")
    return int(disturbed)


def replicas(lab: EmbeddedLab) -> dict[str, object]:
    """Which there are, and how often each was restarted."""
    return {name: {(one.name, one.restarts) for one in found} for name, found in lab.about().replicas.items()}


if __name__ == "__main__":
    sys.exit(main())
