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

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
MODULE = (sys.executable, "-m", "dclab")


def shell(line: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a shell line in which `dclab` is the command."""
    script = f'set -o pipefail; dclab() {{ {sys.executable} -m dclab "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", script], check=False, env={**ENVIRONMENT, **env}, capture_output=True, text=True, timeout=60
    )


# Ways in.


def test_alone_it_prints_its_help(dclab):
    shown = dclab()
    assert (shown.code, shown.err) == (0, "")
    assert shown.out == dclab("--help").out
    assert "scale-sweep" in shown.out


def test_as_a_module(dclab):
    done = subprocess.run(
        [*MODULE, "--version"], check=True, env=ENVIRONMENT, capture_output=True, text=True, timeout=60
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
        MODULE, check=False, env={**ENVIRONMENT, **env, "KUBECONFIG": str(kubeconfig)}, capture_output=True, text=True,
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
def test_an_option_of_another_engine_is_refused(dclab, tmp_path, arguments, option, belongs_to):
    done = dclab(*arguments, cwd=tmp_path)
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


@pytest.mark.parametrize("line", ["dclab --help | head -1", "dclab doctor | true", "dclab rbac | head -c 5"])
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
            env=ENVIRONMENT,
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
