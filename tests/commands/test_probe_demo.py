"""Demonstrations of health probes from the command line: as predicted, kept, verified, put back."""

from __future__ import annotations

import json
import re
import signal
import time

import pytest

from dclab.engines.embedded import launch
from dclab.errors import ExitCode
from dclab.run_folder import load_results
from dclab.verify.verify import verify_run

QUICK = ("--period", "1", "--failure-threshold", "2")


@pytest.fixture(scope="module")
def demonstration(dclab, lab_name, tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe") / "run"
    done = dclab("probe-demo", *QUICK, "--name", lab_name, "--out", str(folder), "--json")
    assert done.code == 0, done.err
    return done.data["probes"], folder


def test_a_readiness_probe_does_what_was_predicted(demonstration):
    data, folder = demonstration
    found = load_results(folder).probes
    assert (found.kind, found.workers, found.period_seconds, found.failure_threshold) == ("readiness", 15, 1, 2)
    assert found.predicted.outcome == "fails"
    assert found.predicted.late_share > 0.99
    tcp, _, http, _ = found.phases
    assert [one.phase for one in found.phases] == ["tcp", "rollout", "http", "back"]
    assert (tcp.times_out, tcp.restarts) == (0, 0)
    assert http.times_out >= 1
    assert http.restarts == 0
    assert data["verdict"] == found.verdict


def test_its_figures_follow_from_its_raw_data(demonstration):
    _, folder = demonstration
    assert verify_run(folder).findings == ()
    results = json.loads((folder / "results.json").read_text())
    for change in (
        lambda probes: probes["timeline"][3].update(hashes=0),
        lambda probes: probes["events"].pop(),
        lambda probes: probes["phases"][0].update(hashes=3),
        lambda probes: probes["predicted"].update(late_share=0.5),
        lambda probes: probes.update(workers=14),
        lambda probes: probes.update(verdict="cannot tell" if probes["verdict"] != "cannot tell" else "as predicted"),
    ):
        wrong = json.loads(json.dumps(results))
        change(wrong["probes"])
        (folder / "results.json").write_text(json.dumps(wrong))
        assert verify_run(folder).findings
    (folder / "results.json").write_text(json.dumps(results))


@pytest.mark.usefixtures("demonstration")
def test_afterwards_the_lab_is_as_it_was(dclab, lab_name):
    lab = launch.find_lab(lab_name)
    assert lab.replicas("worker").desired == 1
    (one,) = lab.health("rng")
    assert one.current
    assert one.in_service


def test_its_report_says_it_in_both_languages(demonstration, dclab):
    _, folder = demonstration
    for language, title in (("en", "Health probes"), ("zh", "健康探测")):
        assert dclab("report", str(folder), "--lang", language).code == 0
        assert re.search(rf"^## .*{title}$", (folder / "report.md").read_text(), re.MULTILINE)
    assert (folder / "probes.png").exists()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_cut_off_it_leaves_nothing_changed(start_dclab, lab_name, tmp_path, wait_until, ending):
    lab = launch.find_lab(lab_name)
    (before,) = lab.health("rng")
    workers = lab.replicas("worker").desired
    running = start_dclab("probe-demo", "--kind", "liveness", *QUICK, "--name", lab_name, "--out", "run", cwd=tmp_path)
    raw = tmp_path / "run" / "raw" / "probes.jsonl"
    wait_until(lambda: raw.exists() and '"phase":"http"' in raw.read_text(), 60)
    running.send_signal(ending)
    out, err = running.communicate(timeout=60)
    if ending == signal.SIGINT:
        assert running.returncode == ExitCode.INTERRUPTED, out + err
    wait_until(
        lambda: lab.replicas("worker").desired == workers and [one.current for one in lab.health("rng")] == [True], 60
    )
    (after,) = lab.health("rng")
    assert after.ready
    assert after.name != before.name
    assert load_results(tmp_path / "run").probes.timeline
    assert verify_run(tmp_path / "run").findings == ()
    time.sleep(1.2)
    assert lab.health("rng")[0].restarts == 0, "its probe is gone, too"
