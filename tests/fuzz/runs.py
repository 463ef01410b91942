"""The border at which dclab reads a run: results.json."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from tests.fuzz.case import Input
from tests.fuzz.mutate import as_json, chance, damaged, mutated

__all__ = ["results"]

ROOT = Path(__file__).parent.parent.parent


@cache
def sample(name):
    """A committed run, with fewer of what it has many of: what is read is of the same shape."""
    found = json.loads((ROOT / "reports" / name / "results.json").read_text())
    demo = found["autoscale"]
    demo["timeline"] = demo["timeline"][:: max(1, len(demo["timeline"]) // 8)]
    demo["events"] = demo["events"][:4]
    found["monitoring"]["series"] = {name: points[:5] for name, points in found["monitoring"]["series"].items()}
    for point in found["sweep"]["points"]:
        point["webui_readings"] = point["webui_readings"][:4]
    return found


COMMANDS = [("compare", "a", "b"), ("compare", "b", "a", "a")] + 3 * [
    ("predict", "a", "--rate", "25"),
    ("predict", "a"),
]
COMMANDS += [("predict", "a", "--workers", "200", "--rng", "50")]
WRITES = [("report", "a"), ("report", "a", "--lang", "zh"), ("report", "a", "b", "--out", "new")]


def _wrong(found, draw):
    """Make a document impossible whose parts are right otherwise."""
    point = found["sweep"]["points"][draw(st.integers(0, len(found["sweep"]["points"]) - 1))]
    environment, rate = found["environment"], point["hashes_per_second"]
    kinds = (
        (found, "schema", "dclab/results/0"),
        (found, "schema", None),
        (found, "engine", 7),
        (environment, "cpus", "two"),
        (environment, "memory_mb", [1]),
        (point, "workers", "many"),
        (point, "workers", 1.5),
        (rate, "mean", "fast"),
        (rate, "mean", None),
        (found["sweep"], "points", {}),
        (found["loadtest"], "transactions", "all"),
        (found["autoscale"], "timeline", "long"),
        (found, "caveats", {"a": 1}),
    )
    parent, key, value = draw(st.sampled_from(kinds))
    if draw(st.booleans()) and key in ("schema", "engine", "workers", "mean", "points"):
        del parent[key]
    else:
        parent[key] = value


@st.composite
def results(draw):
    """`compare`, `predict` and sometimes `report`, of a run that was changed."""
    base = sample(draw(st.sampled_from(["sample-embedded", "sample-kube"])))
    command = draw(st.sampled_from(WRITES)) if chance(draw, 100) else draw(st.sampled_from(COMMANDS))
    invalid = False
    if chance(draw, 10):
        found = copy.deepcopy(base)
        _wrong(found, draw)
        data, invalid = as_json(found), True
    else:
        data = as_json(draw(mutated(base)))
        if chance(draw, 5):
            data = draw(damaged(data))
    flags = draw(st.sampled_from([(), ("--json",)]))
    files = {"a/results.json": data, "b/results.json": as_json(sample("sample-kube"))}
    return Input(border="results", arguments=(*command, *flags), files=files, invalid=invalid)
