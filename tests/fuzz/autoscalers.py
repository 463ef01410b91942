"""Borders at which dclab reads autoscalers and what they saw: manifests and traces."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from tests.fuzz.case import Input
from tests.fuzz.mutate import BOMB, NOT_YAML, as_json, as_yaml, damaged, mutated

__all__ = ["hpa_manifests", "traces"]

RECORDED = Path(__file__).parent.parent / "autoscaler" / "recorded.jsonl"
HPA = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "rng"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "rng"},
        "minReplicas": 1,
        "maxReplicas": 10,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 5}},
            },
            {
                "type": "Resource",
                "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "64Mi"}},
            },
            {
                "type": "Pods",
                "pods": {"metric": {"name": "q"}, "target": {"type": "AverageValue", "averageValue": "500m"}},
            },
            {
                "type": "Object",
                "object": {
                    "describedObject": {"kind": "Service", "name": "rng", "apiVersion": "v1"},
                    "metric": {"name": "httplat"},
                    "target": {"type": "Value", "value": "100m"},
                },
            },
            {
                "type": "External",
                "external": {
                    "metric": {"name": "x", "selector": {"matchLabels": {"a": "b"}}},
                    "target": {"type": "Value", "value": "1"},
                },
            },
        ],
        "behavior": {
            side: {
                "stabilizationWindowSeconds": 30,
                "selectPolicy": "Max",
                "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}],
                "tolerance": "0.1",
            }
            for side in ("scaleUp", "scaleDown")
        },
    },
}


@cache
def recorded():
    return [json.loads(line) for line in RECORDED.read_text().splitlines()[:6]]


@st.composite
def hpa_manifests(draw):
    """`hpa-replay` of an autoscaler that was changed, on a trace that was recorded."""
    invalid = True
    kind = draw(st.integers(0, 29))
    one = copy.deepcopy(HPA)
    one["spec"]["metrics"] = one["spec"]["metrics"][: draw(st.sampled_from([1, 1, 1, 0, 2, 3, 4, 5]))]
    if kind == 0:
        data = BOMB.encode() + draw(st.sampled_from([b"", b"kind: HorizontalPodAutoscaler\nspec: {metrics: *i}\n"]))
    elif kind == 1:
        data = draw(st.sampled_from(NOT_YAML)).encode()
    elif kind == 2:
        one["kind"] = draw(st.sampled_from(["Deployment", "horizontalpodautoscaler", "", None, 7, []]))
        data = as_yaml(one)
    elif kind == 3:
        one["spec"]["maxReplicas"] = draw(st.sampled_from([None, "many", [], -1, 0, 1.5, True, "10"]))
        data = as_yaml(one)
    elif kind == 4:
        data = as_yaml(HPA) + b"---\n" + as_yaml(HPA)
    else:
        invalid = False
        data = as_yaml(draw(mutated(one)))
        if kind == 5:
            lines = data.splitlines(keepends=True)
            at = draw(st.integers(0, len(lines) - 1)) if lines else 0
            data = b"".join([*lines[: at + 1], *lines[at:]])  # a key, or an item, twice
        if kind in (6, 7, 8):
            data = draw(damaged(data))
    files = {"hpa.yaml": data, "trace.jsonl": RECORDED.read_bytes()}
    flags = draw(st.sampled_from([(), ("--json",)]))
    return Input(
        border="hpa", arguments=("hpa-replay", "hpa.yaml", "trace.jsonl", *flags), files=files, invalid=invalid
    )


@st.composite
def traces(draw):
    """`hpa-replay` over a trace that was changed."""
    lines = [as_json(one) for one in recorded()]
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(lines) - 1))
        lines[at] = as_json(draw(mutated(recorded()[at], 2)))
    invalid = False
    kind = draw(st.integers(0, 19))
    if kind == 0:
        header = draw(st.sampled_from([{}, {"schema": "dclab/hpa-trace/2"}, {"schema": None}, [], "dclab/hpa-trace/1"]))
        lines[0], invalid = as_json(header), True
    elif kind == 1:
        lines, invalid = lines[:1], True
    data = b"\n".join(lines) + b"\n"
    if kind in (2, 3, 4):
        data = draw(damaged(data))
    files = {
        "hpa.yaml": as_yaml({**HPA, "spec": {**HPA["spec"], "metrics": HPA["spec"]["metrics"][:1]}}),
        "t.jsonl": data,
    }
    flags = draw(st.sampled_from([(), ("--json",)]))
    return Input(border="trace", arguments=("hpa-replay", "hpa.yaml", "t.jsonl", *flags), files=files, invalid=invalid)
