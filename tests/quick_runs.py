"""Quick runs in a row, as a user makes them, and what each concluded: `./dev python -m tests.quick_runs [RUNS]`.

Each is `dclab run --quick` from Enter to the report. With `--rng-threads 10` or `--hasher-threads 1` they run against a lab
that is spoiled so: its bottleneck is another, and rng must not be named wrongly. Not part of the tests: a machine is noisy,
and a run takes a minute.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dclab.engines.embedded import launch
from dclab.engines.embedded.wire import Settings
from dclab.run_folder import load_results

COMMAND = (sys.executable, "-m", "dclab", "run", "--quick")
NAME = "quick-runs"


def run(folder: Path) -> str:
    """One run: how long it took, and what it says."""
    begin = time.perf_counter()
    command = [*COMMAND, "--name", NAME, "--out", str(folder)]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    if made.returncode:
        return f"{seconds:6.1f} s  exit code {made.returncode}: {made.stderr.strip()}"
    results = load_results(folder)
    points = results.sweep.points if results.sweep else ()
    rates = " ".join(f"{one.hashes_per_second.mean:.2f}" for one in points)
    widest = max((one.hashes_per_second.relative_half_width for one in points), default=0.0)
    found = results.bottleneck
    named = "no verdict" if found is None else f"{found.service} ({', '.join(one.code for one in found.evidence)})"
    warned = "".join(f"\n          {one.code}: {one.message}" for one in results.caveats)
    return f"{seconds:6.1f} s  {rates}, widest ± {100 * widest:.1f} %; bottleneck: {named}{warned}"


def main() -> None:
    """Make the runs in a runtime folder of their own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=int, nargs="?", default=10)
    parser.add_argument("--rng-threads", type=int)
    parser.add_argument("--hasher-threads", type=int)
    asked = parser.parse_args()
    spoiled = {"rng": asked.rng_threads, "hasher": asked.hasher_threads}
    with tempfile.TemporaryDirectory(prefix="dcb-") as scratch:
        os.environ["XDG_RUNTIME_DIR"] = scratch
        lab = None
        if any(spoiled.values()):
            lab, _ = launch.start(Settings(name=NAME, clock_speed=5))
        try:
            for name, threads in spoiled.items():
                if lab and threads:
                    lab.configure(name, {"THREADS": str(threads)})
            for number in range(1, asked.runs + 1):
                print(f"{number:3}  {run(Path(scratch) / f'run-{number}')}", flush=True)  # noqa: T201
        finally:
            if lab:
                lab.down()


if __name__ == "__main__":
    main()
