"""The manifests as they are, on a real Kubernetes: they come up, they mine, and theory holds."""

from __future__ import annotations

import pytest

from dclab.measure.queueing import bound_rate
from tests.cluster.lab import describe
from tests.cluster.waiting import wait_for

pytestmark = pytest.mark.cluster


def test_everything_comes_up_and_mines(lab, say):
    pods = lab.pods()
    say(*map(describe, pods))
    assert {pod.metadata.labels["app"] for pod in pods} == {
        "redis", "rng", "hasher", "worker", "webui", "httplat-rng", "httplat-hasher",
    }  # fmt: skip
    assert all(pod.status.phase == "Running" for pod in pods)
    assert all(one.restart_count == 0 for pod in pods for one in pod.status.container_statuses)
    first = lab.counts().hashes
    wait_for(lambda: lab.counts().hashes > first, 10, "more hashes")


@pytest.mark.parametrize("workers", [1, 3, 10])
def test_rates_of_theory(lab, say, workers):
    """No more than the bound of asymptotic analysis, and little less. Ten workers fit beside the system's pods."""
    lab.scale("worker", workers)
    rate = lab.rate(15)
    bound = bound_rate(workers)
    say(f"{workers} workers: {rate.mean:.2f} hashes/s ({rate.ci95_low:.2f} to {rate.ci95_high:.2f}); bound {bound:.2f}")
    assert rate.ci95_low <= bound * 1.01
    # At the knee the workers still meet by chance; away from it, what is lost is overhead.
    assert rate.mean >= bound * (0.80 if workers == 3 else 0.94)


def test_two_namespaces_mine_apart(lab, namespace):
    """Two labs share no counter and no service."""
    lab.scale("worker", 1)
    namespace.deploy()
    namespace.scale("worker", 0)
    before = lab.counts().hashes, namespace.counts().hashes
    wait_for(lambda: lab.counts().hashes > before[0], 10, "the first lab's hashes")
    assert namespace.counts().hashes == before[1]
