"""Reports of workers in their logs, as a kubelet tells them: whatever leaves a doubt is no answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client import ApiClient, Configuration

from dclab.engines.kube.api import Api
from dclab.engines.kube.lab import reports
from dclab.engines.kube.lab.logs import stamped
from dclab.engines.kube.lab.reports import reports_of, worker_reports

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
T = NOW.timestamp()

OURS = "12:00:00 {} units of work done, updating hash counter"
ORIGINAL = "INFO:__main__:{} units of work done, updating hash counter"


def at(seconds, text, zone=UTC):
    """A line, so many seconds after T, as containerd's come (docker's are in UTC)."""
    moment = (NOW + timedelta(seconds=seconds)).astimezone(zone)
    clock, offset = moment.isoformat(timespec="microseconds")[:-6], moment.isoformat()[-6:]
    return f"{clock}000{'Z' if offset == '+00:00' else offset} {text}"


def of(*lines, since=T, started=T - 100.0):
    return reports_of("worker-1", ["\n".join(lines)], since, started=started)


@pytest.mark.parametrize("wording", [OURS, ORIGINAL])
def test_reports_from_a_moment_on_which_need_not_be_a_whole_second(wording):
    lines = [at(t, wording.format(units)) for units, t in enumerate([-1.3, -0.1, 0.25, 0.5, 1.7])]
    assert of(*lines, since=T + 0.3) == [("worker-1", T + 0.5, 3), ("worker-1", T + 1.7, 4)]
    assert [one.units for one in of(*lines)] == [2, 3, 4]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01T12:00:00.123456789Z x y", 0.123456),
        ("2026-01-01T12:00:00.1Z x y", 0.1),
        ("2026-01-01T12:00:00Z x y", 0.0),
        ("2026-01-01T14:00:00.500000000+02:00 x y", 0.5),
        ("2026-01-01T06:30:01.5-05:30 x y\r", 1.5),
    ],
)
def test_timestamps_of_docker_and_of_containerd(text, seconds):
    assert stamped(text) == (pytest.approx(T + seconds, abs=1e-6), "x y")


@pytest.mark.parametrize("text", ["", "x", "2026-13-01T12:00:00Z x", "2026-01-01T12:00:00 x", "unable to retrieve"])
def test_what_has_no_timestamp_is_no_line(text):
    assert stamped(text) is None


@given(
    st.lists(st.tuples(st.integers(-14_000, 9000), st.integers(0, 99)), min_size=1, max_size=12),
    st.integers(-5000, 5000),
    st.randoms(use_true_random=False),
    st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)
def test_lines_in_any_order_and_zone_are_the_same_reports(printed, since, random, zone):
    lines = [at(ms / 1000, OURS.format(units), zone) for ms, units in printed]
    random.shuffle(lines)
    found = of(*lines, since=T + since / 1000, started=None)
    assert [one.t for one in found] == sorted(one.t for one in found)
    expected = sorted((ms, units) for ms, units in printed if ms >= since)
    assert sorted((round((one.t - T) * 1000), one.units) for one in found) == expected


def test_a_last_line_that_is_cut_off_is_no_report():
    whole = at(1, OURS.format(4))
    for end in range(len(whole)):
        found = of(at(-1, OURS.format(4)), whole[:end])
        assert found == [] or found[-1].units == 4


def test_what_redis_did_not_take_was_not_added():
    lines = [
        at(-3, ORIGINAL.format(4)),
        at(-1, ORIGINAL.format(4)),
        at(0.2, ORIGINAL.format(4)),
        at(0.21, "ERROR:__main__:In work loop:"),
        at(0.211, "Traceback (most recent call last):"),
        at(0.212, '    redis.incrby("hashes", loops_done)'),
        at(0.213, "redis.exceptions.ConnectionError: Error 111 connecting to redis:6379. Connection refused."),
        at(0.214, "ERROR:__main__:Waiting 10s and restarting."),
    ]
    assert of(*lines) == []
    assert of(*lines, since=T - 2) == [("worker-1", T - 1, 4)]


def test_where_the_log_is_not_what_is_expected_nobody_can_tell():
    report = at(1, OURS.format(4))
    assert of(at(-1, "Did 3 hashes in 0.9 s"), at(1, "Did 4 hashes in 1.2 s")) is None, "another wording"
    assert of(report) is None, "cut off: it was at work before"
    assert of() is None, "as nothing is left"
    assert of(report, started=T - 5) == [("worker-1", T + 1, 4)], "it had only begun"
    assert of(started=T - 1) == [], "it has done nothing yet"
    failing = [at(-9, "Failed: GET /32 answered 503. Waiting 2 s and going on."), at(1, "Failed: x. Waiting 2 s …")]
    assert of(*failing) == [], "it is at work, and in vain"


# Over HTTP, as from an API server.


def pod(name, *, started=-100.0, restarts=0, ended=None):
    terminated = {"terminated": {"exitCode": 1, "finishedAt": _time(ended)}} if ended is not None else {}
    state = {
        "name": "worker",
        "restartCount": restarts,
        "state": {"running": {"startedAt": _time(started)}},
        "lastState": terminated,
    }
    sidecar = {"name": "a-proxy", "state": {"running": {"startedAt": _time(started)}}}
    return {"metadata": {"name": name}, "status": {"containerStatuses": [sidecar, state]}}


def _time(seconds):
    return f"{NOW + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


PODS = "/api/v1/namespaces/lab/pods"
EVENTS = "/api/v1/namespaces/lab/events"


@pytest.fixture
def asked(server):
    """Ask the server, which has these pods, logs by name and events of pods that were ended."""
    api = Api(ApiClient(Configuration(host=server.url)), "test")

    def ask(pods, logs, events=(), since=T):
        server.answers[PODS] = (200, json.dumps({"metadata": {}, "items": pods}))
        items = [
            {"metadata": {"name": f"e{n}"}, "involvedObject": {"kind": "Pod", "name": name}, "lastTimestamp": _time(t)}
            for n, (name, t) in enumerate(events)
        ]
        server.answers[EVENTS] = (200, json.dumps({"metadata": {}, "items": items}))
        for name, text in logs.items():
            server.answers[f"{PODS}/{name}/log"] = (200, text)
        return worker_reports(api, "lab", since)

    return ask


def log(*times, units=4):
    return "".join(at(t, OURS.format(units)) + "\n" for t in times)


def test_all_workers_in_order_of_time_with_one_request_each(asked, server):
    found = asked(
        [pod("worker-a"), pod("worker-b")],
        {"worker-a": log(-0.5, 0.7, 1.9), "worker-b": log(-1, 0.2, 1.4, units=3)},
        since=T + 0.1,
    )
    assert found == [
        ("worker-b", T + 0.2, 3),
        ("worker-a", T + 0.7, 4),
        ("worker-b", T + 1.4, 3),
        ("worker-a", T + 1.9, 4),
    ]
    logs = [path for path, _ in server.asked if "/log" in path]
    assert len(logs) == 2
    assert all("container=worker" in one and "timestamps=true" in one for one in logs)
    assert all("sinceTime=2026-01-01T11%3A59%3A45Z" in one for one in logs)


def test_above_thirty_workers_they_are_not_asked(asked, server):
    pods = [pod(f"worker-{n}") for n in range(reports.MOST_WORKERS + 1)]
    logs = {one["metadata"]["name"]: log(-0.5, 0.5) for one in pods}
    assert asked(pods, logs) is None
    assert len(asked(pods[1:], logs)) == reports.MOST_WORKERS
    assert len([path for path, _ in server.asked if "/log" in path]) == reports.MOST_WORKERS


def test_a_worker_that_went_with_its_log_leaves_a_doubt(asked):
    pods, logs = [pod("worker-a")], {"worker-a": log(-0.5, 0.7)}
    assert asked(pods, logs, [("worker-gone", 0.0)]) is None
    assert len(asked(pods, logs, [("worker-gone", -1.0), ("rng-gone", 1.0), ("worker-a", 1.0)])) == 1
    assert asked([*pods, pod("worker-b")], logs) is None, "gone between two requests"


def test_a_container_that_was_restarted_has_two_logs(asked, server):
    """The stand-in gives both the same text; each is asked for once."""
    found = asked([pod("worker-a", started=1, restarts=1, ended=0.5)], {"worker-a": log(-1, 0.2)})
    assert [path.count("previous=true") for path, _ in server.asked if "/log" in path] == [1, 0]
    assert [one.t for one in found] == [T + 0.2] * 2
    server.asked.clear()
    asked([pod("worker-a", started=-50, restarts=1, ended=-51)], {"worker-a": log(-1, 0.2)})
    assert [path.count("previous=true") for path, _ in server.asked if "/log" in path] == [0]


def test_a_worker_that_waits_for_its_image_has_not_reported(asked):
    waiting = {
        "metadata": {"name": "worker-new"},
        "status": {"containerStatuses": [{"name": "worker", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]},
    }
    assert len(asked([pod("worker-a"), waiting], {"worker-a": log(-1, 0.2)})) == 1


def test_a_log_too_long_to_be_read_whole_leaves_a_doubt(asked, monkeypatch):
    monkeypatch.setattr(reports, "LONGEST", 200)
    assert asked([pod("worker-a")], {"worker-a": log(-1, 0.2)}) is not None
    assert asked([pod("worker-a")], {"worker-a": log(-1, 0.2, 0.4, 0.6)}) is None


@pytest.mark.parametrize("answer", ["", "unable to retrieve container logs for containerd://1", "x" * 100])
def test_a_kubelet_that_gives_no_log_leaves_a_doubt(asked, answer):
    assert asked([pod("worker-a")], {"worker-a": answer}) is None
