"""Autoscalers side by side through the command line: what is kept, what is left, what is refused."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal

import pytest
import yaml

from dclab import manifests
from dclab.elasticity.score import score_run
from dclab.engines.embedded import launch
from dclab.engines.embedded.wire import Settings
from dclab.errors import ExitCode, LabHeld
from dclab.results import DemandStep, ElasticPoint
from dclab.run_folder import load_results
from dclab.verify.verify import verify_run

CLOCK = 120.0
"""Each run of 15 minutes takes 7.5 s."""
BEFORE = {"worker": 2, "rng": 2}


@pytest.fixture(scope="module")
def lab():
    made, _ = launch.start(Settings(name="compared", clock_speed=CLOCK))
    made.ready()
    for name, count in BEFORE.items():
        made.scale(name, count)
    yield made
    made.down()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two autoscalers with short windows, as a student has them."""
    folder = tmp_path_factory.mktemp("autoscalers")
    made = []
    for which in ("inflight", "latency"):
        manifest = manifests.autoscaler("rng", which)
        manifest["metadata"] = {"name": f"my-{which}", "namespace": "elsewhere", "uid": "left-over"}
        manifest["spec"]["behavior"] = {
            "scaleUp": {"stabilizationWindowSeconds": 0},
            "scaleDown": {"stabilizationWindowSeconds": 15},
        }
        file = folder / f"{which}.yaml"
        file.write_text(yaml.safe_dump(manifest))
        made.append(str(file))
    return made


def command(files, *more):
    hpas = [part for one in files for part in ("--hpa", one)]
    return ("hpa-compare", *hpas, "--workers", "5", "--name", "compared", *more)


def as_it_was(lab):
    return {name: lab.replicas(name).desired for name in BEFORE} == BEFORE and lab.autoscalers() == {}


@pytest.fixture(scope="module")
def compared(dclab, lab, files, tmp_path_factory):
    """What `hpa-compare` said of the two, and the folder of its run."""
    folder = tmp_path_factory.mktemp("compared") / "run"
    done = dclab(*command(files), "--out", str(folder), "--json")
    assert done.code == 0, done.err
    return done, folder


def test_each_autoscaler_has_its_run_under_the_same_demand(compared):
    done, folder = compared
    results = load_results(folder)
    assert results.finished is not None
    found = results.comparison
    assert (found.target, found.clock_speed, found.slo_ms, found.scrape_seconds) == ("rng", CLOCK, 100.0, 10.0)
    assert [(one.name, one.metric, one.origin) for one in found.runs] == [
        ("inflight.yaml", "inflight", "file"),
        ("latency.yaml", "latency", "file"),
    ]
    for one in found.runs:
        assert [(step.workers, step.users) for step in one.demand] == [(1, 0), (5, 0), (5, 15), (2, 0), (5, 0)]
        assert one.demand[0].needed == 1 < one.demand[1].needed
        assert one.seconds == 900
        assert one.timeline[-1].t == pytest.approx(900, abs=CLOCK)
        assert max(point.ready for point in one.timeline) > 1
        assert any(point.metrics for point in one.timeline)
        assert any(point.in_flight for point in one.timeline)
        assert any(point.wait_ms is not None for point in one.timeline)
        assert any(event.reason == "SuccessfulRescale" for event in one.events)
        assert one.settled is not None or one.demand[-1].t > one.seconds - 120  # workers that took long to come
        assert one.predicted is not None
    assert [(one.a, one.b) for one in found.verdicts] == [("inflight.yaml", "latency.yaml")]
    assert done.data["comparison"]["runs"][1]["name"] == "latency.yaml"


def test_it_is_what_its_raw_data_say(compared):
    _, folder = compared
    found = verify_run(folder)
    assert found.findings == ()
    assert found.passes > 80


def test_the_scores_can_be_computed_again_from_the_raw_data(compared):
    _, folder = compared
    rows = [json.loads(line) for line in (folder / "raw" / "elastic.jsonl").read_text().splitlines()]
    for run in load_results(folder).comparison.runs:
        mine = [one for one in rows if one["run"] == run.name]
        demand = {one["demand"]["t"]: DemandStep(**one["demand"]) for one in mine}
        timeline = [ElasticPoint(**{**one["point"], "metrics": ()}) for one in mine]
        # A step is in the rows from the point on after the one that has seen it.
        assert list(demand.values()) == list(run.demand)
        assert score_run(run.demand, timeline, run.seconds, 100.0) == (run.scores, run.scores_high)


def test_the_trace_of_each_gives_the_decisions_that_were_taken(dclab, compared):
    _, folder = compared
    raw = folder / "raw"
    for name in ("inflight.yaml", "latency.yaml"):
        again = dclab("hpa-replay", str(raw / f"hpa-{name}.jsonl"), str(raw / f"hpa-trace-{name}.jsonl"), "--json")
        assert again.code == 0, again.err
        assert again.data["differing"] == 0
        assert len(again.data["passes"]) > 40


@pytest.mark.usefixtures("compared")
def test_afterwards_the_lab_is_as_it_was(lab):
    assert as_it_was(lab)
    lab.scale("worker", BEFORE["worker"])  # nobody holds it


def test_a_comparison_is_shown_and_reported(dclab, compared):
    _, folder = compared
    assert dclab("report", str(folder)).code == 0
    page = (folder / "report.md").read_text()
    assert "inflight.yaml" in page
    assert "latency.yaml" in page


def seen(folder, true):
    """Whether a point that is so has been taken."""
    try:
        rows = (folder / "raw" / "elastic.jsonl").read_text().splitlines()
        return any(true(json.loads(one)) for one in rows)
    except (FileNotFoundError, json.JSONDecodeError):
        return False


MOMENTS = {
    "before anything": lambda folder: (folder / "results.json").exists(),
    "while workers come": lambda folder: seen(folder, lambda row: row["point"]["t"] > 60),
    "under the siege": lambda folder: seen(folder, lambda row: row["demand"]["users"]),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_at_any_moment_puts_everything_back(dclab, start_dclab, lab, files, wait_until, tmp_path, moment):
    process = start_dclab(*command(files), "--out", "here", cwd=tmp_path)
    wait_until(lambda: MOMENTS[moment](tmp_path / "here"), 30)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == ExitCode.INTERRUPTED, err
    assert "What was measured is in here." in err
    assert "Traceback" not in err
    assert as_it_was(lab)
    assert not sieges(lab)
    found = load_results(tmp_path / "here")
    assert found.finished is None
    if moment != "before anything" and found.comparison:
        (run,) = found.comparison.runs
        assert verify_run(tmp_path / "here").findings == ()
        assert (run.settled, found.comparison.verdicts) == (None, ())
        assert run.seconds == run.timeline[-1].t
    assert dclab("report", "here", cwd=tmp_path).code == 0


def is_free(lab):
    """Whether nobody holds the lab any more."""
    with contextlib.suppress(LabHeld), launch.find_lab(lab.name).hold("the test"):
        return True
    return False


def sieges(lab):
    """Processes of the lab that load it."""
    import psutil

    mark = f"DCLAB_LAB={lab.folder}"
    found = []
    for one in psutil.process_iter(["cmdline"]):
        try:
            if "siege" in " ".join(one.info["cmdline"] or ()) and mark in "".join(
                f"{key}={value}" for key, value in one.environ().items()
            ):
                found.append(one)
        except psutil.Error:
            continue
    return found


def test_of_a_killed_comparison_nothing_stays(start_dclab, lab, files, wait_until, tmp_path):
    process = start_dclab(*command(files), "--out", "here", cwd=tmp_path)
    wait_until(lambda: MOMENTS["under the siege"](tmp_path / "here"), 30)
    assert sieges(lab)
    process.kill()
    process.communicate()
    wait_until(lambda: as_it_was(lab) and not sieges(lab) and is_free(lab), 8)
    assert (tmp_path / "here" / "raw" / "elastic.jsonl").stat().st_size > 0


def test_a_crash_costs_one_run_and_no_more(start_dclab, lab, files, wait_until, tmp_path):
    process = start_dclab(*command(files), "--out", "here", cwd=tmp_path)
    wait_until(lambda: MOMENTS["under the siege"](tmp_path / "here"), 30)
    os.kill(lab.about().pid, signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    results = load_results(tmp_path / "here")
    assert [one.name for one in results.comparison.runs] == ["latency.yaml"]
    assert [one.code for one in results.caveats if one.code in ("part-failed", "left-behind")] == ["part-failed"]
    assert as_it_was(lab)
    assert not sieges(lab)
    lab.ready()


def test_an_autoscaler_that_is_there_already_is_named(dclab, lab, files, tmp_path):
    """Two on one target would work against each other."""
    lab.apply_autoscaler(manifests.autoscaler("rng"))
    try:
        for arguments in (command(files), ("hpa-demo", "--hpa", files[0], "--name", "compared")):
            done = dclab(*arguments, cwd=tmp_path)
            assert done.code == ExitCode.REFUSED
            assert "'rng' (of rng)" in done.err
            assert list(tmp_path.iterdir()) == []
    finally:
        lab.remove_autoscaler("rng")
        lab.scale("rng", BEFORE["rng"])  # it may have scaled meanwhile


@pytest.mark.usefixtures("lab")
def test_a_metric_that_nobody_serves_is_named_before_anything_is_measured(dclab, lab, files, tmp_path):
    manifest = manifests.autoscaler("rng", "inflight")
    manifest["spec"]["metrics"][0]["pods"]["metric"]["name"] = "queue_length"
    strange = tmp_path / "strange.yaml"
    strange.write_text(yaml.safe_dump(manifest))
    for arguments in (command([files[0], str(strange)]), ("hpa-demo", "--hpa", str(strange), "--name", "compared")):
        done = dclab(*arguments, cwd=tmp_path)
        assert done.code == ExitCode.USAGE
        assert "pods/queue_length" in done.err
        assert "pods/dockercoins_in_flight" in done.err
        assert [one.name for one in tmp_path.iterdir()] == ["strange.yaml"]
    assert as_it_was(lab)


def test_a_lab_with_another_clock_is_not_taken_for_a_quick_one(dclab, lab, files, tmp_path):
    done = dclab(*command(files), "--quick", cwd=tmp_path)
    assert done.code == ExitCode.USAGE
    assert "×120, not ×5" in done.err
    assert as_it_was(lab)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}, "Set spec.scaleTargetRef"),
        ({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "hasher"}}, "Add --target hasher"),
        ({"maxReplicas": 0}, "spec.maxReplicas"),
    ],
)
def test_a_file_that_cannot_be_applied_is_named(dclab_here, files, tmp_path, change, said):
    manifest = manifests.autoscaler("rng", "inflight")
    manifest["spec"] |= change
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(manifest))
    for verb in (("hpa-compare", "--hpa", files[0]), ("hpa-demo",)):
        done = dclab_here(*verb, "--hpa", "mine.yaml", cwd=tmp_path)
        assert done.code == ExitCode.USAGE
        assert "mine.yaml" in done.err
        assert said in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("hpa-compare", "--hpa", "FIRST"), "needs two or more"),
        (("hpa-compare", "--metric", "inflight"), "needs two or more"),
        (("hpa-compare", "--hpa", "FIRST", "--hpa", "FIRST"), "given twice"),
        (("hpa-compare", "--hpa", "absent.yaml", "--hpa", "FIRST"), "absent.yaml"),
        (("hpa-compare", "--metric", "memory"), "memory"),
        (("hpa-compare", "--slo", "0"), "objective"),
        (("hpa-compare", "--scrape-seconds", "0.1"), "scrape period"),
        (("hpa-demo", "--metric", "inflight", "--hpa", "FIRST"), "exclude each other"),
        (("run", "--metric", "latency"), "latency"),
    ],
)
def test_what_cannot_be_compared_is_refused(dclab_here, files, tmp_path, arguments, said):
    done = dclab_here(*(files[0] if one == "FIRST" else one for one in arguments), cwd=tmp_path)
    assert done.code == ExitCode.USAGE, done.err
    assert said in " ".join(done.err.split())
    assert list(tmp_path.iterdir()) == []


def test_quick_has_no_meaning_on_kubernetes(dclab_here, tmp_path):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("contexts: [{name: mine, context: {cluster: a, user: b}}]")
    done = dclab_here("hpa-compare", "--quick", "--context", "mine", env={"KUBECONFIG": str(kubeconfig)})
    assert done.code == ExitCode.USAGE
    assert "--quick applies only to: embedded engine" in done.err


def test_two_files_of_one_name_are_told_apart_by_their_paths(files, tmp_path):
    from pathlib import Path

    from dclab.experiments.autoscalers import from_files

    other = tmp_path / "inflight.yaml"
    other.write_text(Path(files[0]).read_text())
    assert [one.name for one in from_files([Path(files[0]), other], "rng")] == [files[0], str(other)]


def test_what_a_cluster_wrote_into_a_manifest_is_not_applied(files):
    from pathlib import Path

    from dclab.experiments.autoscalers import from_file

    assert from_file(Path(files[0]), "rng").manifest["metadata"] == {"name": "my-inflight"}


def test_a_quick_comparison_starts_its_own_lab_and_ends_it(start_dclab, files, wait_until, tmp_path):
    quick = (*command(files)[:-1], "of-its-own", "--quick", "--out", "here")
    process = start_dclab(*quick, cwd=tmp_path)
    wait_until((tmp_path / "here" / "results.json").exists, 30)
    assert launch.find_lab("of-its-own").clock_speed == 5
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == ExitCode.INTERRUPTED, err
    assert load_results(tmp_path / "here").quick
    assert launch.find_lab("of-its-own") is None


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_on_all_metrics_reports_the_exercise_and_the_six(start_dclab, lab, tmp_path):
    process = start_dclab(*["run", "--quick", "--metric", "all", "--name", "compared", "--out", "here"], cwd=tmp_path)
    _, err = process.communicate(timeout=580)
    assert process.returncode == 0, err
    results = load_results(tmp_path / "here")
    assert [one.name for one in results.comparison.runs] == [one.replace("-", " ") for one in manifests.AUTOSCALERS]
    assert len(results.comparison.verdicts) == 15
    assert results.autoscale is not None
    page = (tmp_path / "here" / "report.md").read_text()
    assert all(one.name in page for one in results.comparison.runs)
    assert as_it_was(lab)


def test_an_autoscaler_that_was_changed_afterwards_is_found(compared, tmp_path):
    _, folder = compared
    shutil.copytree(folder, tmp_path / "run")
    results = json.loads((folder / "results.json").read_text())
    results["comparison"]["runs"][0]["manifest"]["spec"]["maxReplicas"] = 7
    (tmp_path / "run" / "results.json").write_text(json.dumps(results))
    assert [one.where for one in verify_run(tmp_path / "run").findings] == [
        "raw/hpa-trace-inflight.yaml.jsonl: autoscaler.spec.maxReplicas",
        "results.json",
    ]
