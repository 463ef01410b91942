"""The live views: what they show, that they fit, and that they leave a clean screen."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from dclab.cli.live import View
from dclab.cli.panels import sparkline
from dclab.results import Caveat
from dclab.run_folder import load_results
from tests.report.comparisons_at_random import comparisons

SAMPLE = Path(__file__).parent.parent.parent / "reports" / "sample-embedded"
COMMAND = (sys.executable, "-c", "from dclab.cli import main; main()")
PARTS = {"sweep": 60.0, "latency": 20.0, "proof": 30.0, "autoscaler demonstration": 300.0}
ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def results():
    return load_results(SAMPLE)


def drawn(view, width=80, height=24):
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=True, color_system=None)
    console.print(view)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("step", "shown"),
    [
        ("sweep 3/6: 3 workers", "· ideal"),
        ("proof at 10 workers: rng x2", "· at most"),
        ("autoscaled 40 s: 2/2 rng", "rng replicas"),
    ],
)
@pytest.mark.parametrize("height", [6, 12, 24])
def test_a_view_shows_the_part_under_way_and_fits(results, step, shown, height):
    view = View(results, PARTS)
    view.step(step)
    lines = drawn(view, height=height)
    assert len(lines) < height
    assert max(map(len, lines)) <= 80
    assert (shown in "\n".join(lines)) == (height > 6)
    assert any(line.split()[1:2] == [step.split()[0]] for line in lines) or "autoscaler" in "\n".join(lines)


def test_a_part_is_marked_once_it_is_over_or_has_failed(results):
    view = View(results, PARTS)
    for step in ("sweep 1/6", "latency of rng", "proof at 10"):
        view.step(step)
    view.caveat(Caveat(code="part-failed", message="The latency could not be finished."))
    marks = {line.split()[1]: line.split()[0] for line in drawn(view)[:2]}
    assert marks == {"sweep": "✓", "latency": "✗"}
    view.finish()
    assert len(drawn(view)) == len(PARTS)


@pytest.mark.parametrize("points", [0, 1])
def test_nothing_measured_yet_is_no_trouble(results, points):
    few = replace(results, sweep=replace(results.sweep, points=results.sweep.points[:points], speedup=None))
    view = View(few, PARTS)
    view.step("sweep 1/6: 1 worker")
    assert "sweep" in "\n".join(drawn(view))


def test_a_sparkline_has_the_greatest_at_its_top_and_gaps_where_nothing_is_known():
    assert sparkline([0.0, None, 5.0, 10.0], 10) == "▁ ▅█"
    assert len(sparkline([1.0] * 500, 40)) == 40
    assert sparkline([0.0, 0.0], 5) == "▁▁"


def on_a_terminal(*arguments, until, seconds=30, term="xterm-256color"):
    """The bytes that a terminal of 80 x 24 got, and the exit code, when Ctrl-C comes once they are enough."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = term
        os.execv(COMMAND[0], [*COMMAND, *arguments])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    got, end, interrupted = b"", time.monotonic() + seconds, False
    while True:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                read = os.read(terminal, 65536)
            except OSError:
                break
            if not read:
                break
            got += read
        if not interrupted and (until(ESCAPE.sub(b"", got)) or time.monotonic() > end):
            os.kill(pid, signal.SIGINT)
            interrupted = True
    os.close(terminal)
    return got, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture(scope="module")
def lab():
    subprocess.run([*COMMAND, "up", "-q", "--name", "live"], check=True, stdout=subprocess.DEVNULL)
    yield "live"
    subprocess.run([*COMMAND, "down", "-q", "--name", "live"], check=True, stdout=subprocess.DEVNULL)


def test_watch_changes_its_screen_and_gives_the_cursor_back(lab):
    got, code = on_a_terminal("watch", "--name", lab, until=lambda got: got.count(b"hashes/s") > 5)
    assert code == 0
    assert b"deployment" in got
    assert got.count(b"hashes/s") > 3
    assert got.rfind(b"\x1b[?25h") > got.rfind(b"\x1b[?25l") >= 0
    text = ESCAPE.sub(b"", got).decode()
    assert max(len(line) for line in re.split(r"[\r\n]+", text)) <= 80


def test_a_sweep_that_is_interrupted_leaves_its_table_and_the_cursor(lab, tmp_path):
    sweep = ("scale-sweep", "--name", lab, "--workers", "1,2,3", "--seconds", "5", "--out", str(tmp_path / "run"))
    got, code = on_a_terminal(*sweep, until=lambda got: b"sweep 2/3" in got)
    assert code == 130
    assert b"\xe2\x9c\x97 sweep" in ESCAPE.sub(b"", got)
    assert got.rfind(b"\x1b[?25h") > got.rfind(b"\x1b[?25l") >= 0
    assert b"What was measured is in" in got


def test_a_dumb_terminal_gets_plain_lines(lab):
    subprocess.run([*COMMAND, "scale", "-q", "worker", "1", "--name", lab], check=True)
    got, _ = on_a_terminal("watch", "--name", lab, "--seconds", "3", until=lambda _: False, term="dumb")
    assert b"\x1b" not in got
    assert got.count(b"worker 1/1") >= 2


def test_a_pipe_gets_a_line_each_time_and_json_the_last_moment(lab):
    watch = [*COMMAND, "watch", "--name", lab, "--seconds", "5"]
    lines, document = (
        subprocess.Popen(one, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for one in (watch, [*watch, "--json"])
    )
    out, err = lines.communicate()
    assert "\x1b" not in out + err
    assert len(out.splitlines()) >= 2
    told = json.loads(document.communicate()[0])
    assert (lines.returncode, document.returncode) == (0, 0)
    assert told["data"]["deployments"]["rng"]["ready"] == 1
    assert told["data"]["latency_ms"]["rng"] > 0
    assert told["data"]["autoscalers"] == {}


COMPARED = comparisons(random.Random(4))


@pytest.mark.parametrize("parts", [PARTS, {"demand": 0.0, **{one.name: 60.0 for one in COMPARED.runs}}])
@pytest.mark.parametrize("height", [8, 12, 24, 40])
def test_a_comparison_shows_demand_and_supply_and_fits(results, parts, height):
    view = View(replace(results, comparison=COMPARED), parts)
    name = COMPARED.runs[-1].name
    view.step("demand: how many replicas")
    view.step(f"settling before {name}")
    view.step(
        f"comparing {name}: 5 of 1020 s, 10 workers need 4 rng, and more than a line has room for, whatever is told"
    )
    lines = drawn(view, height=height)
    text = "\n".join(lines)
    assert len(lines) < height
    assert max(map(len, lines)) <= 80
    if height > 12:
        assert "rng needed" in text
        assert "a call waits" in text
    if name in parts:
        assert any(line.split()[1:2] == name.split()[:1] and "5 of 1020 s" in line for line in lines)
    view.step("prediction of all")
    view.finish()
    assert len(drawn(view)) == len(parts)
