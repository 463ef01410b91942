"""The fuzzer: what comes from outside, changed in every way, through the command line in this process.

python -m tests.fuzz [--inputs N] [--border NAME …] [--seed S] [--keep FOLDER]
python -m tests.fuzz --again FILE
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path

from tests.fuzz.borders import BORDERS, search
from tests.fuzz.case import again, keep
from tests.fuzz.judge import findings
from tests.fuzz.sandbox import Sandbox

COLUMNS = "{:<13} {:>7} {:>8} {:>10} {:>11} {:>5} {:>6} {:>10} {:>8} {:>7}"


def main() -> int:
    """Search each border; return 1 when anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000, help="of each border")
    parser.add_argument("--border", action="append", choices=sorted(BORDERS))
    parser.add_argument("--seed", type=int, help="of the inputs; without it they are the same each time")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), help="folder for inputs that fail")
    parser.add_argument("--again", type=Path, metavar="FILE", help="run one input that was kept")
    asked = parser.parse_args()
    keeps = asked.keep.resolve()
    with Sandbox(limit_memory=True) as sandbox:
        if asked.again:
            return _again(asked.again.resolve() if asked.again.is_absolute() else keeps.parent / asked.again, sandbox)
        print(
            COLUMNS.format(
                "border",
                "inputs",
                "refused",
                "tracebacks",
                "wrong exits",
                "slow",
                "large",
                "slowest, s",
                "peak, MB",
                "took, s",
            )
        )
        failed = 0
        for border in asked.border or BORDERS:
            began = time.perf_counter()
            tally = search(border, asked.inputs, sandbox, asked.seed)
            counts = [tally.count(kind) for kind in ("traceback", "wrong exit", "slow", "large")]
            figures = (f"{tally.slowest:.2f}", f"{tally.peak_mb:.0f}", f"{time.perf_counter() - began:.0f}")
            print(COLUMNS.format(border, tally.inputs, tally.refused, *counts, *figures), flush=True)
            for index, ((kind, cause), one) in enumerate(sorted(tally.found.items())):
                file = keep(one, keeps, f"{border.replace(' ', '-')}-{index}")
                print(
                    f"  {kind}: {cause}\n    {' '.join(map(ascii, one.arguments))[:200]}\n    again: --again {file}",
                    flush=True,
                )
            failed += bool(tally.found)
    return int(failed > 0)


def _again(file: Path, sandbox: Sandbox) -> int:
    one = again(file)
    outcome = sandbox.run(one)
    found = list(findings(one, outcome))
    print(f"$ dclab {' '.join(map(ascii, one.arguments))}")
    print(outcome.out[:5000], outcome.err[:5000], outcome.traceback, sep="\n")
    print(f"exit code {outcome.code}, {outcome.seconds:.2f} s, {outcome.peak_mb:.0f} MB; {found or 'no finding'}")
    return int(bool(found))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
