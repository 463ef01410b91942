"""The autoscaler over a recorded trace, through the command line."""

from __future__ import annotations

import json

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


def test_bad_files(dclab, tmp_path):
    assert dclab("hpa-replay", hpa(tmp_path), str(tmp_path / "absent")).code == ExitCode.USAGE
    (tmp_path / "bad.yaml").write_text("kind: [")
    assert dclab("hpa-replay", str(tmp_path / "bad.yaml"), str(TRACE)).code == ExitCode.USAGE
    (tmp_path / "bad.yaml").write_text("kind: Deployment")
    done = dclab("hpa-replay", str(tmp_path / "bad.yaml"), str(TRACE))
    assert (done.code, "HorizontalPodAutoscaler" in done.err) == (ExitCode.USAGE, True)
