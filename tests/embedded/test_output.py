"""What a replica prints, on its way into the log: nothing lost, stamped as it comes, and no flood delays the supervisor."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dclab.engines.embedded import output
from dclab.engines.embedded.output import Output
from dclab.engines.embedded.reports import Reports


def printed(file, script, hear=None, *, wait=True):
    """Run a program of Python's with its output through a pipe until it ends."""

    async def run():
        out = Output(file, hear)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-uc", script, stdin=subprocess.DEVNULL, stdout=out.writer, stderr=out.writer
        )
        out.started()
        if not wait:
            os.kill(process.pid, 9)
        await process.wait()
        out.finish()

    asyncio.run(run())


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(max_size=6), max_size=8), st.sampled_from([1, 2, 3, 65536]))
def test_the_log_is_what_was_printed_and_each_line_is_heard_once(tmp_path_factory, pieces, block):
    file = tmp_path_factory.mktemp("output") / "x.log"
    heard = []

    async def run():
        out = Output(file, lambda _, line: heard.append(line))
        for piece in pieces:
            os.write(out.writer, piece)
            await asyncio.sleep(0)
        out.started()
        out.finish()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output, "BLOCK", block)
        patch.setattr(output, "LAST_WORDS", 100)
        asyncio.run(run())
    data = b"".join(pieces)
    assert file.read_bytes() == data
    lines = [one.decode(errors="replace") for one in data.split(b"\n")]
    assert heard == (lines[:-1] if data.endswith(b"\n") or not data else lines)


def test_the_last_words_of_a_dying_process_are_kept(tmp_path):
    heard = []
    script = "import os; print('\\n'.join(map(str, range(9000)))); print('last', end=''); os.abort()"
    printed(tmp_path / "x.log", script, lambda _, line: heard.append(line))
    assert heard == [*map(str, range(9000)), "last"]
    assert (tmp_path / "x.log").read_text().splitlines() == heard


def test_a_child_left_behind_that_prints_on_holds_nobody_up(tmp_path):
    script = "import subprocess; subprocess.Popen(['timeout', '3', 'yes']); import time; time.sleep(0.2)"
    begin = time.monotonic()
    printed(tmp_path / "x.log", script)
    assert time.monotonic() - begin < 2


def test_a_full_disk_costs_lines_of_the_log_and_nothing_else():
    heard = []
    printed(Path("/dev/full"), "print('1\\n2')", lambda _, line: heard.append(line))
    assert heard == ["1", "2"]


def test_a_line_is_stamped_as_it_comes(tmp_path):
    """In the quiet 1 ms; here others keep the processors busy."""
    late = []
    script = "import time\nfor _ in range(40): time.sleep(0.02); print(f'{time.time():.6f}\\n', end='')"
    printed(tmp_path / "x.log", script, lambda t, line: late.append(t - float(line)))
    assert len(late) == 40
    assert min(late) >= -0.0001
    assert sorted(late)[20] < 0.02


@pytest.mark.parametrize("size", [100, 60_000])
def test_a_flood_is_read_only_so_fast_and_delays_nothing(tmp_path, size):
    """Of short lines or of long ones; what was printed until the end is kept."""
    file = tmp_path / "x.log"
    script = f"import os; line = b'x' * {size - 1} + b'\\n'\nwhile True: os.write(1, line)"
    looks = []

    async def run():
        out = Output(file, lambda _, line: None)
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=out.writer)
        out.started()
        end = time.monotonic() + 0.5
        while (now := time.monotonic()) < end:
            await asyncio.sleep(0.002)
            looks.append(time.monotonic() - now)
        process.kill()
        await process.wait()
        out.finish()

    asyncio.run(run())
    assert file.stat().st_size < 1.0 * output.FASTEST + output.LAST_WORDS * output.BLOCK
    assert file.read_bytes().count(b"\n") == pytest.approx(file.stat().st_size / size, abs=1)
    assert sorted(looks)[len(looks) // 2] < 0.02


def test_a_line_without_end_takes_no_memory(tmp_path):
    heard = []
    printed(tmp_path / "x.log", "print('x' * 3_000_000)", lambda _, line: heard.append(line))
    (line,) = heard
    assert len(line) == output.LONGEST_LINE
    assert (tmp_path / "x.log").stat().st_size == 3_000_001


# Reports.

REPORT = "12:00:00 {} units of work done, updating hash counter"


def test_reports_are_kept_in_order_and_are_those_since_a_moment():
    reports = Reports()
    first, second = reports.of("worker-1"), reports.of("worker-2")
    first(1.0, REPORT.format(0))
    second(1.5, REPORT.format(3))
    first(1.7, "12:00:00 Coin found: 0a1b2c3d...")
    first(2.0, REPORT.format(4))
    second(2.5, "12:00:00 Leaving; 2 units added to the hash counter")
    assert reports.since(0) == (
        ("worker-1", 1.0, 0), ("worker-2", 1.5, 3), ("worker-1", 2.0, 4), ("worker-2", 2.5, 2)
    )  # fmt: skip
    assert reports.since(2.0) == (("worker-1", 2.0, 4), ("worker-2", 2.5, 2))
    assert reports.since(3.0) == ()


def test_when_reports_are_not_kept_any_more_nobody_can_tell():
    reports = Reports(kept=3)
    hear = reports.of("worker-1")
    for t in range(5):
        hear(float(t), REPORT.format(t))
    assert reports.since(1.0) is None
    assert reports.since(1.5) == (("worker-1", 2.0, 2), ("worker-1", 3.0, 3), ("worker-1", 4.0, 4))


def test_what_redis_did_not_take_is_no_report():
    reports = Reports()
    hear = reports.of("worker-1")
    hear(1.0, REPORT.format(4))
    hear(2.0, REPORT.format(4))
    hear(2.1, "12:00:00 Failed: INCRBY: [Errno 111] Connection refused. Waiting 2 s and going on.")
    assert reports.since(0) == (("worker-1", 1.0, 4),)
    hear(4.0, REPORT.format(4))
    hear(4.5, "12:00:00 Failed: GET /32 answered 503. Waiting 2 s and going on.")
    assert reports.since(0) == (("worker-1", 1.0, 4), ("worker-1", 4.0, 4))
