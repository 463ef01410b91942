"""Kubernetes' horizontal pod autoscaler (autoscaling/v2) as a pure function; clocks are passed in.

Behaviour follows pkg/controller/podautoscaler of kubernetes/kubernetes and is held to its unit tests.
"""

from dclab.autoscaler.decide import Decision, History, Observation, decide
from dclab.autoscaler.parse import parse_autoscaler
from dclab.autoscaler.replica_count import Pod, PodMetric
from dclab.autoscaler.spec import AutoscalerSpec, ControllerSettings

__all__ = [
    "AutoscalerSpec",
    "ControllerSettings",
    "Decision",
    "History",
    "Observation",
    "Pod",
    "PodMetric",
    "decide",
    "parse_autoscaler",
]
