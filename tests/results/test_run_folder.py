"""A run's folder: whole files, a round trip without loss, nothing written over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from dclab.errors import InvalidInput, MissingTool
from dclab.results import SCHEMA, Caveat, Rate, Results, SweepPoint, json_schema
from dclab.run_folder import (
    RESULTS,
    Run,
    drop_unused,
    latest_run,
    load_results,
    new_folder,
    this_environment,
    write_atomically,
)

SAMPLE = Path(__file__).parent.parent.parent / "reports" / "sample-embedded"


def begun(folder):
    return Run(
        folder,
        engine="embedded",
        lab="dclab",
        command="dclab run",
        environment=this_environment("a test", {"redis-server": "7"}),
    )


@pytest.fixture
def run(tmp_path):
    return begun(new_folder(tmp_path / "run", "embedded"))


def test_results_come_back_as_they_were(run):
    run.caveat(Caveat(code="a", message="b"))
    run.finish()
    assert load_results(run.folder) == run.results
    assert load_results(run.folder / RESULTS) == run.results


def test_a_committed_run_is_readable_and_has_every_part():
    found = load_results(SAMPLE)
    assert found.schema == SCHEMA
    assert None not in (found.sweep, found.latency, found.bottleneck, found.loadtest, found.autoscale, found.monitoring)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Results) == found


def test_the_keys_that_other_tools_read():
    """These names are promised: sweep.points[], latency.<service>.probe, autoscale.timeline[] and the rest."""
    document = msgspec.json.decode((SAMPLE / RESULTS).read_bytes())
    assert {"schema", "engine", "environment"} <= set(document)
    point = document["sweep"]["points"][0]
    assert {"workers", "hashes_per_second", "webui_reading"} <= set(point)
    assert {"mean", "ci95_low", "ci95_high"} <= set(point["hashes_per_second"])
    assert document["sweep"]["speedup"] > 1
    for service in ("rng", "hasher"):
        for what in ("probe", "call"):
            assert {"min", "mean", "p50", "p95", "p99", "max", "count"} <= set(document["latency"][service][what])
    assert document["bottleneck"]["service"] == "rng"
    assert {"transactions", "transaction_rate"} <= set(document["loadtest"])
    for row in document["autoscale"]["timeline"]:
        assert all(type(row[key]) is int for key in ("current", "desired", "ready"))
        assert all({"type", "name", "current", "target"} <= set(one) for one in row["metrics"])


def test_the_schema_names_every_part():
    definitions = json_schema()["$defs"]
    assert {"Results", "Sweep", "TargetLatency", "Autoscale", "Monitoring"} <= set(definitions)


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    file = tmp_path / "a.json"
    write_atomically(file, b"one")
    with pytest.raises(TypeError):
        write_atomically(file, "not bytes")
    assert file.read_bytes() == b"one"
    with pytest.raises(MissingTool, match="cannot be written"):
        write_atomically(tmp_path / "absent" / "a.json", b"two")


def test_raw_samples_are_added_not_replaced(run):
    run.raw("counter", [{"t": 1.0}])
    run.raw("counter", [{"t": 2.0}])
    assert (run.folder / "raw" / "counter.jsonl").read_text() == '{"t":1.0}\n{"t":2.0}\n'


def test_a_folder_in_use_is_refused(tmp_path):
    (tmp_path / "x").write_text("")
    for out in (tmp_path, tmp_path / "x"):
        with pytest.raises(InvalidInput, match="not an empty folder"):
            new_folder(out, "embedded")


def test_two_runs_within_a_second_have_two_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert new_folder(None, "embedded") != new_folder(None, "embedded")


def test_of_many_that_claim_a_folder_one_gets_it(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    def claim(folder):
        try:
            return begun(new_folder(folder, "embedded"))
        except InvalidInput:
            return None

    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "a" / "new"):
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(claim, [folder] * 64))
        assert len([one for one in found if one]) == 1


def test_many_runs_within_a_second_have_a_folder_each(tmp_path, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: new_folder(None, "embedded"), range(24)))
    assert len(set(found)) == 24
    for one in found:
        drop_unused(one)
    assert list(tmp_path.iterdir()) == []


def test_caveats_that_differ_in_numbers_are_one_in_the_file(run):
    for workers in (3, 1, 2):
        run.caveat(Caveat(code="a", message=f"The rate of {workers} worker{'s' * (workers > 1)} varied."))
    assert [one.message for one in load_results(run.folder).caveats] == ["The rate of 1, 2 and 3 workers varied."]


def damaged(change):
    document = msgspec.json.decode((SAMPLE / RESULTS).read_bytes())
    change(document)
    return msgspec.json.encode(document)


def put(*path_and_value):
    *path, last, value = path_and_value

    def change(document):
        for key in path:
            document = document[key]
        document[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("sweep", "points", 0, "workers", 0), "$.sweep.points[0].workers"),
        (put("sweep", "points", 0, "seconds", -1), "$.sweep.points[0].seconds"),
        (put("sweep", "points", 0, "workers", 2), "sweep.points: a number of workers occurs twice"),
        (put("sweep", "points", 1, "hashes_per_second", "ci95_low", 1e6), "sweep.points[1].hashes_per_second"),
        (put("sweep", "points", []), "sweep.speedup"),
        (put("sweep", "models", 0, "name", "cubic"), "$.sweep.models[0].name"),
        (put("sweep", "models", 0, "parameters", {}), "sweep.models[0].parameters"),
        (put("sweep", "models", 0, "residuals", []), "sweep.models[0].residuals"),
        (put("latency", "rng", "probe", "count", -1), "$.latency[...].probe.count"),
        (put("latency", "rng", "probe", "p50", 1e9), "latency.rng.probe"),
        (put("latency", "rng", "probe", "mean", 0.0), "latency.rng.probe.mean"),
        (put("latency", "rng", "probe", "histogram", "HISTFAAA"), "latency.rng.probe.histogram"),
        (put("latency", "rng", "call", "count", 16), "latency.rng.call.histogram"),
        (put("interventions", 0, "replicas", -2), "$.interventions[0].replicas"),
        (put("interventions", 0, "name", "$\\frac"), "$.interventions[0].name"),
        (put("interventions", 1, "hashes_per_second", "mean", 0), "interventions[1].hashes_per_second"),
        (put("loadtest", "availability_percent", 101), "$.loadtest.availability_percent"),
        (put("autoscale", "clock_speed", 0), "$.autoscale.clock_speed"),
        (put("autoscale", "timeline", 0, "phase", "rest"), "$.autoscale.timeline[0].phase"),
        (put("autoscale", "timeline", 0, "t", 1e6), "autoscale.timeline[1].t"),
        (put("autoscale", "manifest", "spec", None), "autoscale.manifest"),
        (put("autoscale", "manifest", "metadata", "labels", [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]), "levels"),
        (put("engine", "docker"), "$.engine"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_are_refused_by_file_and_field(tmp_path, change, said):
    (tmp_path / RESULTS).write_bytes(damaged(change))
    with pytest.raises(InvalidInput) as refused:
        load_results(tmp_path)
    assert str(tmp_path) in refused.value.what
    assert said in refused.value.why


def test_a_histogram_that_would_fill_the_memory_is_not_built(tmp_path):
    import base64
    import struct
    import zlib

    bomb = zlib.compress(struct.pack(">iiiiqqd", 0x1C849303, 0, 0, 5, 1, 2**62, 1.0) + bytes(100_000_000))
    text = base64.b64encode(struct.pack(">ii", 0x1C849304, len(bomb)) + bomb).decode()
    assert len(text) < 200_000
    (tmp_path / RESULTS).write_bytes(damaged(put("latency", "rng", "probe", "histogram", text)))
    with pytest.raises(InvalidInput, match="not that of dclab"):
        load_results(tmp_path)


def test_the_latest_run_is_the_one_written_last_and_no_sample(tmp_path):
    import os

    for age, name in enumerate(("b", "a", "sample-x")):
        (tmp_path / name).mkdir()
        (tmp_path / name / RESULTS).write_text("{}")
        os.utime(tmp_path / name / RESULTS, (1000 + age, 1000 + age))
    assert latest_run(tmp_path).name == "a"


def test_results_are_frozen(run):
    with pytest.raises(AttributeError):
        run.results.engine = "kube"
    assert replace(run.results, engine="kube") != run.results


def test_a_point_without_a_rate_is_refused():
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"workers": 1}, SweepPoint)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"mean": "fast", "ci95_low": 1, "ci95_high": 2}, Rate)
