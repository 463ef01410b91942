"""What a person would have read off the web UI (the exercise's published figures: 4, 8, 12, 12, 10, 10)."""

from __future__ import annotations

import pytest

from dclab.lab import Counter
from dclab.measure.simulate import System, counter_readings, simulate
from dclab.measure.webui_reading import most_frequent, webui_readings


@pytest.mark.parametrize(("workers", "seen"), [(1, 4), (2, 8), (10, 10)])
def test_the_figure_that_people_publish(workers, seen):
    reports = simulate(System(workers=workers), 60, seed=3).reports
    samples = counter_readings(reports, [index / 5 for index in range(300)])
    assert most_frequent(webui_readings(samples)) == seen


def test_a_reading_is_the_difference_of_two_a_second_apart():
    samples = [Counter(t=100 + i / 5, hashes=4 * (i // 6), coins=0) for i in range(26)]
    assert webui_readings(samples) == pytest.approx((0, 4, 4, 4, 4), abs=1e-9)


def test_of_equally_frequent_readings_the_one_nearest_to_the_mean_counts():
    assert most_frequent([4, 4, 0, 0, 3]) == 4
    assert most_frequent([0, 3.9, 3.9, 0]) == 4
    assert most_frequent([0, 0, 0, 4]) == 0
    assert most_frequent([]) == 0
