"""A run of a real lab: it fits, and so does what a kill at any moment leaves; and every single change of it is found."""

from __future__ import annotations

import json

import pytest

from dclab.errors import ExitCode
from dclab.verify.verify import verify_run
from tests.verify.real_run import make
from tests.verify.test_verify import cut, put, results, row, scaled, whole_rate

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return make(tmp_path_factory.mktemp("real") / "run")


@pytest.fixture
def run(real, tmp_path):
    real.copy(tmp_path / "run")
    return tmp_path / "run"


def test_the_finished_run_fits(dclab_here, run):
    done = dclab_here("verify", str(run))
    assert done.code == 0, done.out
    assert "No file was changed after the run" in done.out
    found = verify_run(run)
    assert found.rates == len(json.loads((run / "results.json").read_text())["sweep"]["points"]) + 4
    assert (found.finished, found.sealed) == (True, True)
    assert "monitoring" not in found.not_shown
    assert "autoscale.rates" not in found.not_shown


@pytest.mark.parametrize("share", [part / 19 for part in range(20)])
def test_what_a_kill_leaves_fits(dclab_here, real, tmp_path, share):
    real.killed(round(share * (len(real.moments) - 1)), tmp_path / "run")
    done = dclab_here("verify", str(tmp_path / "run"))
    assert done.code == 0, done.out
    assert "The run was interrupted or is not finished" in done.out


def test_what_a_kill_leaves_at_each_part_of_a_line_fits(real, tmp_path):
    """Of each file once, in the middle of its first write."""
    seen: set[str] = set()
    for moment, ((_, before), (_, after)) in enumerate(zip(real.moments, real.moments[1:], strict=False)):
        for name in set(after) - seen:
            if after[name] > before.get(name, 0):
                seen.add(name)
                real.killed(moment, tmp_path / f"{moment}-{name}")
                assert verify_run(tmp_path / f"{moment}-{name}").findings == (), name
    assert len(seen) >= 8


RESULTS = {
    "a rate": whole_rate(("sweep", "points", 2, "hashes_per_second"), 1.02),
    "the end of an interval": scaled(("sweep", "points", 0, "hashes_per_second", "ci95_high"), 1.01),
    "a number of reports": scaled(("sweep", "points", 1, "hashes_per_second", "reports"), 2),
    "a reading of the web UI": put(("sweep", "points", 2, "webui_reading"), 41.0),
    "the speedup": scaled(("sweep", "speedup"), 1.5),
    "a point of the sweep": cut(("sweep", "points")),
    "how long scaling took": scaled(("sweep", "points", 1, "ready_seconds"), 3),
    "a latency": scaled(("latency", "rng", "probe", "p50"), 0.99999),
    "how many requests": put(("latency", "rng", "probe", "errors"), 1),
    "a rate of the proof": whole_rate(("interventions", 1, "hashes_per_second"), 1.1),
    "a prediction": scaled(("interventions", 1, "predicted"), 0.9),
    "the bottleneck": put(("bottleneck", "service"), "hasher"),
    "a fact": cut(("bottleneck", "evidence")),
    "a CPU figure": scaled(("environment", "memory_mb"), 2),
    "siege's transactions": put(("loadtest", "transactions"), 1),
    "the generator's CPU": put(("loadtest", "generator_cores"), 7.0),
    "a rate of a phase": whole_rate(("autoscale", "rates", "baseline"), 1.05),
    "a point of the timeline": put(("autoscale", "timeline", 5, "ready"), 9),
    "a latency of the timeline": put(("autoscale", "timeline", 5, "latency_ms"), 12.5),
    "an event left out": cut(("autoscale", "events")),
    "when an event was": scaled(("autoscale", "events", -1, "t"), 1.01),
    "what a condition says": put(("autoscale", "conditions", 0, "message"), "all is well"),
    "the autoscaler": put(("autoscale", "manifest", "spec", "maxReplicas"), 20),
    "a point of the graph": scaled(("monitoring", "series", "rng", -1, 1), 0.9),
    "points of the graph": cut(("monitoring", "series", "rng"), 2),
    "the command": put(("command",), "dclab run"),
    "a warning more": lambda data: data["caveats"].append({"code": "a", "message": "b", "hint": ""}),
    "that it was quick": put(("quick",), False),
    "a part": lambda data: data.update(loadtest=None),
    "the seal": lambda data: data.update(seal=None),
    "another seal": put(("seal",), 64 * "0"),
    "a digest": put(("raw", "counter.jsonl", "sha256"), 64 * "0"),
    "a file that is not known": lambda data: data["raw"].pop("counter.jsonl"),
}


@pytest.mark.parametrize("what", RESULTS)
def test_a_change_of_the_results_is_found(dclab_here, run, what):
    results(run, RESULTS[what])
    done = dclab_here("verify", str(run))
    assert done.code != ExitCode.OK, done.out
    assert "✗ " in done.out + done.err


RECOMPUTED = {
    "a rate": "sweep.points[2].hashes_per_second.mean: it is",
    "a latency": "latency.rng.probe.p50: it is",
    "a rate of a phase": "autoscale.rates.baseline.mean: it is",
    "a point of the graph": "monitoring.series.rng[",
    "a point of the sweep": "sweep.points: the raw data have a window of 10 workers",
}


@pytest.mark.parametrize("what", RECOMPUTED)
def test_what_follows_from_raw_data_is_named_by_its_figure(dclab_here, run, what):
    results(run, RESULTS[what])
    assert f"✗ {RECOMPUTED[what]}" in dclab_here("verify", str(run)).out


ROWS = {
    "a reading": ("counter", 40, lambda one: one.update(hashes=one["hashes"] + 1)),
    "a hash not whole": ("counter", 40, lambda one: one.update(hashes=one["hashes"] + 0.5)),
    "a report": ("reports", 10, lambda one: one.update(units=one["units"] + 1)),
    "a window": ("windows", 1, lambda one: one.update(workers=5)),
    "a request": ("latency", 3, lambda one: one.update(total_ms=one["total_ms"] * 1.01)),
    "a probe": ("proof", 1, lambda one: one.update(total_ms=one["total_ms"] + 1)),
    "siege's output": ("siege", 0, lambda one: one.update(log=one["log"] + " ")),
    "a point": ("autoscale", 3, lambda one: one.update(cpu_millicores=1.0)),
    "the autoscaler": ("hpa", 0, lambda one: one["spec"].update(minReplicas=2)),
    "a decision": ("hpa-trace", 2, lambda one: one["outcome"].update(desired=one["outcome"]["desired"] + 1)),
    "what it saw": ("hpa-trace", 2, lambda one: one["seen"].update(replicas=one["seen"]["replicas"] + 1)),
    "a sample of the graph": ("monitoring", 1, lambda one: one.update(t=one["t"] + 1)),
}


@pytest.mark.parametrize("what", ROWS)
def test_a_change_of_a_row_is_found(dclab_here, run, what):
    row(run, *ROWS[what])
    assert dclab_here("verify", str(run)).code != ExitCode.OK


FILES = ("counter", "reports", "windows", "latency", "proof", "siege", "autoscale", "hpa", "hpa-trace", "monitoring")


@pytest.mark.parametrize("name", FILES)
def test_a_file_left_out_and_a_row_left_out_are_found(dclab_here, run, name):
    file = run / "raw" / f"{name}.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))
    assert dclab_here("verify", str(run)).code != ExitCode.OK
    file.unlink()
    done = dclab_here("verify", str(run))
    assert done.code == ExitCode.ERROR
    assert f"✗ raw/{name}.jsonl: it is missing, and the run wrote it." in done.out


def test_a_file_more_is_found(dclab_here, run):
    (run / "raw" / "elastic.jsonl").write_text("")
    assert "✗ raw/elastic.jsonl: the run did not write it." in dclab_here("verify", str(run)).out


def test_of_a_run_without_checksums_the_autoscalers_trace_is_missed(dclab_here, run):
    """As older versions of dclab made them."""
    results(run, lambda data: data.update(raw={}, seal=None))
    assert dclab_here("verify", str(run)).code == 0
    (run / "raw" / "hpa-trace.jsonl").unlink()
    assert "✗ raw/hpa-trace.jsonl: the autoscaler ran to the end" in dclab_here("verify", str(run)).out


def test_the_layout_of_the_results_is_not_what_is_sealed(dclab_here, run):
    results(run, lambda data: None)
    assert dclab_here("verify", str(run)).code == 0
