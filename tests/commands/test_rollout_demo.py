"""Demonstrations of a rolling update from the command line: as predicted, kept, verified, put back."""

from __future__ import annotations

import json
import re
import signal

import pytest

from dclab.engines.embedded import launch
from dclab.errors import ExitCode
from dclab.run_folder import load_results
from dclab.verify.verify import verify_run


@pytest.fixture(scope="module")
def demonstration(dclab, lab_name, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rollout") / "run"
    done = dclab("rollout-demo", "--seconds", "6s", "--name", lab_name, "--out", str(folder), "--json")
    assert done.code == 0, done.err
    return done.data["rollout"], folder


def test_a_bad_image_hangs_where_it_was_predicted_and_is_undone(demonstration):
    data, folder = demonstration
    found = load_results(folder).rollout
    assert (found.target, found.replicas, found.max_surge, found.max_unavailable) == ("worker", 10, 3, 2)
    assert (found.predicted.old, found.predicted.new) == (8, 5)
    assert found.stuck == found.predicted
    assert found.verdict == data["verdict"] == "as predicted"
    assert found.waiting == "cannot be started"
    assert [one.phase for one in found.phases][:4] == ["before", "bad image", "undo", "after"]
    assert found.undone.low < found.undone.high
    assert found.healed is None or found.healed.high < 60


def test_what_workers_hold_is_lost_by_a_kill_alone(demonstration):
    """With SIGTERM only what hasher is making is lost; how many a kill loses is chance, within bounds."""
    gentle, hard = load_results(demonstration[1]).rollout.losses
    assert gentle.how == "SIGTERM"
    assert 0 <= gentle.lost <= gentle.workers
    assert gentle.served > 10
    assert hard.how == "SIGKILL"
    assert 0 <= hard.lost <= 5 * hard.workers
    assert gentle.predicted_high < hard.predicted_low


def test_its_figures_follow_from_its_raw_data(demonstration):
    _, folder = demonstration
    assert verify_run(folder).findings == ()
    results = json.loads((folder / "results.json").read_text())
    for change in (
        lambda rollout: rollout["timeline"][3].update(hashes=0),
        lambda rollout: rollout["phases"][1].update(hashes=3),
        lambda rollout: rollout["predicted"].update(old=9),
        lambda rollout: rollout["stuck"].update(new=4),
        lambda rollout: rollout["losses"][1].update(counted=0),
        lambda rollout: rollout["losses"].pop(0),
        lambda rollout: rollout.update(undone=None),
        lambda rollout: rollout.update(verdict="not as predicted"),
    ):
        wrong = json.loads(json.dumps(results))
        change(wrong["rollout"])
        (folder / "results.json").write_text(json.dumps(wrong))
        assert verify_run(folder).findings
    (folder / "results.json").write_text(json.dumps(results))


@pytest.mark.usefixtures("demonstration")
def test_afterwards_the_lab_is_as_it_was(lab_name):
    lab = launch.find_lab(lab_name)
    health = lab.health("worker")
    assert all(one.current and one.ready for one in health)
    assert len(health) == lab.replicas("worker").desired


def test_its_report_says_it_in_both_languages(demonstration, dclab):
    _, folder = demonstration
    for language, title in (("en", "Rolling update"), ("zh", "滚动更新")):
        assert dclab("report", str(folder), "--lang", language).code == 0
        assert re.search(rf"^## .*{title}$", (folder / "report.md").read_text(), re.MULTILINE)
    assert (folder / "rollout.png").exists()


def test_cut_off_it_leaves_nothing_changed(start_dclab, lab_name, tmp_path, wait_until):
    lab = launch.find_lab(lab_name)
    before = {name: len(lab.health(name)) for name in ("rng", "worker")}
    running = start_dclab("rollout-demo", "--target", "rng", "--name", lab_name, "--out", "run", cwd=tmp_path)
    raw = tmp_path / "run" / "raw" / "rollout.jsonl"
    wait_until(lambda: raw.exists() and '"phase":"bad image"' in raw.read_text(), 90)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == ExitCode.INTERRUPTED, out + err
    for name, number in before.items():
        assert [(one.current, one.ready) for one in lab.health(name)] == [(True, True)] * number
    assert verify_run(tmp_path / "run").findings == ()
