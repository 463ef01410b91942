"""Whom a deployment that is not ready waits for: a controller that has not looked at it yet, or its own pods."""

from __future__ import annotations

import pytest

from dclab.engines.kube.lab.rollout import unattended
from dclab.engines.kube.objects import decode
from dclab.engines.kube.workloads import Deployment, Pod

LOOKED_AT = {"containerStatuses": [{"name": "rng", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]}
UNSCHEDULABLE = {"conditions": [{"type": "PodScheduled", "status": "False"}]}
FAILURE = {"conditions": [{"type": "ReplicaFailure", "status": "True"}]}


def deployment(wanted, generation=2, **status):
    found = {"metadata": {"name": "rng", "generation": generation}, "spec": {"replicas": wanted}}
    return decode({**found, "status": {"observedGeneration": 2, **status}}, Deployment)


@pytest.mark.parametrize(
    ("found", "pods", "waits"),
    [
        (deployment(1, replicas=1, updatedReplicas=1), [LOOKED_AT], False),
        (deployment(1, generation=3, replicas=1, updatedReplicas=1), [LOOKED_AT], True),
        (deployment(3, replicas=1, updatedReplicas=1), [LOOKED_AT], True),
        (deployment(1, replicas=3, updatedReplicas=3), [LOOKED_AT] * 3, True),
        (deployment(3, replicas=1, updatedReplicas=1, **FAILURE), [LOOKED_AT], False),
        (deployment(3), [], True),
        # A rollout whose new pod does not get ready: the old one stays beside it.
        (deployment(1, replicas=2, updatedReplicas=1), [LOOKED_AT] * 2, False),
        (deployment(1, replicas=2, updatedReplicas=1), [LOOKED_AT, {}], True),
        (deployment(1, replicas=1, updatedReplicas=1), [UNSCHEDULABLE], False),
        (
            deployment(1, replicas=1, updatedReplicas=1),
            [{"conditions": [{"type": "PodScheduled", "status": "True"}]}],
            True,
        ),
    ],
)
def test_what_nobody_has_looked_at(found, pods, waits):
    assert unattended(found, decode([{"metadata": {"name": "p"}, "status": one} for one in pods], list[Pod])) is waits
