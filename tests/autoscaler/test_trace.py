"""Traces: written, read again, refused when they cannot be."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dclab.autoscaler import parse_autoscaler
from dclab.autoscaler.trace import outcome, read, replay, write
from dclab.errors import InvalidInput
from tests.autoscaler.test_recorded import RECORDED

ROOT = RECORDED.parent.parent.parent


def test_a_trace_that_is_written_is_read_again(tmp_path):
    header, passes = read(RECORDED)
    write(tmp_path / "trace", header, passes)
    assert read(tmp_path / "trace") == (header, passes)


def test_a_replay_of_its_own_decisions_takes_them_again(tmp_path):
    header, passes = read(RECORDED)
    spec = parse_autoscaler(header.autoscaler)
    own = [replace(one, outcome=outcome(decision)) for one, decision in replay(spec, passes)]
    assert [outcome(decision) for _, decision in replay(spec, own)] == [one.outcome for one in own]


def test_a_trace_by_hand_needs_little(tmp_path):
    lines = RECORDED.read_text().splitlines()
    by_hand = {
        "at": 15,
        "seen": {
            "replicas": 1,
            "pods": [{"name": "a", "started": 0, "ready_changed": 1}],
            "usage": {"a": {"value": 30, "at": 14, "window": 10}},
            "requests": {"a": 200},
        },
    }
    (tmp_path / "trace").write_text("\n".join([lines[0], json.dumps(by_hand)]))
    _, passes = read(tmp_path / "trace")
    assert (passes[0].outcome, passes[0].seen.pods[0].ready) == (None, True)


def changed(number, **fields):
    lines = RECORDED.read_text().splitlines()
    one = json.loads(lines[number])
    lines[number] = json.dumps({**one, **fields})
    return "\n".join(lines)


def with_usage(value):
    first = json.loads(RECORDED.read_text().splitlines()[1])
    (pod,) = first["seen"]["usage"]
    first["seen"]["usage"][pod]["value"] = value
    return changed(1, seen=first["seen"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no passes"),
        (RECORDED.read_text().splitlines()[0], "no passes"),
        (RECORDED.read_text()[:-40], "Line"),
        (changed(0, schema="dclab/hpa-trace/9"), "Line 1: its schema is"),
        (changed(1, at=-1), "Line 2: its time is -1"),
        (changed(3, at=1.0), "Line 4: its time 1 is not after"),
        (changed(1, at=float("nan")), "Line 2"),
        (with_usage(-5), "Line 2: a quantity or a time is negative"),
        (with_usage(1e307), "Line 2: a quantity or a time"),
        (with_usage(1e999), "Line 2"),
        (
            changed(1, seen={**json.loads(RECORDED.read_text().splitlines()[1])["seen"], "replicas": 10**9}),
            "1000000000 replicas",
        ),
    ],
)
def test_what_cannot_be_replayed_is_refused_by_its_line(tmp_path, text, said):
    (tmp_path / "trace").write_text(text)
    with pytest.raises(InvalidInput) as refused:
        read(tmp_path / "trace")
    assert said in str(refused.value)


def test_a_trace_that_is_not_there(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        read(tmp_path / "absent")


@pytest.mark.parametrize("name", ["sample-embedded", "sample-kube"])
def test_the_traces_of_the_committed_runs_replay_to_what_was_decided(name):
    header, passes = read(ROOT / "reports" / name / "raw" / "hpa-trace.jsonl")
    assert len({one.outcome.desired for one in passes}) > 2
    for one, decision in replay(parse_autoscaler(header.autoscaler), passes):
        assert decision.desired == one.outcome.desired


@pytest.mark.parametrize("place", ["/dev/zero", "/", "/dev/null"])
def test_what_is_no_file_is_no_trace(place):
    with pytest.raises(InvalidInput, match="cannot be read"):
        read(Path(place))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=30), st.sampled_from(RECORDED.read_bytes().splitlines()[:4])), max_size=5))
def test_any_lines_are_a_trace_or_refused(tmp_path, lines):
    (tmp_path / "trace").write_bytes(b"\n".join(lines))
    with contextlib.suppress(InvalidInput):
        header, passes = read(tmp_path / "trace")
        assert header.schema
        assert passes


def test_a_deep_line_is_refused(tmp_path):
    (tmp_path / "trace").write_text("\n".join([RECORDED.read_text().splitlines()[0], "[" * 100_000]))
    with pytest.raises(InvalidInput, match="Line 2"):
        read(tmp_path / "trace")
    header = json.loads(RECORDED.read_text().splitlines()[0])
    header["autoscaler"] = "DEEP"
    text = json.dumps(header).replace('"DEEP"', '{"a":' * 50_000 + "1" + "}" * 50_000)
    (tmp_path / "trace").write_text("\n".join([text, RECORDED.read_text().splitlines()[1]]))
    with pytest.raises(InvalidInput, match="Line 1"):
        read(tmp_path / "trace")
