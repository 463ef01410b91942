"""A table that was read off the web UI, explained."""

from __future__ import annotations

import pytest

from dclab.measure.webui_table import explain_table

EXERCISE = (1, 2, 3, 4, 5, 10)


@pytest.fixture(scope="module")
def published():
    """What most people write down."""
    return explain_table(EXERCISE, (4, 8, 12, 12, 10, 10))


def test_the_published_table_is_a_likely_one_and_its_conclusion_wrong(published):
    assert published.speedup_read == 2.5
    assert published.speedup == pytest.approx(3.0, abs=0.05)
    assert published.chance > 0.05


def test_true_rates_are_those_of_one_rng(published):
    rates = [one.true_rate for one in published.rows]
    assert rates[0] == pytest.approx(3.28, abs=0.02)
    assert rates[3:] == [pytest.approx(9.85, abs=0.05)] * 3


def test_one_worker_reports_in_batches_of_four(published):
    one = published.rows[0]
    assert one.batch == pytest.approx(4, abs=0.1)
    assert one.batch / one.report_seconds == pytest.approx(one.true_rate, rel=0.01)
    assert {figure for figure, _ in one.shown} <= {0, 4}
    assert dict(one.shown)[4] == pytest.approx(one.true_rate / 4, abs=0.02)


@pytest.mark.parametrize("row", range(len(EXERCISE)))
def test_the_page_is_right_on_average(published, row):
    one = published.rows[row]
    assert sum(share for _, share in one.shown) == pytest.approx(1, abs=0.05)
    assert sum(figure * share for figure, share in one.shown) == pytest.approx(one.true_rate, rel=0.05)


def test_a_figure_that_one_rng_never_shows():
    table = explain_table((1, 3), (4, 30))
    assert table.rows[1].share == 0
    assert table.chance == 0


def test_a_single_number_of_workers_has_no_speedup():
    table = explain_table((3,), (12,))
    assert (table.speedup_read, table.speedup) == (None, None)
