"""Caveats that differ only in numbers become one, and no other does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.lab import ProbeSample, ProbeSpec
from dclab.measure.caveats import CpuTimes, machine_caveats, probe_caveats, rate_caveats
from dclab.measure.merge_caveats import merge_caveats
from dclab.results import Caveat, Rate


def rate_of(workers, half):
    rate = Rate(mean=10.0, ci95_low=10 - half, ci95_high=10 + half, seconds=30, on_cap=True)
    return list(rate_caveats(rate, f"The rate of {workers} worker{'s' * (workers > 1)}"))


def said(caveats):
    return [f"{one.message} {one.hint}".strip() for one in merge_caveats(caveats)]


def test_points_of_a_sweep_are_named_together():
    found = [caveat for workers, half in ((1, 0.6), (3, 0.8), (5, 0.7)) for caveat in rate_of(workers, half)]
    assert said(found) == [
        "The rate of 1, 3 and 5 workers is only known to ±6 to 8 % after 30 s. "
        "It varies that much: ±2 % would take about 4, 6 and 8 min."
    ]


def test_changes_of_a_proof_are_named_together():
    noisy = Rate(mean=10.0, ci95_low=9.2, ci95_high=10.8, seconds=30, unstable=True)
    changes = ("nothing changed", "rng x2", "rng with 10 threads")
    found = [caveat for name in changes for caveat in rate_caveats(noisy, f"The rate with {name}")]
    assert said(found) == [
        "The rate with nothing changed, rng x2 and rng with 10 threads varied more than the app's own work does: it is only known "
        "to ±8 %. The machine was busy or slow for a while. Check what else is running, and measure again."
    ]


def test_a_busy_machine_is_told_once():
    times = CpuTimes(0, 0, 0), CpuTimes(100, 0, 0)
    found = [one for who in ("1 worker", "2 workers", "3 workers") for one in machine_caveats(*times, who)]
    assert said(found) == [
        "CPU was 100 % busy while measuring 1, 2 and 3 workers. "
        "DockerCoins itself needs little CPU, so another program was running. Stop it and measure again."
    ]


def test_other_words_are_other_caveats():
    samples = [ProbeSample(at=0, total_ms=None, error="refused"), ProbeSample(at=0, total_ms=1.0)]
    found = [one for what in ("rng", "hasher") for one in probe_caveats(samples, ProbeSpec(), what, more="")]
    assert len(said(found)) == 2


@pytest.mark.parametrize(
    ("texts", "together"),
    [
        (["1 worker died."], ["1 worker died."]),
        (["1 worker died.", "1 worker died."], ["1 worker died."]),
        (["2 workers died.", "1 worker died."], ["1 and 2 workers died."]),
        (["It took 1.5 s.", "It took 10 s.", "It took 9 s."], ["It took 1.5 to 10 s."]),
        (["At v1.2 it failed.", "At v1.3 it failed."], ["At v1.2 it failed.", "At v1.3 it failed."]),
        (["http://a:80/1 failed.", "http://a:81/1 failed."], ["http://a:80/1 failed.", "http://a:81/1 failed."]),
        (["rng x2 failed.", "rng x3 failed."], ["rng x2 failed.", "rng x3 failed."]),
        (["See `dclab scale rng 2`.", "See `dclab scale rng 10`."], ["See `dclab scale rng 2,10`."]),
    ],
)
def test_what_is_said(texts, together):
    assert [one.message for one in merge_caveats([Caveat(code="c", message=text) for text in texts])] == together


CAVEATS = st.lists(
    st.builds(
        Caveat,
        code=st.sampled_from(["a", "b"]),
        message=st.builds(
            "{} of {} {} in {} s".format,
            st.sampled_from(["The rate", "The load"]),
            st.integers(0, 30),
            st.sampled_from(["workers", "rngs"]),
            st.integers(1, 3),
        ),
        hint=st.sampled_from(["", "Wait 5 s.", "Wait 6 s."]),
    ),
    max_size=12,
)


@given(CAVEATS)
def test_nothing_is_lost_or_moved(caveats):
    merged = merge_caveats(caveats)
    assert len(merged) <= len(caveats)
    places = []
    for one in merged:
        who = re.match(r"The \w+ of", one.message).group()
        kind = [each for each in caveats if each.code == one.code and each.message.startswith(who)]
        kind = [each for each in kind if bool(each.hint) == bool(one.hint) and each.message.split()[4] in one.message]
        assert kind
        counts = {each.message.split()[3] for each in kind}
        assert counts == set(re.findall(r"\d+", one.message.partition(" in ")[0]))
        places.append(caveats.index(kind[0]))
    assert places == sorted(places)


@given(CAVEATS)
def test_what_is_merged_twice_is_merged_once(caveats):
    once = merge_caveats(caveats)
    assert merge_caveats([*caveats, *caveats]) == once
    assert merge_caveats(caveats[:1]) == tuple(caveats[:1])


@given(st.lists(st.builds(Caveat, code=st.just("a"), message=st.text("1 2s%`.\0w", max_size=12))))
def test_any_text_can_be_merged(caveats):
    assert len(merge_caveats(caveats)) <= len(caveats)


def test_what_was_probed_is_listed():
    merged = merge_caveats(
        [
            Caveat(code="few-samples", message=f"Only 3 requests of {what} were timed.", hint="Use a larger --count.")
            for what in ("the probe of rng", "the call of rng", "the probe of hasher", "the call of rng")
        ]
    )
    (one,) = merged
    assert one.message == "Only 3 requests of the probe of rng, the call of rng and the probe of hasher were timed."
