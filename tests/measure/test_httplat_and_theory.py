"""The exporter's page, and what theory expects."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.lab import Scrape
from dclab.measure.httplat import mean_latency_ms, parse_scrape
from dclab.measure.queueing import accounted_workers, bound_rate, expected_wait_ms, knee

PAGE = """\
# TYPE httplat_latency_seconds histogram
httplat_latency_seconds_bucket{le="0.1"} 2.0
httplat_latency_seconds_bucket{le="+Inf"} 4.0
httplat_latency_seconds_count 4.0
httplat_latency_seconds_sum 2.5
"""


def test_sum_and_count_of_a_page():
    assert parse_scrape(PAGE) == Scrape(2.5, 4.0)
    with pytest.raises(ValueError, match="sum"):
        parse_scrape("# nothing\n")


@given(
    st.one_of(
        st.text(st.characters(codec="latin-1")),
        st.lists(st.sampled_from([*PAGE.splitlines(True), "{", '="', " 1e999\n", "#", "-Inf\n"])),
    )
)
def test_any_page_is_a_scrape_or_a_value_error(page):
    try:
        found = parse_scrape("".join(page))
    except ValueError:
        return
    assert 0 <= found.sum_seconds < float("inf")
    assert 0 <= found.probes < float("inf")


def test_the_mean_between_two_scrapes():
    assert mean_latency_ms(Scrape(1.0, 10), Scrape(2.5, 12)) == pytest.approx(750)
    assert mean_latency_ms(Scrape(1.0, 10), Scrape(1.0, 10)) is None
    assert mean_latency_ms(Scrape(9.0, 10), Scrape(0.1, 1)) is None


def test_the_exercises_figures():
    assert [round(bound_rate(n), 2) for n in (1, 2, 3, 4, 10)] == [3.33, 6.67, 10, 10, 10]
    assert bound_rate(10, servers=2) == 20
    assert knee() == pytest.approx(3)
    assert expected_wait_ms(10) == pytest.approx(700)
    assert expected_wait_ms(2) == 0


@given(st.integers(1, 100), st.integers(1, 20))
def test_neither_workers_nor_servers_ever_make_it_slower(workers, servers):
    assert bound_rate(workers + 1, servers) >= bound_rate(workers, servers)
    assert bound_rate(workers, servers + 1) >= bound_rate(workers, servers)


@given(st.integers(3, 100))
def test_littles_law_accounts_for_every_worker_of_a_saturated_rng(workers):
    # With one rng busy all the time N - 2 workers are there, and a probe finds one of them half served.
    wait = (workers - 2 - 0.5) * 0.1
    assert accounted_workers(10.0, wait, 0.0) == pytest.approx(workers)


def test_littles_law_accounts_for_a_worker_alone():
    # It is served a third of the time, and a probe that comes then waits for half a service.
    assert accounted_workers(10 / 3, 0.1 / 3 / 2, 0.0) == pytest.approx(1.0)
