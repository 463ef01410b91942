"""Every test has a runtime folder of its own, so that no lab of the user's is ever touched."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import hypothesis
import pytest

from tests.cluster.settings import VERSION_VARIABLE

# How long an example takes says more about the machine than about the example; whole tests have a limit of time.
hypothesis.settings.register_profile("dclab", hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("dclab")

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would every command they run.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption(
        "--cluster-context", metavar="NAME", help="run the cluster suite on this context of your kubeconfig"
    )
    parser.addoption(
        "--kubernetes", metavar="VERSION", help="run the cluster suite on our own cluster of this one, as 1.36"
    )
    parser.addoption(
        "--record",
        metavar="PATH",
        help="keep what the cluster suite records: the demonstration's FILE, the metrics' FOLDER",
    )


def pytest_configure(config):
    if version := config.getoption("--kubernetes"):
        os.environ[VERSION_VARIABLE] = version


LONGEST_FIRST = (
    "tests/commands/test_prove.py",
    "tests/commands/test_experiments.py",
    "tests/commands/",
    "tests/experiments/",
    "tests/embedded/",
    "tests/report/",
)
"""Files whose tests wait for a lab or a browser: begun first, so that no worker is left with one at the end."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Put what takes long before the rest; a worker takes a file at a time (`./dev test`)."""

    def place(item):
        return next((at for at, name in enumerate(LONGEST_FIRST) if item.nodeid.startswith(name)), len(LONGEST_FIRST))

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def runtime_folder():
    """A short path: sockets live in it."""
    folder = Path(tempfile.mkdtemp(prefix="dct-"))
    before = {name: os.environ.get(name) for name in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME")}
    os.environ |= {"XDG_RUNTIME_DIR": str(folder), "XDG_STATE_HOME": str(folder / "kept")}
    yield folder
    from dclab.engines.embedded import launch

    for lab in launch.labs():
        launch.stop(folder / "dclab" / lab.name)
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    assert not list(folder.glob("kept/dclab/labs/*"))
    shutil.rmtree(folder)


class Finished:
    """A command that has ended."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def envelope(self):
        return json.loads(self.out)

    @property
    def data(self):
        return self.envelope["data"]


CHECKOUT = Path(__file__).parent.parent

COMMAND = (sys.executable, "-c", "from dclab.cli import main; main()")


@pytest.fixture(scope="session")
def dclab():
    """Run a command line of dclab in a process of its own, as a user would."""

    def run(*arguments: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> Finished:
        done = subprocess.run(
            [*COMMAND, *arguments],
            check=False,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT), **(env or {})},
            capture_output=True,
            text=True,
            timeout=110,
            stdin=subprocess.DEVNULL,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Finished(done)

    return run


@pytest.fixture
def dclab_here(capsys, monkeypatch):
    """Run a command line in this process, where starting one is not what is tested: half a second of imports each."""
    from dclab.cli import run

    def here(*arguments: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> Finished:
        if cwd:
            monkeypatch.chdir(cwd)
        for key, value in (env or {}).items():
            monkeypatch.setenv(key, value)
        code = run(arguments)
        out, err = capsys.readouterr()
        return Finished(subprocess.CompletedProcess(arguments, code, out, err))

    return here


@pytest.fixture(scope="session")
def start_dclab():
    """Start a command line and leave it running."""

    def start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def wait_until():
    """Wait for something that another process does."""

    def wait(true, seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "waited too long"
            time.sleep(0.02)

    return wait
