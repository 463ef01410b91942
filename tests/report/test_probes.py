"""Every sentence about a health probe is held against the looks of demonstrations at random, by arithmetic of this file's own."""

from __future__ import annotations

import ast
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dclab.report import health_words
from tests.report.demos_at_random import BARE, probe_demo
from tests.report.pages import makes_a_report
from tests.report.test_claims import Listener


def of(demo, phase):
    return [one for one in demo.timeline if one.phase == phase]


def flips(looks, was):
    """Between which looks a replica's being in service went from `was` to the other."""
    return [
        (a.t, b.t)
        for a, b in pairwise(looks)
        for old, new in zip(a.replicas, b.replicas, strict=True)
        if (old.in_service, new.in_service) == (was, not was)
    ]


def crashes(looks):
    return [
        (a.t, b.t)
        for a, b in pairwise(looks)
        for old, new in zip(a.replicas, b.replicas, strict=True)
        if new.restarts > old.restarts
    ]


def effects(demo):
    """When the HTTP probe took effect, in seconds since it was in force."""
    looks = of(demo, "http")
    found = flips(looks, True) if demo.kind == "readiness" else crashes(looks)
    return [(a - looks[0].t, b - looks[0].t) for a, b in found]


def length(demo, phase):
    looks = of(demo, phase)
    return looks[-1].t - looks[0].t


def rate(demo, phase):
    """Bounds of hashes per second: each worker may hold a second's hashes, and one."""
    looks, seconds = of(demo, phase), length(demo, phase)
    rise = looks[-1].hashes - looks[0].hashes
    each = ({1: 4, 10: 2, 15: 1, 40: 1} if demo.replicas == 1 else {1: 4, 10: 4, 15: 3, 40: 1})[demo.workers]
    return max(0, rise - each * demo.workers) / seconds, (rise + each * demo.workers) / seconds


def calm(demo, phase):
    return not flips(of(demo, phase), True) and not crashes(of(demo, phase))


def is_first(demo, values):
    low, high = effects(demo)[0]
    return (values["low"], values["high"]) == pytest.approx((low, high))


def is_predicted(demo):
    low, high = demo.predicted.first_low, demo.predicted.first_high
    if demo.predicted.outcome == "holds":
        return not effects(demo) and length(demo, "http") > 0.9 * demo.watch_seconds
    return demo.predicted.outcome == "fails" and any(a <= high and b >= low for a, b in effects(demo)[:1])


def is_refuted(demo):
    if demo.predicted.outcome == "holds":
        return bool(effects(demo))
    low, high = demo.predicted.first_low, demo.predicted.first_high
    return demo.predicted.outcome == "fails" and (
        all(b < low or a > high for a, b in effects(demo)[:1]) if effects(demo) else length(demo, "http") > high
    )


CLAIMS = {
    "Predicted: beside": lambda demo, values: values["late"] == 100 * demo.predicted.late_share,
    "Predicted: {threshold}": lambda demo, values: demo.predicted.outcome == "holds",
    "Whether {threshold}": lambda demo, values: demo.predicted.outcome == "cannot tell",
    "Predicted: the first replica is out": lambda demo, values: (
        demo.kind == "readiness" and values["low"] == demo.predicted.first_low
    ),
    "Predicted: the first replica is restarted": lambda demo, values: (
        demo.kind == "liveness" and values["high"] == demo.predicted.first_high
    ),
    "Kubernetes restarts it": lambda demo, values: demo.kind == "liveness" and demo.predicted.outcome == "fails",
    "Predicted: with a timeout": lambda demo, values: values["seconds"] == demo.predicted.enough_seconds,
    "Predicted: without": lambda demo, values: values["low"] == demo.predicted.cycle_low and demo.kind == "readiness",
    "The HTTP probe was not watched": lambda demo, values: len(of(demo, "http")) < 2,
    "Measured: in {seconds:.0f} s under the HTTP probe no": lambda demo, values: calm(demo, "http"),
    "Measured: in {seconds:.0f} s under the HTTP probe its": lambda demo, values: not effects(demo),
    "Measured: the first replica was out": lambda demo, values: demo.kind == "readiness" and is_first(demo, values),
    "Measured: the first replica was restarted": lambda demo, values: (
        demo.kind == "liveness" and is_first(demo, values)
    ),
    "Measured: it was out of service {times}": lambda demo, values: (
        values["times"] == len(effects(demo)) > 1
        and values["low"] == pytest.approx(min(b[0] - a[1] for a, b in pairwise(effects(demo))))
        and values["high"] == pytest.approx(max(b[1] - a[0] for a, b in pairwise(effects(demo))))
    ),
    "This is as predicted.": lambda demo, values: is_predicted(demo),
    "This is not as predicted.": lambda demo, values: is_refuted(demo),
    "Whether this is": lambda demo, values: demo.verdict == "cannot tell",
    "With the TCP check of the manifest no": lambda demo, values: calm(demo, "tcp"),
    "With the TCP check of the manifest, too": lambda demo, values: not calm(demo, "tcp"),
    "The HTTP probe took": lambda demo, values: rate(demo, "http")[1] < rate(demo, "tcp")[0],
    "With the HTTP probe there": lambda demo, values: rate(demo, "http")[0] > rate(demo, "tcp")[1],
    "Whether the HTTP probe changed": lambda demo, values: (
        rate(demo, "http")[0] <= rate(demo, "tcp")[1] and rate(demo, "http")[1] >= rate(demo, "tcp")[0]
    ),
}


def templates():
    """Every sentence that the module can say."""
    tree = ast.parse(Path(health_words.__file__).read_text())
    said = {one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return {
        one
        for one in said
        if one.startswith(("Predicted", "Measured", "Whether", "With", "The HTTP", "This is", "Kubernetes"))
    }


def claim(template):
    return max((one for one in CLAIMS if template.startswith(one)), key=len, default=None)


def test_every_sentence_is_borne_by_the_looks():
    reached = set()

    for seed in range(300):  # given, so that all sentences are said whatever else was imported
        demo, words = probe_demo(seed), Listener()
        said = list(health_words.probe_sentences(demo, words))
        for template, values in words.said:
            key = claim(template)
            if template.format(**values) in said:
                assert key is not None, template
                reached.add(key)
                assert CLAIMS[key](demo, values), template.format(**values)
    assert {one for one in templates() if claim(one) is None} == set()
    assert set(CLAIMS) - reached == set()


@settings(max_examples=5, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_any_demonstration_makes_a_report_in_both_languages(seed):
    makes_a_report(replace(BARE, probes=probe_demo(seed)), "probes", "Health probes")
