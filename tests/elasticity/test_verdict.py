"""Which of two autoscalers is better."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.elasticity.verdict import Judged, compare_costs, verdicts


@pytest.mark.parametrize(
    ("a", "b", "half", "verdict"),
    [
        (1.0, 2.0, 0.2, "a is better"),
        (2.0, 1.0, 0.2, "b is better"),
        (1.0, 1.02, 0.05, "no difference"),
        (1.0, 1.5, 0.5, "cannot tell"),
        (1.0, 1.0, 0.2, "cannot tell"),
        (1.0, 1.08, 0.01, "no difference"),  # known to be more, and too little to matter
    ],
)
def test_the_interval_of_the_difference_decides(a, b, half, verdict):
    found = compare_costs(Judged("x", a, a, half), Judged("y", b, b, half))
    assert found.verdict == verdict
    assert found.difference == pytest.approx(a - b)
    assert found.high - found.low == pytest.approx(2 * half * 2**0.5)


def test_where_two_demands_disagree_nobody_can_tell():
    found = compare_costs(Judged("x", 1.0, 3.0, 0.1), Judged("y", 2.0, 2.0, 0.1))
    assert (found.verdict, found.difference) == ("cannot tell", -1.0)
    assert found.low < -1 < 1 < found.high


OPPOSITE = {"a is better": "b is better", "b is better": "a is better"}
amounts = st.floats(0, 20)


@given(amounts, amounts, amounts, amounts, st.floats(0, 3), st.floats(0, 3))
def test_the_other_way_round_it_is_the_opposite(a, a_high, b, b_high, half_a, half_b):
    one, other = Judged("a", a, a_high, half_a), Judged("b", b, b_high, half_b)
    found, turned = compare_costs(one, other), compare_costs(other, one)
    assert turned.verdict == OPPOSITE.get(found.verdict, found.verdict)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    assert found.low <= found.difference <= found.high


def test_each_two_are_compared_and_those_of_which_nothing_is_known_are_not():
    found = list(verdicts([Judged("a", 1, 1, 0.1), None, Judged("b", 2, 2, 0.1), Judged("c", 3, 3, 0.1)]))
    assert [(one.a, one.b) for one in found] == [("a", "b"), ("a", "c"), ("b", "c")]
