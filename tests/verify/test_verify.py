"""A run held to its raw data: an honest one fits, and each single change of it is found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dclab.errors import InvalidInput
from dclab.verify.verify import verify_run
from tests.conftest import CHECKOUT

SAMPLE = CHECKOUT / "reports" / "sample-embedded"


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(SAMPLE, folder)
    return folder


def wrong(folder: Path) -> list[str]:
    """Where something does not fit; a file that contradicts itself is refused as a whole."""
    try:
        return [one.where for one in verify_run(folder).findings]
    except InvalidInput as error:
        return [error.why]


def test_an_honest_run_fits(run):
    found = verify_run(run)
    assert found.findings == ()
    assert found.rates >= 14
    assert found.requests >= 36
    assert found.passes >= 15
    assert "monitoring" not in found.not_shown
    (run / "raw" / "monitoring.jsonl").unlink()
    assert "monitoring" in verify_run(run).not_shown


def results(run, change):
    file = run / "results.json"
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


def scaled(path, times):
    """Multiply the number at a path of results.json."""

    def change(data):
        *way, last = path
        for step in way:
            data = data[step]
        data[last] *= times

    return change


def put(path, value):
    """Put something else at a path of results.json."""

    def change(data):
        *way, last = path
        for step in way:
            data = data[step]
        assert data[last] != value
        data[last] = value

    return change


def cut(path, count=1):
    """Leave out the last items of a list."""

    def change(data):
        for step in path:
            data = data[step]
        del data[-count:]

    return change


def whole_rate(path, times):
    """Multiply a rate with its interval, so that it agrees with itself."""

    def change(data):
        for step in path:
            data = data[step]
        for name in ("mean", "ci95_low", "ci95_high"):
            data[name] *= times

    return change


POINT = ("sweep", "points", 5)
CHANGES = {
    "a rate of the sweep": whole_rate((*POINT, "hashes_per_second"), 1.02),
    "an interval": scaled((*POINT, "hashes_per_second", "ci95_low"), 0.99),
    "its seconds": scaled((*POINT, "seconds"), 1.5),
    "its samples": put((*POINT, "samples"), 1000),
    "its reports": scaled((*POINT, "hashes_per_second", "reports"), 2),
    "a web UI reading": put((*POINT, "webui_reading"), 40.0),
    "all web UI readings": cut((*POINT, "webui_readings")),
    "the number of workers": put((*POINT, "workers"), 20),
    "the number of rngs": put((*POINT, "rng_replicas"), 2),
    "Little's law": scaled((*POINT, "littles_law"), 1.2),
    "a probe of a point": scaled((*POINT, "probe_ms", "rng"), 1.2),
    "the speedup": scaled(("sweep", "speedup"), 1.5),
    "the web UI's speedup": put(("sweep", "webui_speedup"), 10.0),
    "the best model": put(("sweep", "best_model"), "linear"),
    "a model's parameter": scaled(("sweep", "models", 0, "aicc"), 2),
    "a latency": scaled(("latency", "rng", "probe", "mean"), 1.01),
    "a median": scaled(("latency", "rng", "call", "p50"), 1.001),
    "a maximum": scaled(("latency", "hasher", "call", "max"), 1.5),
    "a number of requests": put(("latency", "hasher", "probe", "errors"), 3),
    "an intervention": whole_rate(("interventions", 1, "hashes_per_second"), 1.1),
    "the baseline": whole_rate(("interventions", 0, "hashes_per_second"), 0.9),
    "what theory allows": scaled(("interventions", 1, "at_most"), 2),
    "what was predicted": scaled(("interventions", 3, "predicted"), 0.9),
    "a wait in the proof": scaled(("interventions", 1, "probe_ms", "rng"), 0.5),
    "the bottleneck": put(("bottleneck", "service"), "hasher"),
    "how certain it is": put(("bottleneck", "certainty"), "suspected"),
    "a fact": scaled(("bottleneck", "evidence", 0, "values", "probe_ms"), 1.3),
    "facts left out": cut(("bottleneck", "evidence"), 5),
    "transactions of siege": put(("loadtest", "transactions"), 60_000),
    "siege's response time": scaled(("loadtest", "response_time_seconds"), 0.5),
    "a point of the timeline": put(("autoscale", "timeline", 80, "ready"), 9),
    "a latency in the timeline": scaled(("autoscale", "timeline", 10, "latency_ms"), 0.1),
    "points left out": cut(("autoscale", "timeline"), 5),
    "the autoscaler's target": put(("autoscale", "manifest", "spec", "maxReplicas"), 20),
    "an explanation": cut(("autoscale", "explanation")),
    "when it ended": put(("finished",), "2020-01-01T00:00:00+00:00"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_figure_is_found(run, what):
    results(run, CHANGES[what])
    assert wrong(run)


ANY_SAMPLE = [
    "a rate of the sweep",
    "an interval",
    "a web UI reading",
    "the speedup",
    "a latency",
    "a maximum",
    "an intervention",
    "the bottleneck",
    "transactions of siege",
    "points left out",
    "the autoscaler's target",
    "an explanation",
]


@pytest.mark.parametrize("what", ANY_SAMPLE)
def test_a_changed_figure_is_found_in_the_other_sample_too(tmp_path, what):
    folder = tmp_path / "run"
    shutil.copytree(SAMPLE.with_name("sample-kube"), folder)
    results(folder, CHANGES[what])
    assert wrong(folder)


def test_a_changed_event_is_found(run):
    def change(data):
        event = next(one for one in data["autoscale"]["events"] if one["reason"] == "SuccessfulRescale")
        event["message"] = event["message"].replace("New size: ", "New size: 1")

    results(run, change)
    assert "autoscale.events" in wrong(run)


def row(run, name, number, change):
    """Change one row of the raw data."""
    file = run / "raw" / f"{name}.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    change(rows[number])
    file.write_text("".join(f"{json.dumps(one)}\n" for one in rows))


RAW = {
    "a reading of the counter": ("counter", 40, lambda one: one.update(hashes=one["hashes"] + 50)),
    "its time": ("counter", 40, lambda one: one.update(t=one["t"] + 10)),
    "a report": ("reports", 30, lambda one: one.update(units=one["units"] + 3)),
    "a report's time": ("reports", 30, lambda one: one.update(t=one["t"] - 0.5)),
    "a window": ("windows", 3, lambda one: one.update(workers=9)),
    "a request": ("latency", 3, lambda one: one.update(total_ms=one["total_ms"] / 2)),
    "a call quicker than any can be": ("latency", -1, lambda one: one.update(total_ms=3.0, first_byte_ms=3.0)),
    "a probe of the proof": ("proof", 5, lambda one: one.update(total_ms=one["total_ms"] + 100)),
    "what siege printed": ("siege", 0, lambda one: one.update(log=one["log"].replace("transaction_rate", "rate"))),
    "a point": ("autoscale", 50, lambda one: one.update(desired=one["desired"] + 1)),
    "the autoscaler": ("hpa", 0, lambda one: one["spec"].update(minReplicas=2)),
    "a decision": ("hpa-trace", 8, lambda one: one["outcome"].update(desired=one["outcome"]["desired"] + 1)),
    "what an autoscaler saw": ("hpa-trace", 4, lambda one: one["seen"].update(replicas=one["seen"]["replicas"] + 2)),
}


@pytest.mark.parametrize("what", RAW)
def test_changed_raw_data_are_found(run, what):
    row(run, *RAW[what])
    assert wrong(run)


@pytest.mark.parametrize("name", ["counter", "reports", "windows", "latency", "siege", "autoscale", "hpa", "hpa-trace"])
def test_a_file_left_out_is_found(run, name):
    (run / "raw" / f"{name}.jsonl").unlink()
    assert wrong(run)


def test_a_rescale_more_that_came_after_the_last_point_is_no_contradiction(run):
    """The passes are fetched a moment after the last point."""
    trace = run / "raw" / "hpa-trace.jsonl"
    *lines, last = trace.read_text().splitlines()
    one = json.loads(last)
    assert one["outcome"]["desired"] == one["seen"]["replicas"]
    rescaled = [
        line for line in lines[1:] if (each := json.loads(line))["outcome"]["desired"] != each["seen"]["replicas"]
    ]
    final = json.loads(rescaled[-1])

    def without_last(data):
        found = data["autoscale"]
        size = f"New size: {final['outcome']['desired']};"
        at = max(i for i, each in enumerate(found["events"]) if each["message"].startswith(size))
        del found["events"][at]

    results(run, without_last)
    assert "autoscale.events" in wrong(run)  # the timeline shows it
    for number in (-1, -2):
        results(run, put(("autoscale", "timeline", number, "desired"), final["seen"]["replicas"]))
    assert "autoscale.events" not in wrong(run)


@pytest.mark.parametrize("name", ["counter", "reports", "latency"])
def test_rows_left_out_are_found(run, name):
    file = run / "raw" / f"{name}.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:20] + lines[24:]))
    assert wrong(run)


def test_a_rate_beyond_what_one_rng_serves_is_named(run):
    """Results and raw data made up together: what cannot be is found all the same."""
    file = run / "raw" / "counter.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    mine = [one for one in rows if one["what"] == "10 workers"]
    first = mine[0]["hashes"]
    for one in mine:
        one["hashes"] = first + 5 * (one["hashes"] - first)
    file.write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    assert any("10 workers" in one.where and "rng make" in one.why for one in verify_run(run).findings)


def test_what_is_no_run_is_refused(tmp_path, run):
    with pytest.raises(InvalidInput):
        verify_run(tmp_path / "nothing")
    shutil.rmtree(run / "raw")
    with pytest.raises(InvalidInput, match="no raw data"):
        verify_run(run)


def test_raw_data_that_are_none(run):
    (run / "raw" / "counter.jsonl").write_text("[1, 2]\n{}\n")
    with pytest.raises(InvalidInput, match="not what dclab writes"):
        verify_run(run)
