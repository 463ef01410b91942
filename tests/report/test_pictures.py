"""Pictures say their message in the report's language, and none of their text lies outside of them."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from unittest import mock

import matplotlib as mpl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from dclab.report import fonts, pictures
from dclab.report.fonts import FONTS, cells, font_family, wrapped
from dclab.report.foreign import with_printable_text
from dclab.report.language import LANGUAGES, Words
from dclab.report.pictures import LONGEST_LABEL, STYLE, draw, painted, plans
from dclab.report.titles import titles
from dclab.results import Monitoring
from dclab.run_folder import load_results
from tests.report.comparisons_at_random import comparisons
from tests.report.demos_at_random import probe_demo, rollout_demo
from tests.report.results_at_random import run
from tests.report.test_autoscalers import whole

SAMPLES = Path(__file__).parent.parent.parent / "reports"
SAMPLE = load_results(SAMPLES / "sample-embedded")
DRAW = Text.draw
NAMES = {"sweep", "latency", "proof", "autoscale", "autoscalers", "responses", "probes", "rollout", "monitoring"}
SEEDS = st.integers(0, 2**32)


def everything(seed=None):
    """A run in which all was measured, the sample's or one at random."""
    if seed is None:
        return replace(SAMPLE, comparison=whole(), probes=probe_demo(3), rollout=rollout_demo(3))
    found, *_ = run(seed)
    return replace(
        found,
        comparison=comparisons(random.Random(seed)),
        probes=probe_demo(seed),
        rollout=rollout_demo(seed),
        monitoring=SAMPLE.monitoring,
        finished=random.Random(seed).choice([None, "2026-11-27T21:09:14+00:00"]),
    )


@cache
def drawn(language):
    """All pictures of the sample, which takes seconds."""
    return draw(everything(), Words(language))


def figures(results, language, *, narrow):
    """Each picture as it is painted: name, size in pixels, what is written with where that is, values that show."""
    words = Words(language)
    results = with_printable_text(results, LONGEST_LABEL)
    said = titles(results, words)
    with mpl.rc_context({**STYLE, "font.family": [*FONTS, *(font_family(language) or ())]}):
        for plan in plans(results, words):
            figure, spots = painted(plan, said[plan.name], words, narrow=narrow)
            canvas = FigureCanvasAgg(figure)
            written = []

            def record(text, renderer, *args, into=written, **options):
                if text.get_visible() and text.get_text().strip():
                    into.append((text.get_text(), text.get_window_extent(renderer)))
                return DRAW(text, renderer, *args, **options)

            with mock.patch.object(Text, "draw", record):  # axes keep labels of ticks beyond their ends, undrawn
                figure.draw(canvas.get_renderer())
            yield plan.name, canvas.get_width_height(), written, spots


def outside(results, language, *, narrow):
    found = []
    for name, (width, height), written, _ in figures(results, language, narrow=narrow):
        for text, box in written:
            if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1:
                found.append((name, text, box.extents.round(), (width, height)))
    return found


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.filterwarnings("ignore")
def test_no_text_of_any_picture_lies_outside_of_it(language, narrow):
    results = everything()
    assert {one.name for one in plans(results, Words(language))} == NAMES
    assert outside(results, language, narrow=narrow) == []


def test_a_text_that_lies_outside_is_found(monkeypatch):
    def paint(figure, words, *, narrow):
        figure.add_subplot().set_xlabel("a label that is longer than its picture is wide " * 3)
        return []

    monkeypatch.setattr("tests.report.test_pictures.plans", lambda *_: [pictures.Plan("sweep", "", paint, 7, 4, 4)])
    assert [name for name, *_ in outside(SAMPLE, "en", narrow=False)] == ["sweep"]


@settings(max_examples=3, deadline=None, derandomize=True)
@given(SEEDS)
@pytest.mark.filterwarnings("ignore")
def test_nor_of_runs_at_random(seed):
    dice = random.Random(seed)
    assert outside(everything(seed), dice.choice(list(LANGUAGES)), narrow=dice.random() < 0.5) == []


@pytest.mark.filterwarnings("ignore")
def test_nor_where_no_font_has_chinese(monkeypatch):
    monkeypatch.setattr("tests.report.test_pictures.font_family", lambda language: None)
    assert outside(everything(), "zh", narrow=True) == []


def test_a_png_is_english_where_no_font_has_chinese(monkeypatch):
    few = replace(SAMPLE, latency=None, interventions=(), autoscale=None, monitoring=None)
    english, chinese = draw(few)["sweep"], draw(few, Words("zh"))["sweep"]
    monkeypatch.setattr(pictures, "font_family", lambda language: None if language == "zh" else ())
    without = draw(few, Words("zh"))["sweep"]
    assert without.png == english.png
    for one in (without, chinese):
        assert "而不是 10 倍" in one.svg
        assert "而不是 10 倍" in one.narrow
    if font_family("zh"):
        assert chinese.png != english.png


def test_letters_of_the_page_are_text_in_the_browsers_fonts():
    for one in drawn("zh").values():
        for svg in (one.svg, one.narrow):
            assert "DejaVu" not in svg
            assert re.search(r"<text[^>]*>[^<]*[\u4e00-\u9fff]", svg), one.name
            families = set(re.findall(r'font-family: ([^;"]*)', svg))
            assert families == {fonts.BROWSER_FONTS}


@pytest.mark.filterwarnings("ignore")
def test_a_chinese_picture_has_no_english_words_but_names():
    names = {"rng", "hasher", "cpu", "latency", "requests", "inflight", "tuned", "worker", "Web", "UI", "GET", "HPA"}
    names |= {"USL", "CPU", "HTTP", "TCP", "bound", "Amdahl", "linear", "x2", "x3", "x4", "p50", "p95", "p99", "s"}
    found = everything()
    given = [one.name for one in found.comparison.runs]
    readings = [each for one in found.comparison.runs for point in one.timeline for each in point.metrics]
    given += [text for each in readings for text in (each.name, each.unit, each.figures)]
    names |= {word for one in given for word in re.findall(r"[A-Za-z][A-Za-z0-9]*", one)}
    for name, _, written, spots in figures(found, "zh", narrow=False):
        said = [one for one, _ in written] + [one.text for one in spots]
        words = {word for one in said for word in re.findall(r"[A-Za-z][A-Za-z0-9]*", one)}
        if name != "autoscale":  # its events are the autoscaler's own, as kubectl shows them
            assert words - names == set(), name


def title(name, language="en", **changes):
    return titles(replace(SAMPLE, **changes), Words(language))[name]


def sweep(**changes):
    return title("sweep", sweep=replace(SAMPLE.sweep, **changes))


def test_the_sweeps_message_is_no_stronger_than_its_data():
    assert title("sweep") == "10 workers: 3.0 ×, not 10 ×"
    assert title("sweep", "zh") == "10 个 worker：3.0 倍，而不是 10 倍"
    assert sweep(speedup=9.9, speedup_ci95_low=9.7, speedup_ci95_high=10.1).endswith("within 10 % of 10 ×")
    assert sweep(speedup=13.0, speedup_ci95_low=12.0, speedup_ci95_high=14.0).endswith("more than 10 ×")
    unsure = sweep(speedup=8.0, speedup_ci95_low=4.0, speedup_ci95_high=14.0)
    assert unsure == "10 workers: 1.3 to 18.1 × (99.9 %); whether it is 10 × cannot be told"
    assert sweep(lost_workers=(20, 50)) == "10 workers: 3.0 ×, not 10 ×; not measured: 20, 50 workers"
    later = tuple(one for one in SAMPLE.sweep.points if one.workers > 1)
    assert sweep(points=later).startswith("10 instead of 2 workers: ")
    one = sweep(points=SAMPLE.sweep.points[:1], speedup=None)
    assert re.fullmatch(r"1 worker: \d\.\d\d ± 0\.\d\d hashes/s", one)
    assert title("sweep", finished=None) == "10 workers: 3.0 ×, not 10 × (run not finished)"


def test_the_latencys_message_says_where_requests_queue_only_if_that_is_known():
    rng, hasher = (SAMPLE.latency[name].probe.mean for name in ("rng", "hasher"))
    measured = f"10 workers: a probe takes {rng:.0f} ms at rng, {hasher:.1f} ms at hasher"
    assert title("latency") == f"{measured}: requests queue at rng"
    assert title("latency", bottleneck=None) == measured
    silent = replace(SAMPLE.latency["hasher"], probe=replace(SAMPLE.latency["hasher"].probe, count=0))
    assert "no answer at hasher" in title("latency", latency={**SAMPLE.latency, "hasher": silent})


def test_the_proofs_message_names_a_limit_only_if_it_was_proved():
    assert title("proof").startswith("rng limits the rate: 2 replicas")
    suspected = replace(SAMPLE.bottleneck, certainty="suspected")
    assert title("proof", bottleneck=suspected) == "The limit is probably rng; no change has proved it"
    unknown = replace(SAMPLE.bottleneck, service=None)
    assert title("proof", bottleneck=unknown) == "What limits the rate could not be determined"
    assert title("proof", bottleneck=None) == "Hashes/s under each change, at 10 workers"


def test_the_autoscalers_message_is_what_it_did():
    most = max(one.ready for one in SAMPLE.autoscale.timeline)
    did = rf"rng: from 1 to {most} replicas within \d+ s; latency fell from \d+ to \d+ ms; settled at \d"
    assert re.fullmatch(did, title("autoscale"))
    kube = load_results(SAMPLES / "sample-kube")
    said = titles(kube, Words())["autoscale"]
    assert re.match(r"rng: \d replicas asked for, no more than \d ready|rng: from", said)
    bare = replace(SAMPLE.autoscale, explanation=())
    assert title("autoscale", autoscale=bare) == f"rng: {most} replicas at most"


def test_the_message_of_monitoring_is_its_range():
    series = {"rng": ((0.0, 700.0), (1.0, 800.0)), "hasher": ((0.0, 1.0),)}
    found = Monitoring(query="q", source="s", series=series) if SAMPLE.monitoring is None else SAMPLE.monitoring
    said = title("monitoring", monitoring=replace(found, series=series))
    assert said == "Latency over the run: hasher 1 to 1 ms, rng 700 to 800 ms"


def test_every_message_stands_in_its_picture_and_in_its_name():
    for language in LANGUAGES:
        for one in drawn(language).values():
            assert one.title
            said = re.sub(r"\s", "", re.sub(r"<[^>]*>", "", one.svg).replace("&quot;", '"'))
            assert re.sub(r"\s", "", one.title) in said, one.name


@given(st.text(max_size=60), st.integers(2, 30))
def test_a_text_in_lines_is_the_same_text(text, most):
    lines = list(wrapped(text, lambda line: cells(line) <= most))
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)
    assert all(cells(one) <= most or len(one) == 1 for one in lines)


def test_lines_break_where_the_language_does():
    assert list(wrapped("a probe takes 754 ms at rng", lambda line: len(line) <= 18)) == [
        "a probe takes",
        "754 ms at rng",
    ]
    assert list(wrapped("速率升高，瓶颈是它", lambda line: cells(line) <= 8)) == ["速率升", "高，瓶颈", "是它"]
