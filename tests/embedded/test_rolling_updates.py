"""Health probes and rolling updates on the embedded engine: the arithmetic by itself, then real replicas."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.engines.embedded import launch
from dclab.engines.embedded.crashes import liveness_back_off
from dclab.engines.embedded.prober import Row, answers, probe_results
from dclab.engines.embedded.rolling import Counts, next_step
from dclab.engines.embedded.wire import Settings
from dclab.lab import HealthProbe
from dclab.measure.rolling import resolve
from tests import rolling_updates
from tests.conftest import CHECKOUT


@pytest.mark.parametrize(
    ("surge", "unavailable", "desired", "found"),
    [
        ("25%", "25%", 10, (3, 2)),
        ("25%", "25%", 1, (1, 0)),
        ("25%", "25%", 4, (1, 1)),
        (1, 0, 10, (1, 0)),
        ("0%", "1%", 3, (0, 1)),
        (0, 0, 3, (0, 1)),
        ("100%", "100%", 3, (3, 3)),
        (2, 9, 3, (2, 3)),
    ],
)
def test_percentages_are_rounded_as_kubernetes_does(surge, unavailable, desired, found):
    assert resolve(surge, unavailable, desired) == found


def test_a_bad_image_takes_two_of_ten_away_and_hangs_at_five_new_ones():
    """The example in the controller's own source."""
    assert next_step(10, 3, 2, Counts(10, 10, 0, 0)) == (3, 2)
    assert next_step(10, 3, 2, Counts(8, 8, 3, 0)) == (2, 0)
    assert next_step(10, 3, 2, Counts(8, 8, 5, 0)) == (0, 0)
    assert next_step(10, 3, 2, Counts(8, 7, 5, 0)) == (0, 0), "a node fails: nothing is made worse"


@given(
    st.integers(0, 30),
    st.integers(0, 5),
    st.integers(0, 5),
    st.integers(0, 30),
    st.data(),
)
def test_an_update_keeps_its_bounds_and_comes_to_its_end(desired, surge, unavailable, old, data):
    surge, unavailable = resolve(surge, unavailable, desired)
    counts = Counts(old, data.draw(st.integers(0, old)), 0, 0)
    for _ in range(200):
        start, end = next_step(desired, surge, unavailable, counts)
        assert start >= 0
        assert 0 <= end <= counts.old
        if start:
            assert counts.old + counts.new + start <= desired + surge
        broken = min(counts.old - counts.old_ready, end)
        ready = counts.old_ready - (end - broken)
        if end > broken:
            assert ready + counts.new_ready >= desired - unavailable
        new = counts.new + start
        counts = Counts(counts.old - end, ready, new, min(new, counts.new_ready + data.draw(st.integers(1, 3))))
        if counts == Counts(0, 0, desired, desired):
            return
    raise AssertionError(counts)


def test_a_liveness_probe_restarts_as_slowly_as_the_kubelet():
    assert [liveness_back_off(n) for n in range(1, 9)] == [0, 10, 20, 40, 80, 160, 300, 300]


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 5))
def test_one_success_counts_and_so_many_failures_in_a_row(results, threshold):
    row = Row(threshold)
    for index, result in enumerate(results):
        found = row.add(result)
        tail = results[max(0, index + 1 - threshold) : index + 1]
        expected = True if result else False if len(tail) == threshold and not any(tail) else None
        assert found is expected


@pytest.mark.parametrize(
    ("said", "well"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 302 Found\r\n\r\n", True),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", False),
        (b"HTTP/1.1 500 Oops\r\n\r\n", False),
        (b"SSH-2.0\r\n", False),
        (b"", False),
        (None, False),
    ],
)
def test_what_a_probe_takes_for_success(said, well):
    async def body():
        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            if said is None:
                await asyncio.sleep(0.5)
            else:
                writer.write(said)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        assert await answers(port, "/", 0.2) is well
        server.close()
        assert await answers(port, "/", 0.2) is False, "nobody listens"

    asyncio.run(body())


def test_probes_keep_their_ticks_also_when_one_is_late(monkeypatch):
    """On a clock of the test's own: a probe that takes longer than the period delays the next, and skips those between."""
    now, begun = [0.0], []
    took = iter([0.1, 2.5, 0.1, 1.0, 0.1])

    async def probe(*_):
        begun.append(now[0])
        now[0] += next(took)
        return True

    async def sleep(seconds):
        now[0] += seconds

    module = "dclab.engines.embedded.prober"
    monkeypatch.setattr(f"{module}.answers", probe)
    monkeypatch.setattr(f"{module}.time.monotonic", lambda: now[0])
    monkeypatch.setattr(f"{module}.asyncio.sleep", sleep)

    async def follow():
        async for _ in probe_results(1, HealthProbe(kind="readiness", period_seconds=1)):
            if len(begun) == 5:
                return

    asyncio.run(follow())
    assert begun == pytest.approx([0, 1, 3.5, 4, 5])


@pytest.fixture(scope="module")
def lab():
    made, _ = launch.start(Settings(name="rolling"))
    made.ready()
    yield made
    launch.stop(made.folder)
    assert launch.leftovers(made.folder) == []


def test_refusals(lab):
    rolling_updates.check_refusals(lab)


def test_a_replica_that_gets_no_sigterm(lab):
    rolling_updates.check_deaf(lab)


def test_a_deleted_replica(lab):
    rolling_updates.check_deleted(lab)


def test_a_bad_image(lab):
    rolling_updates.check_bad_image(lab)


def test_a_readiness_probe(lab):
    rolling_updates.check_readiness(lab)


def test_a_liveness_probe(lab):
    rolling_updates.check_liveness(lab)


HOLDER = textwrap.dedent("""
    import time
    from dclab.engines.embedded import launch
    from dclab.lab import TemplateChange
    lab = launch.find_lab("rolling")
    with lab.hold("a test"):
        lab.roll_out("hasher", TemplateChange(bad_image=True))
        print("rolled out", flush=True)
        time.sleep(60)
""")


def test_what_a_killed_command_has_rolled_out_is_put_back(lab, wait_until):
    (before,) = lab.health("hasher")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "rolled out\n"
    wait_until(lambda: len(lab.health("hasher")) == 2)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    wait_until(lambda: list(lab.health("hasher")) == [before])
