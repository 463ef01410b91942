"""What-if, through the command line, from a committed run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dclab.errors import ExitCode
from tests.conftest import CHECKOUT

RUN = str(CHECKOUT / "reports" / "sample-embedded")


def test_a_prediction(dclab):
    done = dclab("predict", RUN, "--workers", "20", "--rng", "4", "--json")
    assert done.code == 0, done.err
    found = done.data["prediction"]
    assert 30 < found["hashes_per_second"]["mean"] < found["at_most"] < 40
    assert "20 workers and 4 rng would make" in dclab("predict", RUN, "--workers", "20", "--rng", "4").out


def test_the_replicas_for_a_rate(dclab):
    done = dclab("predict", RUN, "--rate", "25", "--json")
    assert done.code == 0, done.err
    assert done.data["plan"]["hashes_per_second"] >= 25


@pytest.mark.parametrize("arguments", [("--workers", "0"), ("--rng", "x"), ("--rate", "nan"), ("--rate", "-3")])
def test_impossible_numbers(dclab, arguments):
    assert dclab("predict", RUN, *arguments).code == ExitCode.USAGE


def test_a_run_that_cannot_tell(dclab, tmp_path):
    results = json.loads((CHECKOUT / "reports" / "sample-embedded" / "results.json").read_text())
    for sweep in (None, {**results["sweep"], "points": results["sweep"]["points"][:2]}):
        (tmp_path / "results.json").write_text(json.dumps({**results, "sweep": sweep}))
        done = dclab("predict", str(tmp_path))
        assert done.code == ExitCode.ERROR
        assert "cannot tell" in done.err
    (tmp_path / "results.json").write_text(json.dumps(results)[:5000])
    assert dclab("predict", str(tmp_path)).code == ExitCode.USAGE


def test_both_engines_compared(dclab):
    kube = str(CHECKOUT / "reports" / "sample-kube")
    done = dclab("compare", RUN, kube, "--json")
    assert done.code == 0, done.err
    found = {one["what"]: one for one in done.data["comparisons"]}
    assert found["10 workers"]["verdict"] in ("same", "cannot tell")
    assert found["10 workers"]["ratio_ci95_low"] < 1 < found["10 workers"]["ratio_ci95_high"]
    assert "differ beyond noise" in dclab("compare", RUN, kube).out


def test_what_cannot_be_compared(dclab, tmp_path):
    assert dclab("compare", RUN).code == ExitCode.USAGE
    assert dclab("compare", RUN, str(tmp_path / "absent")).code == ExitCode.USAGE
    assert dclab("compare", RUN, RUN, "--change", "rng x2").code == ExitCode.USAGE
    assert "--repeat applies only with --change" in dclab("compare", RUN, RUN, "--repeat", "3").err


@pytest.mark.parametrize(
    "change", ["rng", "rng x1", "rng x99999", "redis x2", "hasher with 3 threads", "rng x2,random", ""]
)
def test_what_is_no_change(dclab, change):
    done = dclab("compare", "--change", change)
    assert done.code == ExitCode.USAGE
    assert "is not a change" in done.err


def test_a_folder_of_runs_is_one_side(dclab, tmp_path):
    for side in ("base", "other"):
        for number in ("1", "2"):
            (tmp_path / side / number).mkdir(parents=True)
            shutil.copy(Path(RUN) / "results.json", tmp_path / side / number)
    done = dclab("compare", str(tmp_path / "base"), str(tmp_path / "other"), "--json")
    assert done.code == 0, done.err
    assert {(one["base_runs"], one["other_runs"]) for one in done.data["comparisons"]} == {(2, 2)}
    assert {one["verdict"] for one in done.data["comparisons"]} == {"same"}
    assert dclab("report", str(tmp_path / "base"), str(tmp_path / "other"), "--out", str(tmp_path / "x")).code == 0
    assert "2 and 2 runs a side" in (tmp_path / "x" / "comparison.md").read_text()


def test_a_report_of_two_runs_is_their_comparison(dclab, tmp_path):
    kube = str(CHECKOUT / "reports" / "sample-kube")
    done = dclab("report", RUN, kube, "--out", str(tmp_path / "both"), "--json")
    assert done.code == 0, done.err
    assert {one.name for one in (tmp_path / "both").iterdir()} == {"comparison.html", "comparison.md"}
    found = dclab("compare", RUN, kube, "--json").data["comparisons"]
    text = (tmp_path / "both" / "comparison.md").read_text()
    assert all(f"| {one['what']}: {one['unit']} |" in text for one in found)
    assert dclab("report", RUN, kube, "--out", str(tmp_path / "both")).code == ExitCode.USAGE


def test_a_report_in_chinese(dclab, tmp_path):
    shutil.copy(Path(RUN) / "results.json", tmp_path)
    assert dclab("report", str(tmp_path), "--lang", "zh").code == 0
    assert "瓶颈是 rng" in (tmp_path / "report.md").read_text()
    done = dclab("report", str(tmp_path), "--lang", "fr")
    assert done.code == ExitCode.USAGE
    assert "'en', 'zh'" in done.err


def test_a_report_stands_beside_its_results(dclab, tmp_path):
    assert dclab("report", RUN, "--out", str(tmp_path / "x")).code == ExitCode.USAGE
    assert not (tmp_path / "x").exists()
