"""Every shape of a HorizontalPodAutoscaler that an API server can give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.engines.kube.lab.autoscaler_objects import Autoscaler
from dclab.engines.kube.lab.autoscaler_status import EventLog, autoscaler_status
from dclab.engines.kube.objects import Event, decode
from dclab.results import MetricReading


def status(metrics, current=None, **more):
    found = {"metadata": {"name": "rng"}, "spec": {"metrics": metrics}}
    if current is not None:
        found["status"] = {"currentReplicas": 2, "desiredReplicas": 3, "currentMetrics": current, **more}
    return autoscaler_status(decode(found, Autoscaler), ())


def one(kind, source, **value):
    key = kind[0].lower() + kind[1:]
    return {"type": kind, key: {**source, "target": value}}, {"type": kind, key: {**source, "current": value}}


CASES = [
    (one("Resource", {"name": "cpu"}, type="Utilization", averageUtilization=5), ("cpu", 5, "%")),
    (one("Resource", {"name": "cpu"}, type="AverageValue", averageValue="500m"), ("cpu", 500, "m")),
    (
        one("Resource", {"name": "memory"}, type="AverageValue", averageValue="128974848000m"),
        ("memory", 128.974848, "MB"),
    ),
    (one("Resource", {"name": "memory"}, type="AverageValue", averageValue="1Ti"), ("memory", 2**40 / 1e6, "MB")),
    (
        one("ContainerResource", {"name": "cpu", "container": "rng"}, type="Utilization", averageUtilization=7),
        ("rng/cpu", 7, "%"),
    ),
    (one("Pods", {"metric": {"name": "hits"}}, type="AverageValue", averageValue="1500m"), ("hits", 1.5, "")),
    (one("Pods", {"metric": {"name": "cpu"}}, type="AverageValue", averageValue="1k"), ("cpu", 1000, "")),
    (
        one(
            "Object",
            {"metric": {"name": "rate"}, "describedObject": {"kind": "Ingress", "name": "x"}},
            type="Value",
            value="2k",
        ),
        ("rate", 2000, ""),
    ),
    (
        one(
            "External",
            {"metric": {"name": "queue", "selector": {"matchLabels": {"a": "b"}}}},
            type="AverageValue",
            averageValue="30",
        ),
        ("queue", 30, ""),
    ),
]


@pytest.mark.parametrize(("metric", "expected"), CASES)
def test_each_kind_of_metric(metric, expected):
    target, current = metric
    name, number, unit = expected
    for known, value in (([current], number), ([], None), ([{"type": ""}], None), (None, None)):
        (reading,) = status([target], known).metrics
        assert (reading.type, reading.name, reading.unit) == (target["type"], name, unit)
        assert reading.target == pytest.approx(number)
        assert reading.current == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("unit", "current", "target", "figures"),
    [
        ("%", 12.0, 5.0, "12%/5%"),
        ("%", 12345678.0, 5.0, "12345678%/5%"),
        ("m", None, 500.0, "<unknown>/500m"),
        ("MB", 128.974848, 64.0, "128.975MB/64MB"),
        ("", 0.5, 1.5, "0.5/1.5"),
        ("", 0.0, 12345678.0, "0/12345678"),
    ],
)
def test_figures_have_their_unit(unit, current, target, figures):
    assert MetricReading(type="", name="", current=current, target=target, unit=unit).figures == figures


def test_all_metrics_are_shown_each_with_its_own_reading():
    """In a status an unknown metric is there without its source, so position says nothing."""
    found = status([target for (target, _), _ in CASES], [{"type": ""}, *(current for (_, current), _ in CASES[::-1])])
    distinct = {}
    for (_, current), (name, number, _) in CASES:
        distinct.setdefault((current["type"], name), []).append(number)
    assert len(found.metrics) == len(CASES)
    for reading in found.metrics:
        assert any(reading.current == pytest.approx(each) for each in distinct[reading.type, reading.name]) or (
            reading.current is None
        )


def test_what_is_absent():
    found = status([])
    assert (found.current, found.desired, found.metrics, found.conditions, found.events) == (0, 0, (), (), ())
    assert status([], []).current == 2
    assert status([{"type": "Resource"}], [{}]).metrics[0].current is None


def event(uid="e", **fields):
    metadata = {"name": uid, "uid": uid, "creationTimestamp": "2026-01-01T00:00:01Z"}
    return decode({"metadata": metadata, **fields}, Event)


def at(second):
    return f"2026-01-01T00:00:{second:02}Z"


def test_events_of_either_api():
    times = ({"lastTimestamp": at(2)}, {"eventTime": "2026-01-01T00:00:01.5Z"}, {})
    found = EventLog().read([event(str(number), **one) for number, one in enumerate(times)])
    assert [one.t - found[0].t for one in found] == [0, 0.5, 1]


def test_no_event_is_lost_or_doubled():
    """One that repeats is counted by the API, which forgets it later; none is told twice, also after a gap."""
    log = EventLog()
    up, down = {"message": "New size: 5"}, {"message": "New size: 1"}
    once = event("up", firstTimestamp=at(2), lastTimestamp=at(2), **up)
    assert len(log.read([once])) == len(log.read([once])) == 1
    twice = event("up", firstTimestamp=at(2), lastTimestamp=at(40), count=2, **up)
    found = log.read([twice, event("down", firstTimestamp=at(20), lastTimestamp=at(20), **down)])
    assert [(one.message, one.t - found[0].t) for one in found] == [
        ("New size: 5", 0),
        ("New size: 1", 18),
        ("New size: 5", 38),
    ]
    assert log.read([]) == found
    assert EventLog().read([twice]) == (found[0], found[2])


QUANTITIES = st.sampled_from(["1", "500m", "1Gi", "12k", "7e3", ".5", "-1", 3])
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["Utilization", "AverageValue", "Value", ""]),
        "averageUtilization": st.integers(0, 2**31 - 1),
        "averageValue": QUANTITIES,
        "value": QUANTITIES,
    },
)
SOURCES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["cpu", "memory", "x"]),
        "container": st.just("rng"),
        "metric": st.fixed_dictionaries({}, optional={"name": st.just("m")}),
        "target": VALUES,
        "current": VALUES,
    },
)
METRICS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["Resource", "ContainerResource", "Pods", "Object", "External", "New", ""])},
        optional=dict.fromkeys(("resource", "containerResource", "pods", "object", "external"), SOURCES),
    ),
    max_size=3,
)


@given(METRICS, st.none() | METRICS)
def test_each_metric_is_one_reading_whatever_is_there(metrics, current):
    found = status(metrics, current)
    assert [one.type for one in found.metrics] == [one["type"] for one in metrics]
