"""What makes a lab what it is meant to be, in this process: real replicas, and its own tasks failed on purpose."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import psutil
import pytest
import uvloop

from dclab.engines.embedded import guard, home, questions
from dclab.engines.embedded.rotated import OwnLog
from dclab.engines.embedded.supervisor import Supervisor
from dclab.engines.embedded.verbs import Verbs
from dclab.engines.embedded.wire import Settings, supervisor_log
from dclab.errors import DclabError, TimedOut


@pytest.fixture
def in_lab(tmp_path):
    """Run a coroutine function with a supervisor; nothing of it may be left."""

    def run(body, prepare=lambda lab: None):
        folder = tmp_path / "lab"
        settings = Settings(name="lab")
        home.make(folder, settings)

        async def whole():
            with supervisor_log(folder).open("ab") as log:
                lab = Supervisor(folder, settings, OwnLog(supervisor_log(folder), log.fileno()))
                prepare(lab)
                await lab.start()
                try:
                    await asyncio.wait_for(body(lab), 30)
                finally:
                    await lab.stop()

        uvloop.run(whole())
        assert psutil.Process().children() == []
        said = supervisor_log(folder).read_text()
        home.remove(folder)
        return said

    return run


async def until(true, seconds=10.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.01)


def all_settled(lab):
    return all(one.settled for one in lab.deployments.values()) and lab.reconciler.published


def test_callers_are_begun_once_those_that_they_call_are_ready(in_lab):
    async def body(lab):
        rng, worker = lab.deployments["rng"], lab.deployments["worker"]
        await until(lambda: rng.crash_loop(0))
        unbegun = {one.name for one in lab.deployments.values() if not one.begun}
        assert unbegun == {"worker", "httplat-hasher", "httplat-rng"}
        assert lab.reconciler.waits_for(worker) == ["rng"]
        with pytest.raises(TimedOut, match=r"worker has 0 of 1") as failed:
            await Verbs(lab.parts()).ready(questions.Ready(timeout=20))
        assert "THREADS is 'none'" in failed.value.why
        assert "worker is started once rng are ready." in failed.value.why
        rng.overrides = {}
        lab.changed()
        await until(lambda: all_settled(lab))
        (one,) = rng.replicas
        assert one.ready_since <= worker.replicas[0].created
        rng.replicas[0].process.kill()  # they stay, also while those are not ready
        await until(lambda: not rng.ready)
        assert len(worker.replicas) == 1
        await until(lambda: all_settled(lab))

    in_lab(body, lambda lab: lab.deployments["rng"].overrides.update(THREADS="none"))


def test_a_replica_whose_task_is_cancelled_is_replaced_and_its_process_ends(in_lab):
    async def body(lab):
        await until(lambda: all_settled(lab))
        worker = lab.deployments["worker"]
        (before,) = worker.replicas
        pid = before.pid
        before._task.cancel()
        await until(lambda: worker.settled and worker.replicas[0] is not before)
        await until(lambda: not psutil.pid_exists(pid))
        assert worker.restarts == 1, "it was missed for a moment"

    assert "is replaced: its task has ended" in in_lab(body)


def test_a_replica_that_dclab_itself_fails_to_run_is_tried_again_and_says_why(in_lab, monkeypatch):
    async def body(lab):
        await until(lambda: all_settled(lab))
        hasher = lab.deployments["hasher"]
        (one,) = hasher.replicas
        start, pid = one._start, one.pid

        async def fail():
            raise KeyError("no such thing")

        one._start = fail
        one.process.kill()
        await until(lambda: not one.ready)
        with pytest.raises(TimedOut) as failed:
            await Verbs(lab.parts()).ready(questions.Ready(timeout=20))
        assert "could not be run: KeyError('no such thing') (3 times in a row)" in failed.value.why
        one._start = start
        await until(lambda: all_settled(lab))
        assert hasher.replicas == [one]
        assert one.pid != pid

    in_lab(body)


def test_many_crashes_leave_no_descriptor_and_no_task(in_lab):
    async def body(lab):
        await until(lambda: all_settled(lab))
        (worker,) = lab.deployments["worker"].replicas
        supervisor = psutil.Process()
        before = supervisor.num_fds(), len(asyncio.all_tasks())
        for _ in range(12):
            worker._failures = 0  # without a back-off
            worker.process.kill()
            await until(lambda: not worker.ready)
            await until(lambda: worker.ready)
        await until(lambda: (supervisor.num_fds(), len(asyncio.all_tasks())) <= before, 5)

    in_lab(body)


def test_every_task_of_the_supervisor_may_fail_and_the_lab_heals_on(in_lab, monkeypatch):
    """Each is cancelled, as if by a fault of its own, and each time something is to be done."""

    async def body(lab):
        await until(lambda: all_settled(lab))
        names = {name for name, _ in lab.guard._roots.values()}
        assert names >= {"the data path", "publishing", "reconciling", "usage sampling", "autoscaling"}
        for task in tuple(lab.guard._roots):
            task.cancel()
        lab.deployments["worker"].scale(2)
        lab.deployments["rng"].replicas[0].process.kill()
        psutil.Process(lab.services.pid).kill()
        await until(lambda: lab.deployments["rng"].restarts == 1 and all_settled(lab))
        await until(lambda: lab.services.trouble() is None)
        assert {name for name, _ in lab.guard._roots.values()} == names

    in_lab(body)


def test_what_fails_of_one_deployment_stops_no_other(in_lab, monkeypatch):
    async def body(lab):
        await until(lambda: all_settled(lab))

        def fail():
            raise OSError(28, "No space left on device")

        lab.deployments["hasher"].reconcile = fail
        lab.deployments["worker"].scale(3)
        await until(lambda: lab.deployments["worker"].settled)
        del lab.deployments["hasher"].reconcile
        lab.deployments["hasher"].scale(2)
        await until(lambda: all_settled(lab))

    assert "reconciling failed: OSError(28, 'No space left on device')" in in_lab(body)


def test_a_supervisor_that_cannot_reconcile_ends_and_says_why_in_its_last_line(in_lab, monkeypatch):
    monkeypatch.setattr(guard, "LONGEST_PAUSE", 0.01)

    async def body(lab):
        await until(lambda: all_settled(lab))
        lab.reconciler._compare = lambda: 1 / 0
        await asyncio.wait_for(lab.over.wait(), 10)
        assert lab._all_replicas() == []

    last = in_lab(body).splitlines()[-1]
    assert "The supervisor ended itself: reconciling failed: ZeroDivisionError('division by zero')" in last


def test_a_rolling_change_has_no_gap_and_one_that_fails_is_taken_back(in_lab):
    async def body(lab):
        await until(lambda: all_settled(lab))
        hasher = lab.deployments["hasher"]
        hasher.scale(2)
        await until(lambda: hasher.settled)
        ready = []

        async def look():
            while True:
                ready.append(hasher.ready)
                await asyncio.sleep(0.005)

        looking = asyncio.ensure_future(look())
        assert await hasher.configure({"THREADS": "7"}, 10) is None
        assert [one.overrides for one in hasher.replicas] == [{"THREADS": "7"}] * 2
        before = hasher.replicas
        why = await hasher.configure({"THREADS": "none"}, 60)
        assert "THREADS is 'none'" in why
        assert hasher.settled
        assert hasher.replicas == before
        looking.cancel()
        assert min(ready) == 2
        assert await hasher.configure({"THREADS": "7"}, 0) is None, "nothing is to be changed"
        assert hasher.replicas == before

    in_lab(body)


def test_of_two_changes_at_once_the_first_is_told_that_it_does_not_hold(in_lab):
    async def body(lab):
        await until(lambda: all_settled(lab))
        verbs, hasher = Verbs(lab.parts()), lab.deployments["hasher"]
        changes = await asyncio.gather(
            hasher.configure({"THREADS": "7"}, 10), hasher.configure({"THREADS": "8"}, 10), return_exceptions=True
        )
        assert isinstance(changes[0], DclabError)
        assert "was configured otherwise" in str(changes[0])
        assert changes[1] is None
        counts = await asyncio.gather(
            *(verbs.scale(questions.Scale(deployment="worker", replicas=n, timeout=10)) for n in (2, 3)),
            return_exceptions=True,
        )
        assert "worker was scaled to 3 by something else" in str(counts[0])
        assert counts[1] is None

    in_lab(body)


def test_those_that_are_not_ready_go_first_then_the_youngest(in_lab):
    async def body(lab):
        await until(lambda: all_settled(lab))
        worker = lab.deployments["worker"]
        worker.scale(3)
        await until(lambda: worker.settled)
        oldest, second, youngest = sorted(worker.replicas, key=lambda one: one.created)
        oldest.process.kill()
        await until(lambda: not oldest.ready)
        worker.desired = 1
        worker.reconcile()
        assert (oldest.terminating, second.terminating, youngest.terminating) == (True, False, True)
        await until(lambda: worker.settled)

    in_lab(body)


STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def test_the_end_of_a_lab_is_not_held_up_by_a_replica_that_is_leaving_already(in_lab):
    def prepare(lab):
        worker = lab.deployments["worker"]
        worker.workload = replace(worker.workload, command=("python", "-c", STUBBORN), grace_seconds=20)

    async def body(lab):
        await until(lambda: all_settled(lab))
        worker = lab.deployments["worker"]
        worker.scale(0)
        await asyncio.sleep(0.3)
        assert worker.terminating == 1
        began = time.monotonic()
        await lab.stop()
        assert time.monotonic() - began < 4

    in_lab(body, prepare)
