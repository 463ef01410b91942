"""Results of probes and updates that contradict themselves are refused, with the field."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.results import Took
from dclab.results_check import contradiction
from tests.report.demos_at_random import BARE, probe_demo, rollout_demo


@given(st.integers(0, 2**32))
def test_demonstrations_do_not_contradict_themselves(seed):
    assert contradiction(replace(BARE, probes=probe_demo(seed), rollout=rollout_demo(seed))) is None


def seeded(make, true):
    return next(one for one in map(make, range(1000)) if true(one))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: replace(one, timeline=one.timeline[::-1]), "probes.timeline"),
        (lambda one: replace(one, timeline=one.timeline[:1]), "probes.phases"),
        (lambda one: replace(one, predicted=replace(one.predicted, first_low=90.0)), "probes.predicted.first"),
        (lambda one: replace(one, predicted=replace(one.predicted, first_high=None)), "probes.predicted.first"),
        (lambda one: replace(one, predicted=replace(one.predicted, outcome="holds")), "probes.predicted.first_low"),
        (lambda one: replace(one, phases=(replace(one.phases[0], rate_low=1e6),)), "probes.phases[0].rate"),
    ],
)
def test_a_probe_that_contradicts_itself(change, said):
    demo = seeded(probe_demo, lambda one: len(one.phases) == 4 and one.predicted.outcome == "fails")
    assert contradiction(replace(BARE, probes=change(demo))).startswith(said)


def test_an_update_that_contradicts_itself():
    demo = seeded(rollout_demo, lambda one: len(one.phases) == 5)
    assert contradiction(replace(BARE, rollout=replace(demo, healed=Took(low=2, high=1)))).startswith("rollout.healed")
    assert contradiction(replace(BARE, rollout=replace(demo, timeline=()))).startswith("rollout.phases[0]")
