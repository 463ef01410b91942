"""Autoscalers in the simulation, through the command line."""

from __future__ import annotations

import copy
import json
import shutil

import pytest
import yaml

from dclab import manifests
from dclab.autoscaler import parse_autoscaler
from dclab.elasticity import tune
from dclab.errors import ExitCode
from tests.conftest import CHECKOUT

SAMPLE = CHECKOUT / "reports" / "sample-embedded"


def hpa(folder, which="inflight", name="hpa.yaml", **fields):
    manifest = copy.deepcopy(manifests.autoscaler("rng", which))
    manifest["spec"] |= fields
    (folder / name).write_text(yaml.safe_dump(manifest))
    return str(folder / name)


def test_two_files_are_compared(dclab, tmp_path):
    files = [hpa(tmp_path, name="a.yaml"), hpa(tmp_path, name="b.yaml", maxReplicas=1)]
    done = dclab("hpa-simulate", *files, "--workers", "4", "--json")
    assert done.code == 0, done.err
    found = done.data["comparison"]
    a, b = found["runs"]
    assert (a["name"], b["name"], a["origin"]) == ("a.yaml", "b.yaml", "file")
    assert max(point["ready"] for point in b["timeline"]) == 1
    assert b["predicted"]["timeshare_over"] == 0
    assert a["spread"]["cost"]["repeats"] == 10
    assert len(found["verdicts"]) == 1


def test_a_recorded_demonstration_is_simulated_beside_what_was_measured(dclab):
    """The sample was measured on the embedded engine at the clock's own speed."""
    done = dclab("hpa-simulate", "--run", str(SAMPLE), "--json")
    assert done.code == 0, done.err
    (run,) = done.data["comparison"]["runs"]
    measured, predicted = run["scores"], run["predicted"]
    spread = run["spread"]
    for name in ("accuracy_under", "timeshare_under", "over_slo"):
        assert spread[name]["low"] <= measured[name] <= spread[name]["high"], name
    # What a request costs rng in CPU differs from machine to machine and from day to day, and so what CPU asks for.
    assert predicted["pod_minutes"] == pytest.approx(measured["pod_minutes"], rel=0.2)
    assert predicted["reversals"] == pytest.approx(measured["reversals"], abs=2)


def test_what_is_simulated_is_shown(dclab, tmp_path):
    done = dclab("hpa-simulate", hpa(tmp_path, maxReplicas=2), "--workers", "2")
    assert done.code == 0, done.err
    assert "Simulated 10 times each" in done.out
    assert "hpa.yaml" in done.out
    assert "2 workers and 15 users need 1" in done.out


def test_a_replay_of_a_runs_folder_shows_its_scores(dclab, tmp_path):
    trace = SAMPLE / "raw" / "hpa-trace.jsonl"
    manifest = json.loads(trace.read_text().splitlines()[0])["autoscaler"]
    (tmp_path / "hpa.yaml").write_text(yaml.safe_dump(manifest))
    whole = dclab("hpa-replay", str(tmp_path / "hpa.yaml"), str(SAMPLE), "--json")
    assert whole.code == 0, whole.err
    alone = dclab("hpa-replay", str(tmp_path / "hpa.yaml"), str(trace), "--json")
    assert whole.data["passes"] == alone.data["passes"]
    assert alone.data["scores"] is None
    assert whole.data["scores"]["reversals"] == 1
    shown = dclab("hpa-replay", str(tmp_path / "hpa.yaml"), str(SAMPLE))
    assert "as it ran" in " ".join(shown.out.split())


def test_tuning_prints_a_manifest_to_apply(dclab_here, monkeypatch):
    monkeypatch.setattr(tune, "UP_WINDOWS", (0,))
    monkeypatch.setattr(tune, "DOWN_WINDOWS", (60,))
    monkeypatch.setattr(tune, "DOWN_POLICIES", tune.DOWN_POLICIES[:1])
    monkeypatch.setattr(tune, "ROUNDS", ((1, None),))
    done = dclab_here("hpa-simulate", "--tune", "inflight", "--workers", "3")
    assert done.code == 0, done.err
    spec = parse_autoscaler(yaml.safe_load(done.out))
    assert spec.metrics[0].name == "dockercoins_in_flight"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tune", "memory"), "memory"),
        (("--tune", "cpu", "--run", str(SAMPLE)), "--tune makes its own autoscaler"),
        (("--run", str(SAMPLE), "--workers", "3"), "--workers has no meaning with --run"),
        (("--run", str(CHECKOUT / "docs")), "results.json"),
        (("absent.yaml",), "absent.yaml"),
        (("--slo", "0"), "objective"),
    ],
)
def test_what_has_no_meaning_is_refused(dclab, arguments, said):
    done = dclab("hpa-simulate", *arguments)
    assert done.code == ExitCode.USAGE, done.err
    assert said in " ".join(done.err.split())


def test_what_cannot_be_simulated_is_refused(dclab, tmp_path):
    strange = copy.deepcopy(manifests.autoscaler("rng", "inflight"))
    strange["spec"]["metrics"][0]["pods"]["metric"]["name"] = "queue_length"
    (tmp_path / "strange.yaml").write_text(yaml.safe_dump(strange))
    done = dclab("hpa-simulate", str(tmp_path / "strange.yaml"))
    assert done.code == ExitCode.USAGE
    assert "pods/queue_length" in done.err
    assert "dockercoins_in_flight" in done.err
    run = tmp_path / "run"
    shutil.copytree(SAMPLE, run, ignore=shutil.ignore_patterns("*.png", "*.html"))
    results = json.loads((run / "results.json").read_text())
    (run / "results.json").write_text(json.dumps(results | {"autoscale": None}))
    done = dclab("hpa-simulate", "--run", str(run))
    assert done.code == ExitCode.USAGE
    assert "hpa-compare" in done.err
