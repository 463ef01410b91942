"""The guard round background tasks: what fails is said, run again, and given up only where it is dclab's own fault."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

from dclab.engines.embedded import guard
from dclab.engines.embedded.guard import Guard


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(guard, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(guard, "LONGEST_PAUSE", 0.002)
    monkeypatch.setattr(guard, "SHORTAGE_PAUSE", 0.002)


def failing(times, error, done=None):
    """Work that raises so often, and then waits for ever, or returns where nothing is to be waited for."""
    runs = []

    async def work():
        runs.append(1)
        if len(runs) <= times:
            raise error
        if done is not None:
            done.set()
            await asyncio.Event().wait()

    return work, runs


def guarded(body):
    """What was said, and the reasons for giving up."""
    said, given_up = [], []

    async def run():
        await asyncio.wait_for(body(Guard(said.append, given_up.append)), 5)

    asyncio.run(run())
    return said, given_up


def test_what_fails_is_said_once_and_run_again():
    work, runs = failing(3, ValueError("no"))

    async def body(made):
        await made.start("counting", work)

    said, given_up = guarded(body)
    assert len(runs) == 4
    assert given_up == []
    assert len(said) == 1
    assert said[0].startswith("counting failed: ValueError('no') (test_guard.py:")


def test_a_root_task_is_given_up_for_a_fault_of_dclab_and_says_which():
    work, runs = failing(1000, KeyError("x"))

    async def body(made):
        await made.start("counting", work, root=True)

    _, (reason,) = guarded(body)
    assert len(runs) == guard.MOST_FAILURES
    assert reason.startswith("counting failed: KeyError('x')")
    assert reason.endswith("10 times in a row")


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), TimeoutError(), MemoryError()])
def test_a_shortage_of_the_machine_is_waited_out(error):
    async def body(made):
        done = asyncio.Event()
        work, _ = failing(3 * guard.MOST_FAILURES, error, done)
        made.start("counting", work, root=True)
        await done.wait()
        made.end()

    _, given_up = guarded(body)
    assert given_up == []


def test_failures_far_apart_are_not_in_a_row(monkeypatch):
    monkeypatch.setattr(guard, "STEADY_AFTER", 0.0)

    async def body(made):
        done = asyncio.Event()
        work, _ = failing(3 * guard.MOST_FAILURES, ValueError("no"), done)
        made.start("counting", work, root=True)
        await done.wait()
        made.end()

    _, given_up = guarded(body)
    assert given_up == []


def test_a_root_task_that_someone_cancels_is_started_again_and_ends_with_the_guard():
    async def body(made):
        first, second = asyncio.Event(), asyncio.Event()
        waits = iter([first, second])

        async def work():
            next(waits).set()
            await asyncio.Event().wait()

        made.start("waiting", work, root=True).cancel()
        await second.wait() if first.is_set() else await first.wait()
        made.end()
        await asyncio.sleep(0.01)
        assert [one.get_name() for one in asyncio.all_tasks() if one.get_name() == "waiting"] == []

    said, _ = guarded(body)
    assert said == ["waiting was cancelled and is started again"]


def test_what_a_task_waits_for_may_be_cancelled_under_it():
    async def body(made):
        runs = []

        async def work():
            runs.append(1)
            if len(runs) == 1:
                other = asyncio.ensure_future(asyncio.sleep(10))
                asyncio.get_running_loop().call_soon(other.cancel)
                await other

        await made.start("waiting", work)
        assert len(runs) == 2

    said, _ = guarded(body)
    assert said[0].startswith("waiting failed: CancelledError()")


def test_a_task_that_is_no_root_stays_cancelled():
    async def body(made):
        task = made.start("waiting", asyncio.Event().wait)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    assert guarded(body) == ([], [])
