"""What both engines promise of a lab's worker reports, checked on a running lab."""

from __future__ import annotations

import time
from itertools import pairwise

NEAR = 0.05
"""Seconds around a reading of the counter in which a report may be on either side of it."""


def check_worker_reports(lab, seconds=4.0):
    """Three workers' reports add up to what the counter rises by, and none is lost without a word when workers go."""
    lab.scale("worker", 3)
    names = set(lab.replicas("worker").names)
    time.sleep(1.5)  # every one is at work
    before = lab.counter()
    time.sleep(seconds)
    after = lab.counter()
    reports = lab.worker_reports(before.t - NEAR)
    check_sum(reports, before, after)
    assert {one.worker for one in reports} == names
    assert all(one.t >= before.t - NEAR for one in reports)
    assert [one.t for one in reports] == sorted(one.t for one in reports)
    for name in names:
        own = [one.t for one in reports if one.worker == name]
        assert len(own) >= seconds // 2
        assert all(0.99 <= later - sooner < 2.5 for sooner, later in pairwise(own))

    lab.scale("worker", 1)
    left = lab.counter()
    reports = lab.worker_reports(before.t - NEAR)
    if reports is not None:
        check_sum(reports, before, left)
        assert {one.worker for one in reports} == names
    time.sleep(1.1)  # Kubernetes tells to the second when a pod was ended
    since = lab.counter().t
    time.sleep(1.5)
    reports = lab.worker_reports(since)
    assert {one.worker for one in reports} == set(lab.replicas("worker").names)
    return before


def check_sum(reports, before, after):
    """Between two readings of the counter."""
    rise = after.hashes - before.hashes
    surely, at_most = (
        sum(one.units for one in reports if before.t + near <= one.t <= after.t - near) for near in (NEAR, -NEAR)
    )
    assert surely <= rise <= at_most
    assert rise > 0
