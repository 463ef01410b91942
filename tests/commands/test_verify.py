"""A run held to its raw data, through the command line."""

from __future__ import annotations

import json
import shutil

from tests.conftest import CHECKOUT

SAMPLE = CHECKOUT / "reports" / "sample-embedded"


def test_the_sample_fits(dclab_here):
    done = dclab_here("verify", str(SAMPLE), "--json")
    assert done.code == 0, done.err
    assert done.data["fits"] is True
    shown = dclab_here("verify", str(SAMPLE))
    assert "✓ 14 rates" in shown.out
    assert "Without raw data" in shown.out


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
    assert "1 thing does not agree" in done.err
    refused = dclab_here("verify", str(tmp_path / "nothing"))
    assert refused.code == 2
