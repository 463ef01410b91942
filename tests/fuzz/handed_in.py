"""The borders at which dclab reads what others hand in or hand out: course sheets, and archives of runs with their raw data."""

from __future__ import annotations

import json
from functools import cache

import yaml
from hypothesis import strategies as st

from dclab.courses.sheet import FOLDER
from tests.fuzz.case import Input
from tests.fuzz.mutate import as_json, as_yaml, chance, damaged, mutated
from tests.fuzz.runs import ROOT, sample
from tests.verify.archives import tar_of, zip_of

__all__ = ["archives", "courses"]

MOST_ROWS = 20
"""Of each raw file: what is read is of the same shape."""


@cache
def bare():
    """A run of which nothing was measured, so that its report is quickly written."""
    found = sample("sample-embedded")
    return as_json({key: found[key] for key in ("schema", "engine", "lab", "command", "started", "environment")})


@st.composite
def courses(draw):
    """A teacher's sheet, near to one that is right."""
    base = yaml.safe_load((FOLDER / f"{draw(st.sampled_from(['csc4160-f25', 'hkust-a6']))}.yaml").read_text())
    data = as_yaml(draw(mutated(base)))
    if chance(draw, 4):
        data = draw(damaged(data))
    flags = draw(st.sampled_from([(), ("--json",), ("--lang", "zh")]))
    command = ("report", "{folder}/a", "--course", "{folder}/s.yaml", *flags)
    return Input(border="course", arguments=command, files={"a/results.json": bare(), "s.yaml": data})


@cache
def rows(name):
    """Some of the raw rows of a committed run."""
    raw = ROOT / "reports" / name / "raw"
    return {
        f"run/raw/{one.name}": [json.loads(line) for line in one.read_text().splitlines()[:MOST_ROWS]]
        for one in sorted(raw.glob("*.jsonl"))
    }


@st.composite
def archives(draw):
    """An archive of a run in which a raw file or the results were changed, or the archive itself."""
    name = draw(st.sampled_from(["sample-embedded", "sample-kube"]))
    raw = dict(rows(name))
    results = sample(name)
    if chance(draw, 3):
        results = draw(mutated(results))
    else:
        changed = draw(st.sampled_from(sorted(raw)))
        raw[changed] = draw(mutated(raw[changed]))
    files = {"run/results.json": as_json(results)}
    for path, each in raw.items():
        lines = each if isinstance(each, list) else [each]
        files[path] = b"".join(as_json(one) + b"\n" for one in lines)
    data = draw(st.sampled_from([zip_of, tar_of]))(files)
    if chance(draw, 3):
        data = draw(damaged(data))
    flags = draw(st.sampled_from([(), ("--json",)]))
    return Input(border="archive", arguments=("verify", "{folder}/a.zip", *flags), files={"a.zip": data})
