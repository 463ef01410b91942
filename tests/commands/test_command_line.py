"""What holds for every command line: the ways in and out, whatever reads the output, whatever goes wrong."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from dclab.cli import run
from dclab.cli.output import Output
from dclab.cli.result import Result
from dclab.errors import ExitCode
from tests.conftest import CHECKOUT, COMMAND

MODULE = (sys.executable, "-m", "dclab")


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would hide that output is buffered."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    return {**kept, "PYTHONPATH": str(CHECKOUT), **more}


def shell(line: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a shell line in which `dclab` is the command."""
    script = f'set -o pipefail; dclab() {{ {sys.executable} -m dclab "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", script], check=False, env=environment(**env), capture_output=True, text=True, timeout=60
    )


# Ways in.


def test_alone_it_prints_its_help(dclab):
    shown = dclab()
    assert (shown.code, shown.err) == (0, "")
    assert shown.out == dclab("--help").out
    assert "scale-sweep" in shown.out


def test_as_a_module(dclab):
    done = subprocess.run(
        [*MODULE, "--version"], check=True, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.stdout == dclab("--version").out


def test_a_command_that_does_not_exist_leads_to_the_list_of_commands(dclab):
    done = dclab("statsu")
    assert done.code == ExitCode.USAGE
    assert "statsu" in done.err
    assert "See `dclab --help`." in done.err


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("dclab sca", {"scale", "scale-sweep"}),
        ("dclab status --engine ", {"auto", "embedded", "kube"}),
        ("dclab loadtest --target ", {"rng", "hasher"}),
        ("dclab report --lang ", {"en", "zh"}),
        ("dclab scale ", {"worker", "rng", "hasher", "webui", "redis", "httplat-rng", "httplat-hasher"}),
        ("dclab status --context ", {"mine", "yours"}),
    ],
)
def test_the_shell_completes(tmp_path, words, offered):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("contexts: [{name: mine, context: {}}, {name: yours, context: {extensions: [{name: a}]}}]")
    env = {"_DCLAB_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    done = subprocess.run(
        MODULE, check=False, env=environment(**env, KUBECONFIG=str(kubeconfig)), capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert set(done.stdout.split()) == offered
    assert done.stderr == ""


def test_the_environment_sets_options(dclab, lab_name):
    assert dclab("status", "--json", env={"DCLAB_NAME": lab_name}).data["name"] == lab_name
    assert dclab("status", env={"DCLAB_NAME": lab_name, "DCLAB_JSON": "1"}).data["name"] == lab_name
    typed = dclab("status", "--name", lab_name, "--json", env={"DCLAB_NAME": "absent"})
    assert typed.data["name"] == lab_name
    wrong = dclab("scale-sweep", env={"DCLAB_SCALE_SWEEP_WORKERS": "0", "DCLAB_NAME": lab_name})
    assert wrong.code == ExitCode.USAGE
    assert "'0' is not a possible number of workers" in wrong.err


# Options and engines.


@pytest.mark.parametrize(
    ("arguments", "option", "belongs_to"),
    [
        (("up", "--driver", "docker"), "--driver", "dclab's own minikube"),
        (("up", "--cpus", "4"), "--cpus", "dclab's own minikube"),
        (("up", "--images", "upstream"), "--images", "kube engine"),
        (("up", "--engine", "kube", "--port", "8080"), "--port", "embedded engine"),
        (("up", "--engine", "kube", "--clock-speed", "5"), "--clock-speed", "embedded engine"),
        (("up", "--context", "mine", "--cpus", "4"), "--cpus", "dclab's own minikube"),
        (("up", "--context", "mine", "--metric-resolution", "5"), "--metric-resolution", "embedded engine"),
        (("run", "--images", "upstream"), "--images", "kube engine"),
        (("monitor", "--chart", "x"), "--chart", "kube engine"),
        (("down", "--cluster"), "--cluster", "dclab's own minikube"),
        (("status", "--engine", "embedded", "--context", "mine"), "context", "embedded engine"),
    ],
)
def test_an_option_of_another_engine_is_refused(dclab_here, tmp_path, arguments, option, belongs_to):
    done = dclab_here(*arguments, cwd=tmp_path)
    assert done.code == ExitCode.USAGE, done.err
    assert option in done.err
    assert belongs_to in done.err
    assert list(tmp_path.iterdir()) == []


def test_what_the_environment_says_of_another_engine_is_no_mistake(dclab, lab_name):
    elsewhere = {"DCLAB_CONTEXT": "absent", "DCLAB_IMAGES": "upstream"}
    assert dclab("status", "--name", lab_name, "--engine", "embedded", env=elsewhere).code == 0


def test_up_says_what_differs_from_the_running_lab(dclab, lab_name):
    done = dclab("up", "--name", lab_name, "--clock-speed", "7", "--port", "19999", "--sync-seconds", "15")
    assert done.code == ExitCode.USAGE
    assert "--clock-speed 20, not 7" in done.err
    assert "--port 0, not 19999" in done.err
    assert "--sync-seconds" not in done.err
    assert dclab("up", "--name", lab_name, "--clock-speed", "20").code == 0


# Ways out.


@pytest.mark.parametrize(
    "line",
    [
        "dclab --help | head -1",
        "dclab doctor | true",
        "dclab rbac | head -c 5",
        "dclab list | true",
        "dclab --version | true",
    ],
)
def test_a_reader_that_leaves_early_hears_nothing(line):
    done = shell(line)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["doctor", "doctor --json", "--help"])
def test_output_that_cannot_be_written(command):
    done = shell(f"dclab {command} > /dev/full")
    assert done.returncode != 0
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_closed_streams(streams):
    done = shell(f"dclab doctor {streams}")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_output_in_any_encoding(tmp_path, encoding):
    env = {"PYTHONIOENCODING": encoding}
    folder = tmp_path / "数据"
    folder.mkdir()
    text = shell(f"dclab report {CHECKOUT}/reports/sample-embedded/nowhere-数据", **env)
    assert text.returncode == ExitCode.USAGE
    assert "Traceback" not in text.stderr
    done = shell("dclab rbac --json", **env)
    assert json.loads(done.stdout)["status"] == "ok"
    failed = shell(f"dclab report {folder} --json", **env)
    assert json.loads(failed.stdout)["error"]["code"] == "invalid-input"


def test_markup_and_control_characters_are_text(dclab, tmp_path):
    done = dclab("report", str(tmp_path / "[bold]x[/nonsense]\x1b[31m"))
    assert done.code == ExitCode.USAGE
    assert "[bold]x[/nonsense]" in done.err
    assert "\x1b" not in done.err


def test_what_is_no_number_in_json_is_null(capsys):
    Output("odd", as_json=True).render(Result(value=float("inf")))
    shown = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert shown["data"] == {"value": None}


@pytest.mark.parametrize("as_json", [False, True])
def test_a_fault_of_dclab_is_a_sentence_and_a_log_file(capsys, monkeypatch, tmp_path, as_json):
    """Any exception: here one that a broken installation would raise."""
    from dclab.engines.kube import rights

    def broken(_name):
        raise KeyError("nobody expected this")

    monkeypatch.setattr(rights, "roles", broken)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert run(["rbac", *["--json"] * as_json]) == ExitCode.ERROR
    out, err = capsys.readouterr()
    (log,) = (tmp_path / "dclab" / "failures").iterdir()
    assert "nobody expected this" in log.read_text()
    assert "Traceback" in log.read_text()
    assert "Traceback" not in out + err
    said = json.loads(out)["error"]["why"] if as_json else err
    assert str(log) in said
    if as_json:
        assert json.loads(out)["error"]["code"] == "unexpected"


def test_verbose_shows_the_traceback(capsys, monkeypatch, tmp_path):
    from dclab.engines.kube import rights

    monkeypatch.setattr(rights, "roles", lambda _name: 1 / 0)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert run(["rbac", "-v"]) == ExitCode.ERROR
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_ctrl_c_is_quiet_from_the_first_moment(flags):
    """Each time at another moment of the first third of a second, until a command is under way."""
    chance = random.Random(20)
    for _ in range(8):
        process = subprocess.Popen(
            [*COMMAND, "watch", "--name", "absent", *flags],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(0.3 * chance.random())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        # Python's own start, before the first line of ours, ends in its own way.
        if "dclab" in err or out or process.returncode == ExitCode.INTERRUPTED:
            assert "Traceback" not in err, err
            # The signal itself ends what has said everything and is on its way out.
            assert process.returncode in (ExitCode.INTERRUPTED, ExitCode.ENVIRONMENT, -signal.SIGINT)
            assert not flags or json.loads(out)["exit_code"] in (ExitCode.INTERRUPTED, ExitCode.ENVIRONMENT)


# Signals.


def test_a_second_signal_does_not_cut_the_clean_up(start_dclab, dclab, tmp_path, wait_until):
    """Ctrl-C twice in `run`: the lab that it started is ended all the same, and one document says what happened."""
    process = start_dclab("run", "--quick", "--json", "--name", "twice", cwd=tmp_path)
    wait_until(lambda: "twice" in dclab("list").out, 30)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED, err
    assert json.loads(out)["exit_code"] == ExitCode.INTERRUPTED
    assert "twice" not in dclab("list").out


def test_a_lab_is_ended_though_nobody_reads_the_progress(dclab, tmp_path, wait_until):
    """As in `dclab run 2>&1 | tee log`, where Ctrl-C ends tee first."""
    process = subprocess.Popen(
        [*MODULE, "run", "--quick", "--name", "unread"],
        env=environment(), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    wait_until(lambda: "unread" in dclab("list").out, 30)
    time.sleep(1)
    process.stderr.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == ExitCode.INTERRUPTED
    assert "unread" not in dclab("list").out


@pytest.mark.parametrize("line", ["dclab up --name late --json 2> >(true)", "dclab up --name late 2>&1 | head -1"])
def test_a_reader_that_leaves_does_not_end_the_command(dclab, line):
    done = shell(line)
    assert done.returncode == 0, done.stderr
    assert dclab("down", "--name", "late", "--json").data["ended"] is True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_the_imports_is_answered(number):
    process = subprocess.Popen(
        [*MODULE, "status", "--name", "absent", "--json"], env=environment(), stdout=subprocess.PIPE, text=True
    )
    time.sleep(0.12)
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert not out or json.loads(out)["exit_code"] in (ExitCode.INTERRUPTED, ExitCode.ENVIRONMENT)
    assert process.returncode in (ExitCode.INTERRUPTED, ExitCode.ENVIRONMENT, -number)


def test_what_is_followed_comes_line_by_line(lab_name):
    started = time.monotonic()
    done = shell(f"dclab watch --name {lab_name} --seconds 20s | head -2")
    assert len(done.stdout.splitlines()) == 2
    assert time.monotonic() - started < 15


# What is typed and what the environment says.


def test_options_follow_the_command(dclab):
    done = dclab("--json", "list")
    assert done.code == ExitCode.USAGE
    assert "Options follow the command" in done.out + done.err
    assert dclab("--name", "x", "status", "--json").envelope["command"] == "status"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DCLAB_JSON", "maybe"),
        ("DCLAB_ENGINE", "docker"),
        ("DCLAB_NAME", "../x"),
        ("DCLAB_UP_PORT", "abc"),
        ("DCLAB_UP_CPUS", "1"),
        ("DCLAB_UP_CLOCK_SPEED", "nan"),
    ],
)
def test_a_wrong_variable_is_named(dclab_here, variable, value):
    done = dclab_here("up", "--dry-run", env={variable: value})
    assert done.code == ExitCode.USAGE
    assert variable in done.out + done.err


def test_json_is_asked_for_by_a_true_variable_only(dclab):
    assert dclab("bogus", env={"DCLAB_JSON": "0"}).out == ""
    assert dclab("bogus", env={"DCLAB_JSON": "1"}).envelope["exit_code"] == ExitCode.USAGE


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", str(CHECKOUT / "reports" / "sample-embedded"), "--rate", "10", "--workers", "3"),
        ("doctor", "--yes"),
        ("up", "--dry-run", "--engine", "embedded"),
        ("list", "--engine", "embedded", "--context", "mine"),
        ("report", "a" * 300),
    ],
)
def test_what_would_be_ignored_is_refused(dclab_here, arguments):
    assert dclab_here(*arguments).code == ExitCode.USAGE


def test_a_crashed_lab_is_told_from_a_running_one(dclab):
    assert dclab("up", "--name", "crashed").code == 0
    pid = dclab("status", "--name", "crashed", "--json").data["supervisor_pid"]
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)
    (one,) = dclab("list", "--name", "crashed", "--json").data["labs"]
    assert one["state"] == "crashed"
    assert "dclab down --name crashed" in dclab("list").out
    assert "The lab 'crashed': crashed." in dclab("doctor").out
    assert dclab("down", "--name", "crashed", "--json").data["ended"] is True


def test_the_hint_names_the_lab_that_is_meant(dclab, lab_name):
    done = dclab("up", "--name", lab_name, "--clock-speed", "7")
    assert f"`dclab down --name {lab_name}`" in done.err


def test_completion_never_fails_loudly():
    for env in ({"_DCLAB_COMPLETE": ""}, {"_DCLAB_COMPLETE": "complete_bash"}, {"_DCLAB_COMPLETE": "x"}):
        done = shell("dclab --version", **env)
        assert "Traceback" not in done.stderr
