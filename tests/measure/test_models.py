"""Scaling models: published coefficients, the exercise's own law, and what too few points can tell."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.measure.models import best_model, fit_models, fit_usl
from dclab.report.speedup_words import model_sentences
from dclab.results import Rate, Sweep, SweepPoint
from dclab.run_folder import load_results

SAMPLES = Path(__file__).parent.parent.parent / "reports"

# Throughput of a Cisco benchmark at 1 to 32 processors, and the coefficients fitted to it: B. Schwartz, Practical
# Scalability Analysis with the Universal Scalability Law (2015).
CISCO = [
    *(955.16, 1878.91, 2688.01, 3548.68, 4315.54, 5130.43, 5931.37, 6531.08, 7219.8, 7867.61, 8278.71),
    *(8646.7, 9047.84, 9426.55, 9645.37, 9897.24, 10097.6, 10240.5, 10532.39, 10798.52, 11151.43, 11518.63),
    *(11806, 12089.37, 12075.41, 12177.29, 12211.41, 12158.93, 12155.27, 12118.04, 12140.4, 12074.39),
]
PUBLISHED = (995.6486, 0.02671591, 7.690945e-4)


def points(*pairs):
    return tuple(
        SweepPoint(
            workers=workers,
            hashes_per_second=Rate(mean=rate, ci95_low=0.98 * rate, ci95_high=1.02 * rate),
            webui_reading=rate,
            webui_readings=(),
            seconds=20,
            samples=200,
            ready_seconds=1,
        )
        for workers, rate in pairs
    )


def by_name(found):
    return {one.name: one for one in found}


def test_the_usl_reproduces_published_coefficients():
    assert len(CISCO) == 32
    assert fit_usl([(float(n), x) for n, x in enumerate(CISCO, 1)]) == pytest.approx(PUBLISHED, rel=1e-3)
    found = by_name(fit_models(points(*enumerate(CISCO, 1))))
    assert found["USL"].knee == pytest.approx(35.6, abs=0.1)
    assert best_model(tuple(found.values())).name == "USL"


@pytest.mark.parametrize("run", ["sample-embedded", "sample-kube"])
def test_a_real_sweep_follows_the_queueing_bound(run):
    sweep = load_results(SAMPLES / run).sweep
    found = fit_models(sweep.points)
    best = best_model(found)
    assert best.name == "bound"
    assert best.parameters["cycle_seconds"] == pytest.approx(0.305, abs=0.005)
    assert best.parameters["cap"] == pytest.approx(9.9, abs=0.1)
    assert best.knee == pytest.approx(3.0, abs=0.1)
    assert max(abs(one) for one in best.residuals) < 0.1
    said = " ".join(model_sentences(replace(sweep, models=found, best_model=best.name)))
    assert "the two meet at 3.0 workers" in said
    assert "would predict a peak at" in said


@given(st.floats(0.05, 5), st.floats(1.5, 40))
def test_an_ideal_bound_is_found_again(cycle, cap):
    ideal = points(*((n, min(n / cycle, cap)) for n in (1, 2, 3, 4, 5, 10, 20)))
    knee = cycle * cap
    found = by_name(fit_models(ideal))
    if 1.2 <= knee <= 9.5:
        assert found["bound"].parameters["cycle_seconds"] == pytest.approx(cycle, rel=1e-6)
        assert found["bound"].parameters["cap"] == pytest.approx(cap, rel=1e-6)
        assert best_model(tuple(found.values())).name in {"bound", "linear"}
    elif knee > 20:
        assert "bound" not in found


def test_where_nothing_bends_it_is_linear():
    found = fit_models(points(*((n, 3.3 * n) for n in (1, 2, 4, 8, 16, 20))))
    assert best_model(found).name == "linear"
    assert "bound" not in by_name(found)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_few_points_cannot_tell(count):
    few = points(*((n, min(n / 0.3, 10)) for n in (1, 3, 5, 10)[:count]))
    found = fit_models(few)
    assert best_model(found) is None
    assert list(model_sentences(Sweep(points=few, models=found))) == []


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0, 0.0])
def test_impossible_rates_are_not_fitted(bad):
    assert fit_models(points((1, 3.3), (2, 6.6), (3, bad), (5, 10), (10, 10), (20, 10))) == ()


def test_fits_are_finite_numbers_for_json():
    for one in fit_models(points(*((n, min(n / 0.3, 10)) for n in (1, 2, 3, 4, 5, 10)))):
        json.dumps([one.aicc, *one.parameters.values(), *one.residuals], allow_nan=False)
