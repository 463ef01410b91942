"""A run held to its raw data, through the command line."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.conftest import CHECKOUT

SAMPLE = CHECKOUT / "reports" / "sample-embedded"


@pytest.mark.parametrize("sample", sorted(SAMPLE.parent.glob("sample-*")), ids=lambda one: one.name)
def test_every_sample_fits(dclab_here, sample):
    done = dclab_here("verify", str(sample), "--json")
    assert done.code == 0, done.err
    assert done.data["fits"] is True
    shown = dclab_here("verify", str(sample))
    assert "follow from the raw data, and the conclusions from them." in shown.out
    counts = {"rates": "{} rates", "requests": "latencies of {} requests", "passes": "{} passes of the autoscaler"}
    for kind, said in counts.items():
        found = done.data["verification"][kind]
        assert (said.format(found) in shown.out) is (found > 0)
    assert done.data["verification"]["rates" if (sample / "sweep.png").exists() else "passes"] >= 8
    assert "These do not follow from raw data" in shown.out
    assert "Results and raw data may have been made up together" in shown.out


def test_what_does_not_fit_is_named(dclab_here, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(SAMPLE, folder)
    file = folder / "results.json"
    data = json.loads(file.read_text())
    data["sweep"]["speedup"] = 10.0
    file.write_text(json.dumps(data))
    done = dclab_here("verify", str(folder))
    assert done.code == 1
    assert "✗ sweep.speedup: it is 10, and the raw data give 3." in done.out
    assert "✗ results.json: " in done.out  # its seal
    assert "2 contradictions were found" in done.err
    refused = dclab_here("verify", str(tmp_path / "nothing"))
    assert refused.code == 2
