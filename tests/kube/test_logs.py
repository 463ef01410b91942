"""A log that is asked for again and again: each line is told once, and none is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dclab.engines.kube.lab.logs import Log

PRINTED = st.lists(st.tuples(st.integers(0, 5_000_000_000), st.text("ab \t", max_size=2)), max_size=12)
LOOKS = st.lists(st.integers(0, 6_000_000_000), max_size=6)


def stamp(nanoseconds):
    """A time as the kubelet prints it: without trailing zeros of the fraction."""
    seconds, rest = divmod(nanoseconds, 10**9)
    fraction = f".{rest:09}".rstrip("0").rstrip(".")
    return f"2026-01-01T00:00:0{seconds}{fraction}Z"


def answer(lines, at, since):
    """What the API server says: the lines up to now, from a whole second on."""
    return "".join(f"{stamp(t)} {text}\n" for t, text in lines if t <= at and stamp(t)[:19] >= since)


@given(PRINTED, LOOKS)
def test_every_line_once_in_its_order(printed, looks):
    lines = sorted(set(printed), key=lambda one: one[0])
    log = Log("rng-1")
    told = []
    for at in [*sorted(looks), 10**10]:
        since = str(log.query.get("sinceTime", ""))[:19]
        told += [one.text for _, one in log.new_lines(answer(lines, at, since))]
    assert told == [text for _, text in lines]


def test_what_is_no_line_of_the_log_is_left_out():
    log = Log("rng-1")
    assert list(log.new_lines("unable to retrieve container logs for containerd://1\n\n")) == []
    assert [one.text for _, one in log.new_lines("2026-01-01T00:00:00.1Z \n2026-01-01T00:00:00.2Z a\r\n")] == ["", "a"]
