"""Ctrl-C, SIGTERM and SIGKILL of a command: what was measured is kept, and nothing runs on."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from dclab.engines.embedded import launch
from dclab.errors import ExitCode, InvalidInput
from dclab.paths import lab_folder
from dclab.run_folder import load_results
from dclab.verify.verify import verify_run
from tests.measure.lingering import LingeringServer


def points(folder):
    try:
        return load_results(folder).sweep.points
    except (InvalidInput, AttributeError):
        return ()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_run_cut_off_keeps_its_points_and_ends_its_lab(dclab, start_dclab, wait_until, tmp_path, ending):
    process = start_dclab("run", "--quick", "--name", "cut", "--out", "here", cwd=tmp_path)
    wait_until(lambda: points(tmp_path / "here"), 30)
    process.send_signal(ending)
    _, err = process.communicate(timeout=20)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "What was measured is in here." in err
    assert "Traceback" not in err
    assert launch.find_lab("cut") is None
    assert launch.leftovers(lab_folder("cut")) == []
    results = load_results(tmp_path / "here")
    assert (results.finished, results.sweep.points[0].workers) == (None, 1)
    assert verify_run(tmp_path / "here").findings == ()
    assert dclab("report", "here", cwd=tmp_path).code == 0
    assert "interrupted" in (tmp_path / "here" / "report.md").read_text()


@pytest.mark.parametrize("after", [0.1, 0.35, 0.6, 0.9, 1.4, 2.2])
def test_a_start_cut_off_at_any_moment_leaves_nothing_that_down_cannot_clear(dclab, start_dclab, tmp_path, after):
    process = start_dclab("run", "--quick", "--name", "early", "--out", "here", cwd=tmp_path)
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    # Before Python has installed its handlers, the signal itself ends the process.
    assert process.returncode in (ExitCode.INTERRUPTED, -signal.SIGINT), err
    assert dclab("down", "--name", "early").code == 0
    assert launch.leftovers(lab_folder("early")) == []


@pytest.mark.parametrize("after", [0.3, 0.6, 0.8, 1.0, 1.3, 1.7, 2.5])
def test_of_a_killed_run_nothing_stays_that_it_had_started(start_dclab, wait_until, runtime_folder, tmp_path, after):
    """Killed at any moment of its start: before there is a lab, before its supervisor answers, and later."""
    process = start_dclab("run", "--quick", "--name", "orphan", "--out", "here", cwd=tmp_path)
    time.sleep(after)
    process.kill()
    process.communicate()
    folder = lab_folder("orphan")
    wait_until(lambda: not launch.leftovers(folder) and not folder.exists(), 6)
    assert not list(runtime_folder.glob("kept/dclab/labs/orphan*"))


def test_a_closed_terminal_ends_a_run_and_its_lab(start_dclab, wait_until, tmp_path):
    process = start_dclab("run", "--quick", "--name", "hung-up", "--out", "here", cwd=tmp_path)
    wait_until((tmp_path / "here" / "results.json").exists, 30)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=20)
    assert process.returncode == ExitCode.INTERRUPTED
    assert launch.find_lab("hung-up") is None


def test_a_killed_run_leaves_a_lab_that_was_there_before(dclab, start_dclab, wait_until, tmp_path):
    assert dclab("up", "--name", "mine").code == 0
    process = start_dclab("run", "--quick", "--name", "mine", "--out", "here", cwd=tmp_path)
    wait_until((tmp_path / "here" / "results.json").exists, 30)
    process.kill()
    process.communicate()
    time.sleep(1.0)
    assert dclab("scale", "worker", "1", "--name", "mine").code == 0
    assert dclab("down", "--name", "mine", "--json").data["ended"] is True


def test_a_run_whose_lab_is_ended_reports_what_it_measured(dclab, start_dclab, wait_until, tmp_path):
    process = start_dclab("run", "--quick", "--name", "ended", "--out", "here", "--json", cwd=tmp_path)
    wait_until(lambda: points(tmp_path / "here"), 30)
    assert dclab("down", "--name", "ended").code == 0
    out, err = process.communicate(timeout=30)
    assert process.returncode == ExitCode.ERROR, err
    said = json.loads(out)
    assert said["error"]["code"] == "lab-ended"
    assert "`dclab down --name ended` (process " in said["error"]["why"]
    assert "What was measured is in here." in said["error"]["hint"]
    assert said["data"]["folder"] == "here"
    assert (tmp_path / "here" / "report.html").exists()
    assert launch.find_lab("ended") is None
    assert launch.leftovers(lab_folder("ended")) == []
    results = load_results(tmp_path / "here")
    assert (results.finished, results.sweep.points[0].workers) == (None, 1)
    assert "lab-ended" in {one.code for one in results.caveats}
    assert verify_run(tmp_path / "here").findings == ()
    assert "interrupted" in (tmp_path / "here" / "report.md").read_text()


def test_output_that_nobody_reads_is_no_failure_with_a_traceback(start_dclab, tmp_path):
    process = start_dclab("doctor", cwd=tmp_path)
    process.stdout.close()
    err = process.stderr.read()
    process.wait(20)
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


@pytest.mark.parametrize("loop", [(), ("--rate", "25")], ids=["closed loop", "open loop"])
def test_requests_cut_off_are_shown_as_far_as_they_came(start_dclab, tmp_path, loop):
    server = LingeringServer()
    try:
        url = f"http://127.0.0.1:{server.port}/"
        process = start_dclab("latency", "--url", url, "--count", "1000", *loop, "-v", cwd=tmp_path)
        for line in process.stderr:
            if " 8/1000" in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=15)
    finally:
        server.close()
    assert process.returncode == 0, err
    assert "Loop: " + ("open, 25 a second" if loop else "closed") in out
    assert re.search(r"Only \d+ of 1000 requests of \S+ were answered before Ctrl-C", err)


def test_requests_cut_off_before_the_first_answer_are_an_interruption(start_dclab, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        process = start_dclab("latency", "--url", url, cwd=tmp_path)
        connection, _ = silent.accept()  # held, or the request would be reset
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=15)
        connection.close()
    assert process.returncode == ExitCode.INTERRUPTED
    assert "No request had been answered yet" in err


SWALLOWED = """
import io
import time
from dclab.cli.interrupts import listen

class Slow:
    def __del__(self):
        print("begun", flush=True)
        time.sleep(1)

class File(io.RawIOBase):
    def close(self):
        print("begun", flush=True)
        time.sleep(1)

listen([])
one = KIND()
try:
    del one
    time.sleep(20)
except KeyboardInterrupt as error:
    print(type(error).__name__, flush=True)
"""


@pytest.mark.parametrize("kind", ["Slow", "File"])
@pytest.mark.parametrize(("ending", "raised"), [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGTERM, "Terminated")])
def test_a_signal_that_python_swallows_is_not_lost(kind, ending, raised):
    """In a destructor, and while a file object is finalized."""
    command = [sys.executable, "-c", SWALLOWED.replace("KIND", kind)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(ending)
        out, err = process.communicate(timeout=10)
    assert (out, err, process.returncode) == (f"{raised}\n", "", 0)


CLEANS_UP = """
import contextlib
import time
from dclab.cli.interrupts import ignore, listen

@contextlib.contextmanager
def room():
    try:
        yield
    finally:
        try:
            raise OSError("of its own")
        except OSError:
            time.sleep(0.5)
        print("cleaned up", flush=True)

listen([])
try:
    with room():
        print("begun", flush=True)
        time.sleep(20)
except KeyboardInterrupt:
    time.sleep(0.5)
    ignore()
time.sleep(0.5)
print("over", flush=True)
"""


def test_a_long_clean_up_is_not_cut_by_its_own_signal():
    command = [sys.executable, "-c", CLEANS_UP]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert (out, err, process.returncode) == ("cleaned up\nover\n", "", 0)


CAUGHT = """
import time
from dclab.cli.interrupts import listen, until_ctrl_c

listen([])
with until_ctrl_c():
    print("begun", flush=True)
    time.sleep(20)
time.sleep(1)
print("over", flush=True)
"""


def test_one_that_is_the_usual_end_is_raised_once():
    with subprocess.Popen(
        [sys.executable, "-c", CAUGHT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert (out, err, process.returncode) == ("over\n", "", 0)
