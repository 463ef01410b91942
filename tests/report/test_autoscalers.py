"""Section 6 of a run with autoscalers side by side, whole, lacking something, or odd."""

from __future__ import annotations

import math
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dclab.report.autoscaler_words import answer_sentences, verdict_sentence
from dclab.report.judge_autoscalers import answer, differences
from dclab.report.language import Words
from dclab.report.levels import Asks, asked, responses, usual_demand
from dclab.report.pictures import draw
from dclab.report.render import render_html, render_markdown
from dclab.report.scores import SCORES, shown
from dclab.report.sections.metric import metric
from dclab.results import DemandStep, ElasticityVerdict
from dclab.run_folder import load_results
from tests.report.comparisons_at_random import KINDS, READINGS, STEP, comparisons, laws, runs
from tests.report.test_report import Page

SAMPLE = load_results(Path(__file__).parent.parent.parent / "reports" / "sample-embedded")
NUMBERS = {"autoscaler": 5}
ALONE = replace(
    SAMPLE, sweep=None, latency=None, interventions=(), bottleneck=None, loadtest=None, autoscale=None, monitoring=None
)
"""A run in which nothing else was measured, as of `hpa-compare`."""
SEEDS = st.integers(0, 2**32)


def compared(seed, **changes):
    return replace(comparisons(random.Random(seed)), **changes)


def whole():
    """One with all kinds, each verdict and every score known."""
    dice = random.Random(1)
    law = laws(dice)
    found = tuple(runs(dice, kind, law, 900.0, 100.0) for kind in KINDS)
    return replace(comparisons(random.Random(2)), runs=found, verdicts=verdicts(found))


def verdicts(found, better=()):
    """Every pair: the first is better where the pair is in `better`, else there is no difference."""
    return tuple(
        ElasticityVerdict(
            a=a.name,
            b=b.name,
            verdict="a is better" if (a.name, b.name) in better else "no difference",
            difference=-1.0 if (a.name, b.name) in better else 0.0,
            low=-1.2 if (a.name, b.name) in better else -0.05,
            high=-0.8 if (a.name, b.name) in better else 0.05,
        )
        for a in found
        for b in found
        if a.name != b.name and (b.name, a.name) not in better
    )


@pytest.fixture(scope="module")
def results():
    return replace(ALONE, comparison=whole())


@pytest.fixture(scope="module")
def pictures(results):
    return draw(results)


def test_every_score_of_every_autoscaler_is_in_both_forms(results, pictures):
    html = render_html(results, pictures).replace("\N{NO-BREAK SPACE}", " ")  # which holds a number and its %
    for text in (html, render_markdown(results, pictures)):
        for run in results.comparison.runs:
            assert run.name in text
            for name in SCORES:
                assert shown(name, getattr(run.scores, name)) in text


def test_its_pictures_and_pages_are_whole(results, pictures):
    assert {"autoscalers", "responses"} <= set(pictures)
    page = Page(render_html(results, pictures))
    assert page.tags.count("svg") == 2 * len(pictures)
    assert "autoscalers.png" in render_markdown(results, pictures)


def said(comparison, autoscale=None):
    """The texts of section 6."""
    blocks = list(
        metric(replace(SAMPLE, comparison=comparison, autoscale=autoscale, bottleneck=None), Words(), NUMBERS)
    )
    return [*(one.text for one in blocks if one.kind in ("text", "note")), *(i for one in blocks for i in one.items)]


def test_without_the_experiment_one_line_says_how_to_get_it():
    (line,) = [one for one in said(None, SAMPLE.autoscale) if "hpa-compare" in one]
    assert "not measured" in line
    assert not [one for one in said(whole(), SAMPLE.autoscale) if "hpa-compare" in one]


def test_no_sentence_calls_a_metric_best_that_was_not_compared():
    assert not [one for one in said(None, SAMPLE.autoscale) if re.search(r"\bbest\b|\byes\b|better than", one)]


@pytest.mark.parametrize(
    ("better", "outcome"),
    [
        ({("inflight", "cpu"), ("inflight", "cpu tuned")}, "no"),
        ({("inflight", "cpu")}, "yes"),
        ({("cpu", "inflight"), ("cpu tuned", "inflight")}, "yes"),
        (set(), "yes"),
    ],
)
def test_the_answer(better, outcome):
    found = whole()
    told = answer(replace(found, verdicts=verdicts(found.runs, better)))
    assert told.outcome == outcome
    if outcome == "no":
        assert told.other.name == "inflight"


def test_a_verdict_that_is_missing_or_open_lets_nothing_be_told():
    found = whole()
    assert answer(replace(found, verdicts=())).outcome == "cannot tell"
    lame = replace(verdicts(found.runs)[0], verdict="cannot tell", low=-1.0, high=1.0)
    some = tuple(replace(lame, a=one.a, b=one.b) for one in verdicts(found.runs))
    assert answer(replace(found, verdicts=some)).outcome == "cannot tell"
    only = tuple(one for one in found.runs if one.metric == "cpu")
    assert answer(replace(found, runs=only)) is None


def test_a_run_that_was_cut_off_is_compared_with_none():
    found = whole()
    *others, last = found.runs
    short = replace(last, seconds=last.seconds / 10, scores=replace(last.scores, cost=0.0))
    cut = replace(found, runs=(*others, short), verdicts=verdicts(found.runs))
    told = answer(cut)
    assert short.name not in (told.cpu.name, told.other.name)
    assert f"“{short.name}” was cut off after" in next(answer_sentences(cut, Words()))


@given(SEEDS)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_the_answer_does_not_depend_on_the_order_of_a_pair(seed):
    found = compared(seed)
    turned = {"a is better": "b is better", "b is better": "a is better"}
    swapped = tuple(
        replace(
            one,
            a=one.b,
            b=one.a,
            verdict=turned.get(one.verdict, one.verdict),
            difference=-one.difference,
            low=-one.high,
            high=-one.low,
        )
        for one in found.verdicts
    )
    other = replace(found, verdicts=swapped)
    assert differences(other) == differences(found)
    assert answer(other) == answer(found)


@given(SEEDS)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_better_by_more_never_makes_the_answer_worse_for_a_metric(seed):
    """Where CPU was not the answer, a verdict more in favour of another metric does not make it the answer."""
    found = compared(seed)
    told = answer(found)
    if told is None or told.outcome == "yes":
        return
    cpus = {one.name for one in found.runs if one.metric == "cpu"}
    for index, one in enumerate(found.verdicts):
        if (one.a in cpus) == (one.b in cpus):
            continue
        wins = replace(one, verdict="b is better" if one.a in cpus else "a is better")
        more = (*found.verdicts[:index], wins, *found.verdicts[index + 1 :])
        assert answer(replace(found, verdicts=more)).outcome != "yes"


@given(SEEDS)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_comparison_gives_a_page(seed):
    odd = replace(ALONE, comparison=compared(seed))
    text = render_markdown(odd, {})
    Page(render_html(odd, {}))
    assert "None" not in text
    assert not re.search(r"\bnan\b|\binf\b", text)


@pytest.mark.parametrize("seed", range(5))
def test_any_comparison_gives_pictures(seed):
    found = compared(seed, runs=compared(seed).runs[:3])
    pictures = draw(replace(ALONE, comparison=found))
    assert "autoscalers" in pictures
    assert all(one.png.startswith(b"\x89PNG") for one in pictures.values())
    assert not re.search(r"\bnan\b|\binf\b", "".join(one.svg for one in pictures.values()))


def test_hardly_anything_measured_gives_a_page():
    run = whole().runs[0]
    bare = replace(run, demand=(), timeline=(), seconds=0.0, spread={}, scores_high=None, predicted=None)
    for found in (
        replace(whole(), runs=(bare,), verdicts=()),
        replace(whole(), runs=(bare, replace(whole().runs[4], timeline=()))),
        replace(whole(), runs=()),
    ):
        odd = replace(ALONE, comparison=found)
        pictures = draw(odd)
        Page(render_html(odd, pictures))
        assert not re.search(r"\bnan\b|\binf\b|None", render_markdown(odd, pictures))


def test_huge_figures_and_many_autoscalers_stay_a_light_page():
    run = whole().runs[3]
    seen = replace(READINGS["latency"], current=1e15, target=1e-300)
    vast = tuple(replace(one, wait_ms=1e15, in_flight=1e15, metrics=(seen,)) for one in run.timeline)
    many = tuple(replace(run, name=f"{run.name} {n}", timeline=vast if n % 2 else run.timeline) for n in range(40))
    odd = replace(ALONE, comparison=replace(whole(), runs=many, verdicts=verdicts(many)))
    pictures = draw(odd)
    page = render_html(odd, pictures)
    assert len(page) <= 2_000_000
    assert "28 more autoscalers" in page


class Complete(Words):
    """Chinese that knows every sentence that it is asked for."""

    def template(self, english):
        assert english in self._table, f"zh.yaml lacks {english!r}"
        return super().template(english)


@pytest.mark.parametrize("seed", range(30))
def test_chinese_knows_all_that_is_said(seed):
    words = Complete("zh")
    list(metric(replace(SAMPLE, comparison=compared(seed)), words, NUMBERS))
    list(metric(replace(SAMPLE, comparison=None), words, NUMBERS))


@pytest.mark.parametrize(
    ("replicas", "ratio", "wanted"),
    # 10 workers, waits of the sample's proof, by Kubernetes' formula; and the ends of the tolerance.
    [(1, 7.13, 8), (2, 2.65, 6), (3, 1.27, 4), (4, 0.62, 3), (4, 1.1, 4), (4, 0.9, 4), (4, 0.89, 4), (4, 0.75, 3)],
)
def test_what_is_asked_for(replicas, ratio, wanted):
    assert asked(replicas, ratio) == wanted


@given(st.integers(1, 50), st.floats(0, 100))
def test_who_asks_for_as_many_as_there_are_neither_rises_nor_falls(replicas, ratio):
    from dclab.measure.mean import Mean

    one = Asks(replicas, ratio, Mean(ratio, ratio, ratio), asked(replicas, ratio))
    ends = (1.1, min(0.9, (replicas - 1) / replicas))
    if min(abs(ratio - end) for end in ends) < 1e-6:
        return
    assert one.stays == (one.wanted == replicas)
    assert one.rises == (one.wanted > replicas)
    assert one.falls == (one.wanted < replicas)


def steady(metric_name, law, waits, flying, seconds=1200.0):
    """A run that stays at each number of replicas in turn, everything following a law."""
    dice = random.Random(3)
    kind = next(one for one in KINDS if one[1] == metric_name)
    run = runs(dice, kind, laws(dice), seconds, 100.0)
    replicas = sorted(waits)
    each = int(seconds / STEP / len(replicas))
    points = []
    for index, point in enumerate(run.timeline):
        n = replicas[min(index // each, len(replicas) - 1)]
        near = 1 + 0.001 * (index % 3)  # readings that stay the same are one window, read again
        reading = replace(READINGS[metric_name], current=law(n) * near)
        points.append(
            replace(point, ready=n, metrics=(reading,), wait_ms=1000 * waits[n] * near, in_flight=flying[n] * near)
        )
    demand = (DemandStep(t=0.0, workers=10, users=0, needed=4, needed_high=4),)
    return replace(run, demand=demand, timeline=tuple(points))


def test_latency_cannot_settle_where_in_flight_can():
    """The waits and requests in flight of ten workers at 1 to 4 rngs."""
    waits = {1: 0.713, 2: 0.265, 3: 0.127, 4: 0.062}
    flying = {1: 8.0, 2: 6.1, 3: 5.3, 4: 4.8}
    found = replace(
        whole(),
        scrape_seconds=10.0,
        runs=(
            steady("latency", waits.get, waits, flying),
            steady("inflight", lambda n: flying[n] / n, waits, flying),
        ),
    )
    latency, inflight = responses(found, usual_demand(found))
    assert [one.wanted for one in latency.asks] == [8, 6, 4, 3]
    assert latency.rests == ()
    assert inflight.rests == (4,)
    assert tuple(one.replicas for one in latency.swings) == (3, 4)
    lines = said(replace(found, verdicts=()))
    assert any("“latency” cannot settle: at 3 replicas it asks for 4, at 4 for 3" in one for one in lines)
    assert any("“inflight” can settle at 4 replicas" in one and "; 4 are needed" in one for one in lines)


def test_a_verdict_is_told_from_the_side_of_the_better_one():
    one = ElasticityVerdict(a="x", b="y", verdict="b is better", difference=0.5, low=0.3, high=0.7)
    assert verdict_sentence(one) == "“y” is better than “x”: it cost 0.50 replicas less (95 %: 0.30 to 0.70)."
    other = replace(one, verdict="cannot tell", low=-0.3, high=1.3)
    assert "cannot be told" in verdict_sentence(other)
    assert math.isclose(differences(replace(whole(), verdicts=(one,)))["y", "x"].cost, -0.5)
