"""What both engines promise of health probes and rolling updates, checked on a running lab."""

from __future__ import annotations

import time

import pytest

from dclab.errors import InvalidInput
from dclab.lab import HealthProbe, TemplateChange

WORKERS = 15
QUICK = {"period_seconds": 1, "timeout_seconds": 1, "failure_threshold": 3}


def until(lab, deployment, true, seconds=60.0):
    """Look until something is true of a deployment's health; return how long that took."""
    begin = time.monotonic()
    while not true(found := lab.health(deployment)):
        assert time.monotonic() < begin + seconds, found
        time.sleep(0.2)
    return time.monotonic() - begin


def only_new_in_service(health):
    return [one.current for one in health if one.in_service] == [True]


def check_readiness(lab):
    """Under a queue of more than a second it takes the replica out of service, and lets it in again; a TCP check does not."""
    with lab.hold("test"):
        (before,) = lab.health("rng")
        lab.scale("worker", WORKERS)
        time.sleep(4)
        assert list(lab.health("rng")) == [before]
        assert before.in_service
        assert before.current
        lab.roll_out("rng", TemplateChange(probe=HealthProbe(kind="readiness", **QUICK)))
        try:
            until(lab, "rng", only_new_in_service)
            until(lab, "rng", lambda health: not any(one.in_service for one in health))
            assert [one.ready for one in lab.health("rng") if not one.terminating] in ([False], [True])
            until(lab, "rng", only_new_in_service)
            assert sum(one.restarts for one in lab.health("rng")) == 0
        finally:
            lab.roll_back("rng")
            lab.scale("worker", 1)
        lab.scale("rng", 1)
        (after,) = lab.health("rng")
        assert after.current
        assert after.in_service


def check_liveness(lab):
    """Under such a queue it has the container ended, after its grace period, and started again in the same replica."""
    with lab.hold("test"):
        lab.scale("worker", WORKERS)
        lab.roll_out("rng", TemplateChange(probe=HealthProbe(kind="liveness", **QUICK)))
        try:
            until(lab, "rng", only_new_in_service)
            (name,) = [one.name for one in lab.health("rng") if one.in_service]
            took = until(lab, "rng", lambda health: any(one.restarts for one in health))
            assert took > 10, "it has its grace period, and never runs out of clients"
            assert [one.name for one in lab.health("rng") if one.restarts] == [name]
            until(lab, "rng", only_new_in_service)
        finally:
            lab.roll_back("rng")
            lab.scale("worker", 1)
        lab.scale("rng", 1)


def check_bad_image(lab):
    """Of ten workers two are replaced and three added, by which the update hangs; eight go on. Then it is undone."""
    with lab.hold("test"):
        lab.scale("worker", 10)
        names = {one.name for one in lab.health("worker")}
        lab.roll_out("worker", TemplateChange(bad_image=True))
        try:

            def hangs(health):
                alive = [one for one in health if not one.terminating]
                return (sum(one.current for one in alive), sum(not one.current for one in alive)) == (5, 8)

            until(lab, "worker", hangs)
            time.sleep(2)
            health = [one for one in lab.health("worker") if not one.terminating]
            assert hangs(health)
            assert {one.ready for one in health if one.current} == {False}
            assert {one.ready for one in health if not one.current} == {True}
            until(lab, "worker", lambda found: all(one.waiting for one in found if one.current))
            before = lab.counter().hashes
            time.sleep(2)
            assert lab.counter().hashes > before
        finally:
            lab.roll_back("worker")
        lab.scale("worker", 10)
        after = {one.name for one in lab.health("worker")}
        assert len(names & after) == 8
        assert all(one.current and one.ready and not one.restarts for one in lab.health("worker"))
        lab.scale("worker", 1)


def check_deaf(lab):
    """Without SIGTERM a replica lasts as long as its grace period; with it, it ends at once."""
    with lab.hold("test"):
        lab.roll_out("worker", TemplateChange(deaf=True))
        try:
            lab.scale("worker", 1)
            begin = time.monotonic()
            lab.scale("worker", 0)
            assert time.monotonic() - begin > 4.5, "it is killed after 5 s"
        finally:
            lab.roll_back("worker")
        lab.scale("worker", 1)
        begin = time.monotonic()
        lab.scale("worker", 0)
        assert time.monotonic() - begin < 4.5
        lab.scale("worker", 1)


def check_deleted(lab):
    """Another replica takes the place of one that is deleted."""
    with lab.hold("test"):
        (before,) = lab.health("rng")
        lab.delete_replica("rng", before.name)
        until(
            lab, "rng", lambda health: before.name not in [one.name for one in health] and only_new_in_service(health)
        )
        with pytest.raises(InvalidInput, match="no replica"):
            lab.delete_replica("rng", before.name)
        lab.scale("rng", 1)
        (after,) = lab.health("rng")
        assert after.restarts == 0


def check_refusals(lab):
    with lab.hold("test"):
        with pytest.raises(InvalidInput, match="cannot have an HTTP probe"):
            lab.roll_out("worker", TemplateChange(probe=HealthProbe(kind="readiness")))
        with pytest.raises(InvalidInput, match="no deployment 'nobody'"):
            lab.roll_out("nobody", TemplateChange(bad_image=True))
        lab.roll_back("rng")
        (one,) = lab.health("rng")
        assert one.current, "nothing was rolled out, so nothing is put back"
