"""Kubernetes' horizontal pod autoscaler (autoscaling/v2) as a pure function; clocks are passed in.

It decides as pkg/controller/podautoscaler of kubernetes/kubernetes does: tests/autoscaler holds it to Kubernetes' unit
tests, and compares it with Kubernetes' own controller on random cases.
"""

from dclab.autoscaler.decide import Decision, decide
from dclab.autoscaler.history import History
from dclab.autoscaler.observation import Observation, Pod, PodMetric
from dclab.autoscaler.parse import parse_autoscaler
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
