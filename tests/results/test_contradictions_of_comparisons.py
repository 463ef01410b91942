"""Comparisons of autoscalers that contradict themselves: the field is named; those that dclab makes never do."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from dclab.results import ElasticityVerdict, Spread
from dclab.results_check import contradiction
from dclab.run_folder import load_results
from tests.report.comparisons_at_random import comparisons

SAMPLE = load_results(Path(__file__).parent.parent.parent / "reports" / "sample-embedded")


def of(comparison):
    return contradiction(replace(SAMPLE, comparison=comparison))


def whole():
    return next(one for seed in range(100) if len((one := comparisons(random.Random(seed))).runs) > 2)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_possible_is_no_contradiction(seed):
    assert of(comparisons(random.Random(seed))) is None


def with_run(**changes):
    found = whole()
    return replace(found, runs=(replace(found.runs[0], **changes), *found.runs[1:]))


def with_verdict(**changes):
    found = whole()
    a, b = (one.name for one in found.runs[:2])
    one = ElasticityVerdict(a=a, b=b, verdict="cannot tell", difference=0.0, low=-1.0, high=1.0)
    return replace(found, verdicts=(replace(one, **changes),))


RUN = whole().runs[0]
STEP = RUN.demand[0]


@pytest.mark.parametrize(
    ("found", "field"),
    [
        (with_run(name=whole().runs[1].name), "comparison.runs: a name occurs twice"),
        (with_run(demand=()), "comparison.runs[0].demand"),
        (with_run(demand=(replace(STEP, t=1.0),)), "comparison.runs[0].demand"),
        (with_run(demand=(STEP, replace(STEP, t=9.0), replace(STEP, t=8.0))), "comparison.runs[0].demand[2].t"),
        (with_run(demand=(replace(STEP, needed=3, needed_high=2),)), "comparison.runs[0].demand[0].needed_high"),
        (with_run(timeline=()), "comparison.runs[0].timeline"),
        (with_run(timeline=RUN.timeline[::-1]), "comparison.runs[0].timeline[1].t"),
        (with_run(seconds=0.0), "comparison.runs[0].timeline"),
        (with_run(manifest={"kind": "Pod"}), "comparison.runs[0].manifest"),
        (with_run(spread={"cost": Spread(low=2.0, high=1.0, repeats=5)}), "comparison.runs[0].spread.cost"),
        (with_verdict(b="another"), "comparison.verdicts[0]"),
        (with_verdict(difference=2.0), "comparison.verdicts[0]"),
    ],
)
def test_a_contradiction_is_named(found, field):
    said = of(found)
    assert said is not None
    assert said.startswith(field)
