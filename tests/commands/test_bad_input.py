"""Every wrong value: one sentence, a hint, the documented exit code, and nothing started or lost."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
from pathlib import Path

import pytest

from dclab.errors import ExitCode
from dclab.run_folder import load_results

SAMPLE = Path(__file__).parent.parent.parent / "reports" / "sample-embedded"


@pytest.mark.parametrize(
    "arguments",
    [
        ("scale-sweep", "--workers", "0"),
        ("scale-sweep", "--workers", "-1"),
        ("scale-sweep", "--workers=-1"),
        ("scale-sweep", "--workers", "a,b"),
        ("scale-sweep", "--workers", "10001"),
        ("scale-sweep", "--workers", "1,1"),
        ("scale-sweep", "--workers", ""),
        ("scale-sweep", "--seconds", "1"),
        ("scale-sweep", "--seconds", "soon"),
        ("scale-sweep", "--seconds", "-5s"),
        ("scale-sweep", "--engine", "docker"),
        ("latency", "--target", "redis"),
        ("latency", "--count", "0"),
        ("latency", "--workers", "ten"),
        ("loadtest", "--time", "0s"),
        ("loadtest", "--time", "4 fortnights"),
        ("loadtest", "--concurrent", "256"),
        ("loadtest", "--target", "../etc"),
        ("loadtest", "--path", "32"),
        ("loadtest", "--path", "/ POST x"),
        ("hpa-demo", "--target", "worker"),
        ("hpa-demo", "--load-time", "1s"),
        ("probe-demo", "--kind", "startup"),
        ("probe-demo", "--period", "0"),
        ("probe-demo", "--failure-threshold", "x"),
        ("rollout-demo", "--target", "hasher"),
        ("rollout-demo", "--seconds", "1s"),
        ("monitor", "--window", "x"),
        ("monitor", "--prometheus", "docker"),
        ("monitor", "--prometheus", "manifest", "--chart", "x"),
        ("monitor", "--address", "everywhere"),
        ("webui", "--address", "localhost:80"),
        ("run", "--load-time", "never"),
        ("run", "--engine", "cloud"),
        ("run", "--name", "a/b", "--out", "x"),
        ("scale", "worker", "10001"),
        ("scale", "worker", "many"),
        ("scale", "redis", "2"),
        ("up", "--name", "../escape"),
        ("up", "--name", "a/b"),
        ("up", "--name", "A"),
        ("up", "--port", "70000"),
        ("up", "--clock-speed", "0"),
        ("up", "--clock-speed", "nan"),
        ("down", "--name", "a/b"),
        ("status", "--name", ""),
        ("report", "nowhere"),
        ("report",),
        ("mine",),
        ("up", "--colour"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_a_sentence(dclab_here, tmp_path, arguments):
    done = dclab_here(*arguments, cwd=tmp_path)
    assert done.code == ExitCode.USAGE, done.err
    assert done.out == ""
    first, *rest = done.err.splitlines()
    assert first.startswith("✗ ")
    assert rest
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "verb",
    [
        "status",
        "webui",
        "scale-sweep",
        "latency",
        "loadtest",
        "hpa-demo",
        "hpa-compare",
        "monitor",
        "probe-demo",
        "rollout-demo",
    ],
)
def test_without_a_lab_it_says_how_to_start_one(dclab_here, tmp_path, verb):
    done = dclab_here(verb, "--name", "absent", cwd=tmp_path)
    assert done.code == ExitCode.ENVIRONMENT
    assert "No lab named 'absent' is running." in done.err
    assert "dclab up --name absent" in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", [("up",), ("run", "--quick"), ("scale-sweep",), ("status",)])
def test_without_a_cluster_the_kube_engine_says_how_to_get_one(dclab_here, tmp_path, verb):
    nothing = {"PATH": "/nonexistent", "HOME": str(tmp_path / "home"), "KUBECONFIG": "", "XDG_STATE_HOME": ""}
    done = dclab_here(*verb, "--engine", "kube", cwd=tmp_path, env=nothing)
    assert done.code == ExitCode.ENVIRONMENT
    assert "--context" in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", [("up",), ("run", "--quick"), ("scale-sweep",), ("status",), ("down",)])
def test_a_context_that_is_not_there_is_refused(dclab_here, tmp_path, verb):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("contexts: [{name: mine, context: {cluster: a, user: b}}]")
    done = dclab_here(*verb, "--context", "other", cwd=tmp_path, env={"KUBECONFIG": str(kubeconfig)})
    assert done.code == ExitCode.USAGE
    assert "Your kubeconfig has: mine." in done.err
    assert [one.name for one in tmp_path.iterdir()] == ["kubeconfig"]


def test_a_server_that_does_not_answer_is_named(dclab, tmp_path):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{clusters: [{name: a, cluster: {server: 'http://127.0.0.1:9'}}], users: [{name: b, user: {}}],"
        " contexts: [{name: mine, context: {cluster: a, user: b}}]}"
    )
    done = dclab("status", "--context", "mine", cwd=tmp_path, env={"KUBECONFIG": str(kubeconfig)})
    assert done.code == ExitCode.ERROR
    assert "does not answer" in done.err
    assert "http://127.0.0.1:9" in done.err


def test_a_failure_has_the_same_envelope_as_a_success(dclab, lab_name):
    good = dclab("status", "--name", lab_name, "--json").envelope
    bad = dclab("status", "--name", "absent", "--json")
    usage = dclab("scale", "--json")
    assert set(good) == set(bad.envelope) == set(usage.envelope)
    assert (good["status"], good["exit_code"], good["error"]) == ("ok", 0, None)
    assert bad.envelope["status"] == "failed"
    assert bad.envelope["exit_code"] == bad.code == ExitCode.ENVIRONMENT
    assert bad.envelope["error"]["code"] == "no-lab"
    assert usage.envelope["exit_code"] == usage.code == ExitCode.USAGE


def test_a_folder_that_holds_something_is_not_written_to(dclab, lab_name, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    done = dclab("loadtest", "--name", lab_name, "--out", str(tmp_path))
    assert done.code == ExitCode.USAGE
    assert "not an empty folder" in done.err
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("place", ["/proc/dclab", "/dev/null/x"])
def test_a_place_that_cannot_be_written(dclab, lab_name, place):
    done = dclab("loadtest", "--name", lab_name, "--out", place)
    assert done.code == ExitCode.ENVIRONMENT
    assert "cannot be written" in done.err


def test_a_runtime_folder_open_to_others_is_refused(dclab, tmp_path):
    (tmp_path / "dclab").mkdir(mode=0o777)
    (tmp_path / "dclab").chmod(0o777)
    done = dclab("up", env={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert done.code == ExitCode.ENVIRONMENT
    assert "not private" in done.err


def test_a_runtime_folder_with_too_long_a_path(dclab, tmp_path):
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    done = dclab("up", env={"XDG_RUNTIME_DIR": str(deep)})
    assert done.code == ExitCode.ENVIRONMENT
    assert "XDG_RUNTIME_DIR" in done.err


def test_a_socket_that_is_not_ours_is_no_lab(dclab, runtime_folder):
    folder = runtime_folder / "dclab" / "fake"
    folder.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "control"))
        assert dclab("status", "--name", "fake").code == ExitCode.ENVIRONMENT
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"schema": "other/1"}', b'{"schema": "dclab/results/99"}',
     b'{"schema": "dclab/results/1"}', b'{"schema": "dclab/results/1", "sweep": 3}'],
)  # fmt: skip
def test_a_foreign_results_file(dclab_here, tmp_path, content):
    (tmp_path / "results.json").write_bytes(content)
    done = dclab_here("report", str(tmp_path))
    assert done.code == ExitCode.USAGE
    assert "results" in done.err
    assert [one.name for one in tmp_path.iterdir()] == ["results.json"]


def test_an_unreadable_results_file(dclab, tmp_path):
    (tmp_path / "results.json").mkdir()
    assert dclab("report", str(tmp_path)).code == ExitCode.USAGE


def test_a_full_disk_leaves_what_was_there(tmp_path):
    """A limit on the size of files stands for the disk: the same error of the same call."""
    import subprocess
    import sys

    shutil.copy(SAMPLE / "results.json", tmp_path)
    before = (tmp_path / "results.json").read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", "from dclab.cli import main; main()", "report", str(tmp_path), "--json"],
        check=False,
        env={**os.environ, "PYTHONPATH": str(SAMPLE.parent.parent), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == ExitCode.ENVIRONMENT, done.stderr
    error = json.loads(done.stdout)["error"]
    assert "cannot be written" in error["what"]
    assert "intact" in error["hint"]
    assert (tmp_path / "results.json").read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["results.json"]
    load_results(tmp_path)
