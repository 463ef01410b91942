"""Jobs on a cluster: why one does not start, and that no log is lost to an outage of the API server."""

from __future__ import annotations

import time

import pytest

from dclab.engines.kube import launch, recovery
from dclab.engines.kube.lab import diagnose, jobs
from dclab.engines.kube.lab.jobs import KubeJob
from dclab.errors import NotAnswering, TimedOut
from dclab.lab import JobStatus

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")

LAB = "dockercoins"
SIEGE = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"generateName": "loadtest-", "labels": {"app": "loadtest"}},
}
RUNNING = {"containerStatuses": [{"name": "siege", "state": {"running": {}}}]}
NEVER = {"waiting": {"reason": "ErrImageNeverPull", "message": "no"}}
COMPLETE = {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}


@pytest.fixture
def api(cluster, monkeypatch):
    monkeypatch.setattr(jobs, "FOLLOW_PAUSE", 0.05)
    monkeypatch.setattr(jobs, "LOG_SECONDS", 1.0)
    return launch.place("mine", LAB).api


def has_pod(cluster, status):
    """Have a pod made of each job."""

    def made(key):
        if key[0] == "jobs":
            labels = {"job-name": key[2], "app": "loadtest"}
            cluster.put("pods", LAB, f"{key[2]}-pod", metadata={"labels": labels}, status=status)

    cluster.made = made


@pytest.fixture
def job(api, cluster):
    """A load under way that has printed something."""
    has_pod(cluster, RUNNING)
    found = jobs.start(api, LAB, SIEGE, "http://rng/")
    cluster.put("jobs", LAB, found.name, status={"active": 1})
    cluster.logs[f"{found.name}-pod"] = "begin\n"
    assert isinstance(found, KubeJob)
    return found


def test_a_job_has_ended_when_its_pod_has_whatever_its_controller_knows(job, cluster):
    assert job.status() == JobStatus(state="running")
    ended = {"containerStatuses": [{"name": "siege", "state": {"terminated": {"exitCode": 3}}}]}
    labels = {"job-name": job.name, "app": "loadtest"}
    for phase, state in (("Failed", "failed"), ("Succeeded", "succeeded")):
        cluster.put("pods", LAB, f"{job.name}-pod", metadata={"labels": labels}, status={"phase": phase, **ended})
        assert job.status() == JobStatus(state=state, exit_code=3)
    assert cluster.objects["jobs", LAB, job.name]["status"] == {"active": 1}


def test_a_job_that_no_controller_has_looked_at_is_waited_for(api, cluster, monkeypatch):
    """A controller that meets its server away pauses for up to a minute before it looks again."""
    monkeypatch.setattr(jobs, "START_SECONDS", 0.1)
    monkeypatch.setattr(recovery, "RECOVERY_SECONDS", 20.0)
    looks = iter(range(100))

    def looked(method, path):
        if method == "GET" and path.endswith("/pods") and next(looks) == 3:
            has_pod(cluster, RUNNING)
            cluster.made(next(key for key in cluster.objects if key[0] == "jobs"))

    cluster.fail = looked
    begin = time.monotonic()
    assert jobs.start(api, LAB, SIEGE, "").status().state == "running"
    assert time.monotonic() - begin > jobs.START_SECONDS
    monkeypatch.setattr(recovery, "RECOVERY_SECONDS", 0.3)
    cluster.made = None
    with pytest.raises(TimedOut, match="not started in time"):
        jobs.start(api, LAB, SIEGE, "")


def test_a_log_is_whole_after_an_outage(job, api, cluster, wait_until):
    wait_until(lambda: job.log() == "begin\n")
    api.patience = 0.1
    cluster.stop()
    time.sleep(0.5)
    with pytest.raises(NotAnswering):
        job.status()
    cluster.logs[f"{job.name}-pod"] = "begin\nsummary\n"
    cluster.put("jobs", LAB, job.name, status=COMPLETE)
    cluster.again()
    assert job.status().state == "succeeded"
    job.stop()
    assert job.log() == "begin\nsummary\n"
    assert job.status().state == "succeeded"
    assert ("jobs", LAB, job.name) not in cluster.objects


def test_a_log_that_was_read_is_kept_though_its_job_cannot_be_removed(job, api, cluster, wait_until):
    cluster.logs[f"{job.name}-pod"] = "begin\nsummary\n"
    cluster.put("jobs", LAB, job.name, status=COMPLETE)
    wait_until(lambda: not job._follower.is_alive())
    cluster.fail = lambda method, _: 503 if method == "DELETE" else None
    api.patience = 0.1
    job.stop()
    assert (job.log(), job.status().state) == ("begin\nsummary\n", "succeeded")


def test_a_load_that_cannot_be_stopped_is_named(job, api, cluster):
    api.patience = 0.1
    cluster.stop()
    with pytest.raises(NotAnswering, match=f"The job {job.name} was left in the namespace 'dockercoins'") as told:
        job.stop()
    assert f"kubectl logs --namespace dockercoins job/{job.name}" in told.value.hint
    job.stop()
    cluster.again()


@pytest.mark.parametrize("refused", [False, True])
def test_one_that_will_not_start_is_given_up_at_once_and_removed(api, cluster, monkeypatch, refused):
    monkeypatch.setattr(jobs, "REFUSED_SECONDS", 0.3)
    if refused:
        message = 'pods "x" is forbidden: exceeded quota: small'
        cluster.made = lambda key: cluster.put(
            "events", LAB, "e", involvedObject={"name": key[2]}, reason="FailedCreate", message=message
        )
    else:
        has_pod(cluster, {"containerStatuses": [{"name": "siege", "image": "absent:1", "state": NEVER}]})
    begin = time.monotonic()
    with pytest.raises(TimedOut, match="does not start") as told:
        jobs.start(api, LAB, SIEGE, "")
    assert time.monotonic() - begin < 3
    assert ("exceeded quota: small" if refused else "absent:1, which cannot be pulled") in told.value.why
    assert not [key for key in cluster.objects if key[0] == "jobs"]


def test_what_a_node_has_no_room_for_is_given_up_after_a_while(api, cluster, monkeypatch):
    monkeypatch.setattr(diagnose, "UNSCHEDULED_SECONDS", 0.3)
    message = "0/1 nodes are available: 1 Insufficient memory."
    has_pod(cluster, {"conditions": [{"type": "PodScheduled", "status": "False", "message": message}]})
    with pytest.raises(TimedOut, match="does not start"):
        jobs.start(api, LAB, SIEGE, "")
