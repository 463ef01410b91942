"""The ways in which a wheel becomes a command: pipx install, uv tool install, uvx --from."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.distribution.places import Place

INSTALL_SECONDS = 30
"""The most that an installation into an empty environment may take, downloads included."""
REPORT_SECONDS = 75
"""The most from then to the first report."""


@dataclass(frozen=True)
class Way:
    """One of them."""

    name: str
    install: Callable[[Place, str], Sequence[str]]
    """The command line that installs the wheel at a path; of uvx, one that does nothing else."""
    dclab: Callable[[Place, str], Sequence[str]]
    """How the command begins after that."""


def _tool(place: Place, name: str) -> str:
    """Return the tool of a place: Debian's, or that of the development environment."""
    return name if place.root else str(Path(sys.executable).with_name(name))


def _uvx(place: Place, wheel: str) -> list[str]:
    return [_tool(place, "uvx"), "--quiet", "--python", place.python, "--from", wheel, "dclab"]


WAYS = (
    Way(
        "pipx install",
        lambda place, wheel: [_tool(place, "pipx"), "install", "--python", place.python, wheel],
        lambda place, _: [f"{place.inside(place.home)}/.local/bin/dclab"],
    ),
    Way(
        "uv tool install",
        lambda place, wheel: [_tool(place, "uv"), "tool", "install", "--quiet", "--python", place.python, wheel],
        lambda place, _: [f"{place.inside(place.home)}/.local/bin/dclab"],
    ),
    Way("uvx --from", lambda place, wheel: [*_uvx(place, wheel), "--version"], _uvx),
)

Run = Callable[..., str]
"""Runs lines such as `doctor --json` one after the other, and returns what they print; they have to succeed."""


def install(place: Place, way: Way, wheel: Path) -> tuple[float, Run]:
    """Install the wheel in an empty place; return the seconds that it took, and what runs command lines of dclab there.

    Raises:
        AssertionError: it fails.
    """
    place.empty()
    shutil.copy(wheel, place.home)
    inside = f"{place.inside(place.home)}/{wheel.name}"
    started = time.monotonic()
    done = place.run(way.install(place, inside))
    seconds = time.monotonic() - started
    assert done.returncode == 0, done.stdout + done.stderr
    dclab = shlex.join(way.dclab(place, inside))

    def run(*lines: str) -> str:
        # In one shell, with which its namespace of processes ends, and a lab in it.
        one = place.run(["sh", "-ec", "\n".join(f"{dclab} {line}" for line in lines)])
        assert (one.returncode, "Traceback" in one.stderr) == (0, False), one.stdout + one.stderr
        return one.stdout

    return seconds, run


def check(place: Place, run: Run, version: str) -> None:
    """See that the command is whole: version, Python, the files that it ships, a lab that runs and ends.

    Raises:
        AssertionError: it is not.
    """
    assert run("--version").split()[-1] == version
    facts = json.loads(run("doctor --json"))["data"]
    assert place.name.startswith(facts["python"])
    assert facts["other_dclab"] is None
    assert "kind: Deployment" in run("up --dry-run --engine kube")
    assert "worker" in run("up --name tried", "status --name tried", "down --name tried")


def report(place: Place, run: Run) -> float:
    """Do the exercise in short and return the seconds until its report was there."""
    started = time.monotonic()
    run("run --quick --out run")
    seconds = time.monotonic() - started
    for name in ("results.json", "report.md", "report.html", "sweep.png", "latency.png", "autoscale.png"):
        assert (place.home / "run" / name).stat().st_size
    run("report run --json", "verify run")
    return seconds
