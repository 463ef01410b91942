"""Every sentence about a rolling update is held against the looks of demonstrations at random."""

from __future__ import annotations

import ast
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dclab.report import rollout_words
from tests.report.demos_at_random import BARE, rollout_demo
from tests.report.pages import makes_a_report
from tests.report.test_claims import Listener


def of(demo, phase):
    return [one for one in demo.timeline if one.phase == phase]


def rate(demo, phase):
    looks = of(demo, phase)
    seconds = looks[-1].t - looks[0].t
    rise = looks[-1].hashes - looks[0].hashes
    held = demo.workers * {1: 4, 10: 2}[demo.workers]
    return max(0, rise - held) / seconds, (rise + held) / seconds


def hung(demo):
    """Replicas of the old and the new template at the end of the bad image; None if a new one was ready."""
    last = of(demo, "bad image")[-1].replicas
    if any(one.ready for one in last if one.current):
        return None
    return sum(not one.current for one in last), sum(one.current for one in last)


def is_measured(demo, values):
    return hung(demo) == (values["old"], values["new"])


def lasted(demo, phase, whole):
    """From the first look of a phase to the last one at which it became whole."""
    looks = of(demo, phase)
    turns = [(a.t - looks[0].t, b.t - looks[0].t) for a, b in pairwise(looks) if whole(b) and not whole(a)]
    return turns[-1]


def is_whole(demo):
    return lambda look: len(look.replicas) == demo.replicas


def took(demo, phase, values):
    low, high = lasted(demo, phase, is_whole(demo))
    return values["seconds"] == f"{low:.1f} to {high:.1f} s"


def loss_is_predicted(demo, how, values):
    one = next(one for one in demo.losses if one.how == how)
    assert values["lost"] == one.served - one.counted
    assert values["workers"] == one.at_once * one.rounds
    return one.predicted_low <= one.served - one.counted <= one.predicted_high


CLAIMS = {
    "Predicted: with": lambda demo, values: (
        values["old"] == demo.replicas - demo.replicas // 4
        and values["new"] == -(-demo.replicas // 4) + demo.replicas // 4
    ),
    "The update was not watched": lambda demo, values: len(of(demo, "bad image")) < 2,
    "Measured: the update did not": lambda demo, values: hung(demo) is None,
    "Measured: it hung with {old} old and {new} new replicas, as": lambda demo, values: (
        is_measured(demo, values) and hung(demo) == (demo.predicted.old, demo.predicted.new)
    ),
    "Measured: it hung with {old} old and {new} new replicas, not": lambda demo, values: (
        is_measured(demo, values) and hung(demo) != (demo.predicted.old, demo.predicted.new)
    ),
    "The new replicas": lambda demo, values: any(
        one.waiting == values["why"] for look in of(demo, "bad image") for one in look.replicas if one.current
    ),
    "Meanwhile the rate went down": lambda demo, values: rate(demo, "bad image")[1] < rate(demo, "before")[0],
    "Meanwhile the rate went up": lambda demo, values: rate(demo, "bad image")[0] > rate(demo, "before")[1],
    "Meanwhile the app went on": lambda demo, values: (
        rate(demo, "bad image")[0] > 0
        and rate(demo, "bad image")[1] >= rate(demo, "before")[0]
        and rate(demo, "bad image")[0] <= rate(demo, "before")[1]
    ),
    "Whether the app": lambda demo, values: rate(demo, "bad image")[0] == 0,
    "The undo": lambda demo, values: took(demo, "undo", values),
    "After a replica": lambda demo, values: took(demo, "heal", values),
    "{count} calls": lambda demo, values: values["count"] == demo.failed["bad image"] > 0,
    "{workers} workers were ended by SIGTERM and": lambda demo, values: loss_is_predicted(demo, "SIGTERM", values),
    "{workers} workers were ended by SIGTERM, by": lambda demo, values: not loss_is_predicted(demo, "SIGTERM", values),
    "{workers} workers were killed without SIGTERM: of {served} hashes {lost} are not counted, as": lambda demo, values: (
        loss_is_predicted(demo, "SIGKILL", values)
    ),
    "{workers} workers were killed without SIGTERM: of {served} hashes {lost} are not counted, not": (
        lambda demo, values: not loss_is_predicted(demo, "SIGKILL", values)
    ),
}


def templates():
    """Every sentence that the module can say."""
    tree = ast.parse(Path(rollout_words.__file__).read_text())
    said = {
        one.args[0].value
        for one in ast.walk(tree)
        if isinstance(one, ast.Call)
        and getattr(one.func, "id", "") == "words"
        and isinstance(one.args[0], ast.Constant)
    }
    return {one for one in said if one.endswith((".", ":"))}


def claim(template):
    return max((one for one in CLAIMS if template.startswith(one)), key=len, default=None)


def test_every_sentence_is_borne_by_the_looks():
    reached = set()

    for seed in range(300):  # given, so that all sentences are said whatever else was imported
        demo, words = rollout_demo(seed), Listener()
        said = list(rollout_words.rollout_sentences(demo, words))
        for template, values in words.said:
            if template.format(**values) in said:
                key = claim(template)
                assert key is not None, template
                reached.add(key)
                assert CLAIMS[key](demo, values), template.format(**values)
    assert {one for one in templates() if claim(one) is None} == set()
    assert set(CLAIMS) - reached == set()


@settings(max_examples=5, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_any_demonstration_makes_a_report_in_both_languages(seed):
    makes_a_report(replace(BARE, rollout=rollout_demo(seed)), "rollout", "Rolling update")
