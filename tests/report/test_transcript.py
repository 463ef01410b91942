"""The terminal transcript: kubectl's columns and its way to write ages."""

from __future__ import annotations

import pytest

from dclab import manifests
from dclab.report.transcript import age, transcript
from dclab.results import Autoscale, MetricReading, TimelinePoint


@pytest.mark.parametrize(
    ("seconds", "text"),
    # What kubectl's HumanDuration gives (k8s.io/apimachinery/pkg/util/duration/duration_test.go).
    [(0, "0s"), (1.9, "1s"), (70, "70s"), (119, "119s"), (120, "2m"), (190, "3m10s"), (599, "9m59s"), (600, "10m"),
     (3661, "61m")],
)  # fmt: skip
def test_age(seconds, text):
    assert age(seconds) == text


def demo(rows, clock_speed=1.0):
    timeline = tuple(
        TimelinePoint(
            t=t,
            phase="autoscaled",
            current=replicas,
            desired=replicas,
            ready=replicas,
            metrics=(MetricReading(type="Resource", name="cpu", current=current, target=5),),
        )
        for t, current, replicas in rows
    )
    manifest = manifests.autoscaler("rng")
    return Autoscale(
        target="rng",
        workers=10,
        manifest=manifest,
        clock_speed=clock_speed,
        request_millicores=200,
        timeline=timeline,
        events=(),
    )


def test_a_row_for_every_change():
    lines = transcript(demo([(10, None, 1), (12, None, 1), (25, 7, 1), (30, 7, 2), (31, 7, 2)])).splitlines()
    assert lines[0].split() == ["NAME", "REFERENCE", "TARGETS", "MINPODS", "MAXPODS", "REPLICAS", "AGE"]
    assert [line.split()[2:] for line in lines[1:]] == [
        ["cpu:", "<unknown>/5%", "1", "10", "1", "0s"],
        ["cpu:", "7%/5%", "1", "10", "1", "15s"],
        ["cpu:", "7%/5%", "1", "10", "2", "20s"],
    ]
    assert all(line.split()[:2] == ["rng", "Deployment/rng"] for line in lines[1:])


def test_ages_are_on_the_autoscalers_clock_and_say_so():
    text = transcript(demo([(0, 7, 1), (6, 7, 2)], clock_speed=5))
    assert "30s" in text
    assert "5 times faster" in text.splitlines()[-1]
