"""The autoscaler over a recorded trace, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from dclab.errors import ExitCode
from tests.conftest import CHECKOUT

TRACE = CHECKOUT / "tests" / "autoscaler" / "recorded.jsonl"


def hpa(tmp_path, **behavior):
    manifest = json.loads(TRACE.read_text().splitlines()[0])["autoscaler"]
    manifest["spec"] |= behavior
    (tmp_path / "hpa.yaml").write_text(yaml.safe_dump(manifest))
    return str(tmp_path / "hpa.yaml")


def test_a_recorded_run_is_decided_as_it_was(dclab, tmp_path):
    done = dclab("hpa-replay", hpa(tmp_path), str(TRACE), "--json")
    assert done.code == 0, done.err
    assert done.data["differing"] == 0
    reasons = " ".join(one["reason"] for one in done.data["passes"])
    assert "above target" in reasons
    assert "(ScaleDownStabilized)" in reasons
    shown = dclab("hpa-replay", hpa(tmp_path), str(TRACE))
    assert "0 of 21 decisions differ" in shown.out


def test_other_settings_decide_otherwise(dclab, tmp_path):
    done = dclab("hpa-replay", hpa(tmp_path, maxReplicas=3), str(TRACE), "--json")
    assert done.data["differing"] > 0
    assert max(one["desired"] for one in done.data["passes"]) <= 3


def trace(tmp_path, *passes, kubernetes="v1.34.4"):
    header = json.loads(TRACE.read_text().splitlines()[0]) | {"kubernetes": kubernetes}
    (tmp_path / "trace.jsonl").write_text("\n".join(json.dumps(one) for one in (header, *passes)))
    return str(tmp_path / "trace.jsonl")


def load(value, *, at=0.0, replicas=2, **more):
    pods = [{"name": f"p{i}", "started": 0, "ready_changed": 1} for i in range(replicas)]
    return {"at": at, "seen": {"replicas": replicas, "pods": pods, "values": {"load": value}}, **more}


EXTERNAL = {"type": "External", "external": {"metric": {"name": "load"}, "target": {"type": "Value", "value": "50"}}}


def test_a_decision_that_had_no_effect_in_the_trace_limits_no_other(dclab, tmp_path):
    """At most 2 pods in 60 s, and a trace whose replicas stay 2 whatever is decided: each pass may add two."""
    policies = {"scaleUp": {"policies": [{"type": "Pods", "value": 2, "periodSeconds": 60}]}}
    passes = [load(100, at=15.0 * i) for i in range(6)]
    manifest = hpa(tmp_path, metrics=[EXTERNAL], behavior=policies)
    done = dclab("hpa-replay", manifest, trace(tmp_path, *passes), "--json")
    assert [one["desired"] for one in done.data["passes"]] == [4] * 6
    # Where the trace shows the change, it counts.
    passes[1:] = [load(200, at=15.0 * i, replicas=4) for i in range(1, 6)]
    done = dclab("hpa-replay", manifest, trace(tmp_path, *passes), "--json")
    assert [one["desired"] for one in done.data["passes"]] == [4, 4, 4, 4, 6, 6]
    # Unless someone else made it.
    passes[0]["outcome"] = {"desired": 2, "utilization": None, "conditions": {}}
    done = dclab("hpa-replay", manifest, trace(tmp_path, *passes), "--json")
    assert [one["desired"] for one in done.data["passes"]] == [4, 6, 6, 6, 6, 6]


def test_a_trace_of_another_deployment_is_told(dclab, tmp_path):
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "hasher"}
    done = dclab("hpa-replay", hpa(tmp_path, scaleTargetRef=target), str(TRACE))
    assert "The trace is of deployment rng, but this autoscaler scales hasher" in " ".join(done.out.split())
    assert "The trace is of" not in dclab("hpa-replay", hpa(tmp_path), str(TRACE)).out


def test_the_release_that_is_followed_decides_about_tolerances(dclab, tmp_path):
    manifest = hpa(tmp_path, metrics=[EXTERNAL], behavior={"scaleUp": {"tolerance": "0"}})
    for arguments, version, count in (
        ((), "1.34", 2),
        (("--kubernetes", "1.35"), "1.35", 3),
        (("--kubernetes", "v1.33.1"), "1.33", 2),
    ):
        done = dclab("hpa-replay", manifest, trace(tmp_path, load(52)), *arguments, "--json")
        assert (done.data["follows"], done.data["passes"][0]["desired"]) == (version, count)
        assert any("tolerance is ignored" in one for one in done.data["notes"]) == (count == 2)
    assert (
        dclab("hpa-replay", manifest, trace(tmp_path, load(52), kubernetes="v1.36.0"), "--json").data["follows"]
        == "1.36"
    )
    own = dclab("hpa-replay", manifest, trace(tmp_path, load(52), kubernetes="embedded"), "--json").data
    assert own["passes"][0]["desired"] == 3
    assert dclab("hpa-replay", manifest, str(TRACE), "--kubernetes", "new").code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("one", "said"),
    [
        ({**load(1), "outcom": {}}, "unknown field 'outcom', did you mean 'outcome'"),
        ({"at": 0, "seen": {"replicas": 1, "pods": [], "value": {}}}, "did you mean 'values'"),
        (
            {"at": 0, "seen": {"replicas": 1, "pods": [{"name": "a", "started": 0, "ready_changed": 0, "Ready": 1}]}},
            "'Ready'",
        ),
    ],
)
def test_a_field_that_traces_do_not_have_is_refused(dclab, tmp_path, one, said):
    done = dclab("hpa-replay", hpa(tmp_path), trace(tmp_path, one))
    assert (done.code, said in " ".join(done.err.split())) == (ExitCode.USAGE, True)


def test_a_key_that_occurs_twice_is_refused(dclab, tmp_path):
    lines = Path(trace(tmp_path, load(1))).read_text().replace('"replicas": 2', '"replicas": 2, "replicas": 9')
    (tmp_path / "trace.jsonl").write_text(lines)
    done = dclab("hpa-replay", hpa(tmp_path), str(tmp_path / "trace.jsonl"))
    assert (done.code, "the key 'replicas' occurs twice" in " ".join(done.err.split())) == (ExitCode.USAGE, True)
    file = tmp_path / "twice.yaml"
    file.write_text(Path(hpa(tmp_path)).read_text().replace("maxReplicas: 10", "maxReplicas: 10\n  maxReplicas: 2"))
    done = dclab("hpa-replay", str(file), str(TRACE))
    assert (done.code, "'maxReplicas' occurs twice" in " ".join(done.err.split())) == (ExitCode.USAGE, True)


def test_bad_files(dclab, tmp_path):
    assert dclab("hpa-replay", hpa(tmp_path), str(tmp_path / "absent")).code == ExitCode.USAGE
    (tmp_path / "bad.yaml").write_text("kind: [")
    assert dclab("hpa-replay", str(tmp_path / "bad.yaml"), str(TRACE)).code == ExitCode.USAGE
    (tmp_path / "bad.yaml").write_text("kind: Deployment")
    done = dclab("hpa-replay", str(tmp_path / "bad.yaml"), str(TRACE))
    assert (done.code, "HorizontalPodAutoscaler" in done.err) == (ExitCode.USAGE, True)
