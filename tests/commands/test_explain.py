"""A table read off the web UI, through the command line."""

from __future__ import annotations

import pytest


def test_the_published_table(dclab_here):
    shown = dclab_here("explain", "4", "8", "12", "12", "10", "10")
    assert shown.code == 0
    assert "From the table one concludes 2.5 ×" in shown.out
    assert "the true rates say 3.0" in shown.out
    assert "of 100 attempts" in shown.out


def test_a_figure_that_cannot_be_is_named(dclab_here):
    done = dclab_here("explain", "4", "30", "--workers", "1,10", "--json")
    assert done.code == 0
    assert [one["share"] == 0 for one in done.data["table"]["rows"]] == [False, True]
    shown = dclab_here("explain", "4", "30", "--workers", "1,10")
    assert "At 10 workers no second shows 30" in shown.out
    assert "exactly this table" not in shown.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("4", "8"), "2 readings do not match 6 numbers of workers."),
        (("4", "x", "--workers", "1,2"), "'x' is not a possible reading."),
        (("4", "-1", "--workers", "1,2"), "-1"),
        ((), "HASHES/S"),
    ],
)
def test_what_is_no_table_is_refused(dclab_here, words, said):
    done = dclab_here("explain", *words)
    assert done.code == 2
    assert said in done.err
