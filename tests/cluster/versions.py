"""Each Kubernetes on which the tests can run, for a release: `python -m tests.cluster.versions 1.36` tries one.

It is built and started, the quick part of the cluster's tests runs on it, the autoscaler is compared with its code, and a row of
a table is printed. The rows are kept, so that one version a call makes the whole table: without a version, that is printed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

from tests.cluster import lifecycle
from tests.cluster.binaries import KUBERNETES, MODULES, VERSIONS, build
from tests.cluster.settings import CACHE, CHECKOUT, VERSION_VARIABLE, CannotRun

ROWS = CACHE / "versions"
HEADER = "| Kubernetes | built | up | tests of the cluster | autoscaler beside its code | commit |\n|---|---|---|---|---|---|"
PASSES, MANIFESTS = 30_000, 10_000


def _seconds(since: float) -> str:
    return f"{time.monotonic() - since:.0f} s"


def _suite() -> tuple[str, bool]:
    """What came of the quick tests, and whether all passed."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        command = ["-m", "pytest", "-m", "cluster and not slow", "tests/cluster", f"--junitxml={report}"]
        subprocess.run([sys.executable, *command], cwd=CHECKOUT, check=False)
        suites = list(ElementTree.parse(report).getroot().iter("testsuite")) if report.exists() else []
    counts = {
        one: sum(int(suite.get(one, 0)) for suite in suites) for one in ("tests", "failures", "errors", "skipped")
    }
    failed = counts["failures"] + counts["errors"]
    passed = counts["tests"] - failed - counts["skipped"]
    return (
        f"{passed} passed, {failed} failed, {counts['skipped']} skipped, {_seconds(started)}",
        passed > 0 and not failed,
    )


def _autoscaler(version: str) -> tuple[str, bool]:
    """What the comparison found, and whether nothing differs."""
    amounts = ("--passes", str(PASSES), "--manifests", str(MANIFESTS), "--seed", "100000")
    command = [sys.executable, "-m", "tests.autoscaler.differential", "--kubernetes", version, *amounts]
    done = subprocess.run(command, cwd=CHECKOUT, check=False, capture_output=True, text=True)
    print(done.stdout, done.stderr, flush=True)
    said = "; ".join(re.findall(r"^\d+ (?:passes|manifests) .*(?=\.$)", done.stdout, re.MULTILINE))
    return said or done.stderr.strip().splitlines()[-1], done.returncode == 0


def attempt(version: str) -> bool:
    """Try one version, and keep its row; whether all went well."""
    started = time.monotonic()
    build(version)
    built, started = _seconds(started), time.monotonic()
    try:
        lifecycle.up()
    except (CannotRun, TimeoutError) as error:
        up, suite, passed = f"no: {error}", "", False
    else:
        up = _seconds(started)
        suite, passed = _suite()
        lifecycle.down()
    compared, same = _autoscaler(version)
    exact = re.search(r"k8s.io/kubernetes (v\S+)", (MODULES / f"{KUBERNETES}{version}" / "go.mod").read_text())
    of = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=CHECKOUT, check=False, capture_output=True, text=True
    )
    row = " | ".join((exact[1] if exact else version, built, up, suite, compared, of.stdout.strip()))
    ROWS.mkdir(exist_ok=True)
    (ROWS / version).write_text(f"| {' '.join(row.split())} |\n")
    return passed and same


def main(arguments: list[str]) -> int:
    """Try the version that is named, and print the table; the exit code."""
    well = True
    if len(arguments) > 1 or not set(arguments) <= set(VERSIONS):
        print(f"{__doc__}\nVersions: {', '.join(VERSIONS)}", file=sys.stderr)
        return 2
    for version in arguments:
        os.environ[VERSION_VARIABLE] = version
        well = attempt(version)
    print(HEADER)
    for file in sorted(ROWS.glob("*")):
        print(file.read_text(), end="")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
