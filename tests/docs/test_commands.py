"""Each command that README and site show: the command line takes it, and it runs, or stands here with the reason why not."""

from __future__ import annotations

import re
import shlex
import shutil
from typing import Any

import pytest
import typer

from dclab.cli.app import app
from tests.conftest import CHECKOUT
from tests.docs.pages import PAGES, Shown, commands

SHOWN = commands()
OURS = [one for one in SHOWN if re.match(r"(\./dev )?dclab( |$)", one.line)]

OTHER_PROGRAMS = {
    r"sudo apt-get |docker |pipx |uv tool |pip |man ": "installs, or shows what is installed",
    r"kubectl |minikube |kind |k3d |aws ": "needs a cluster, or makes one",
    r"export |tar ": "the shell's, of paths that are the reader's",
    r"\./dev |\.ci/run|python -m ": "of the development environment; .ci/run runs what is in it",
}
"""Lines of other programs, by their beginning, with the reason why no test runs them."""

NOT_RUN = {
    r"--context|--engine kube|--cluster|--images|--prometheus": "needs a cluster: tests/cluster runs these commands on one",
    r"--webui|--url": "needs a DockerCoins elsewhere: tests/commands/test_any_dockercoins.py has one",
    r"--address|--keep|dclab webui": "stays until Ctrl-C, or opens a browser: tests/commands",
    r"\bdoctor --install": "installs programs, or says how: tests/commands/test_install.py",
    r"--install-completion": "changes the shell's configuration: tests/commands/test_command_line.py",
    r"dclab run\b": "takes minutes: .ci/run runs the quick one from the wheel",
    r"hpa-compare|hpa-simulate|hpa-demo|loadtest|prove|compare --change|watch": "takes minutes, or until Ctrl-C: tests/commands",
    r"check-app$": "takes half a minute: tests/commands/test_check_app.py",
    r"monitor": "takes half a minute: tests/commands/test_experiments.py",
    r"report --open|--open$|report --lang zh$": "opens a browser, or is of the reader's last run",
    r"up --(name|metric|dry)|(status|down) --name mine": "of a lab of another name, or none: tests/commands/test_lab_commands.py",
    r"logs \w+ -f|hpa-replay HPA": "until Ctrl-C, or of a placeholder",
    r"probe-demo|rollout-demo": "takes a minute or more: tests/commands/test_probe_demo.py and test_rollout_demo.py",
    r"top --watch": "until Ctrl-C: tests/commands/test_top.py",
    r"verify RUN|report RUN|<run>|compare reports/A|predict --workers": "of a placeholder, or of the reader's last run",
}
"""Lines of dclab, by what is in them, with the reason why the test below does not run them."""

OF_A_LAB = r"dclab (up|status|top|scale|logs|list|latency|scale-sweep|down|rate)\b"

QUICKER = {
    "scale-sweep": "dclab scale-sweep --workers 1,2 --seconds 3",
    "latency": "dclab latency --count 3 --workers 2",
}
"""What measures is run once, with less to measure."""


def _arguments(line: str) -> list[str]:
    return shlex.split(line.removeprefix("./dev "))[1:]


@pytest.mark.parametrize("shown", OURS, ids=lambda one: f"{one.page}: {one.line}")
def test_the_command_line_takes_it(shown):
    top: Any = typer.main.get_command(app)
    with top.make_context("dclab", _arguments(shown.line), resilient_parsing=True) as context:
        rest = [*context._protected_args, *context.args]
        if rest:
            name, command, arguments = top.resolve_command(context, rest)
            command.make_context(name, arguments, parent=context)


def _reason(line: str, reasons: dict[str, str]) -> str | None:
    return next((why for what, why in reasons.items() if re.search(what, line)), None)


def test_every_other_line_has_a_reason():
    others = [one for one in SHOWN if one not in OURS]
    unknown = [one for one in others if not any(re.match(what, one.line) for what in OTHER_PROGRAMS)]
    assert unknown == []


def _runs(line: str) -> bool:
    return _reason(line, NOT_RUN) is None


ALONE = sorted({one.line for one in OURS if _runs(one.line) and not re.search(OF_A_LAB, one.line)})
WITH_A_LAB = sorted(
    {one.line for one in OURS if _runs(one.line) and re.search(OF_A_LAB, one.line)} - {"dclab up", "dclab down"}
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A reader's folder: a checkout's samples and manifests, and autoscalers of their own."""
    made = tmp_path_factory.mktemp("reader")
    for name in ("sample-embedded", "sample-kube"):
        shutil.copytree(CHECKOUT / "reports" / name, made / "reports" / name)
    shutil.copytree(made / "reports" / "sample-embedded", made / "reports" / "20260101-120000-embedded")  # the help's
    shutil.copytree(CHECKOUT / "manifests", made / "manifests")
    for name in ("my-hpa.yaml", "before.yaml", "after.yaml", "mine.yaml"):
        shutil.copy(CHECKOUT / "manifests" / "optional" / "autoscaler-cpu-tuned.yaml", made / name)
    return made


@pytest.mark.parametrize("line", ALONE)
def test_it_runs_without_a_lab(dclab, folder, line):
    done = dclab(*_arguments(line), cwd=folder)
    assert done.code == 0, done.err
    assert done.out


@pytest.mark.timeout(300)
def test_those_that_need_a_lab_run_in_one(dclab, folder):
    started = dclab("up", "--name", "docs", "--clock-speed", "20", cwd=folder)
    assert started.code == 0, started.err
    lines = dict.fromkeys(QUICKER.get(_arguments(line)[0], line) for line in WITH_A_LAB)
    try:
        for line in lines:
            named = [] if "list" in line else ["--name", "docs"]
            done = dclab(*_arguments(line), *named, cwd=folder)
            assert done.code == 0, (line, done.err)
    finally:
        ended = dclab("down", "--name", "docs", cwd=folder)
    assert ended.code == 0


def test_there_is_much_to_test():
    assert len(OURS) > 100
    assert len(ALONE) >= 12
    assert len(WITH_A_LAB) >= 8


def test_a_line_that_is_wrong_is_found():
    with pytest.raises(Exception, match="No such option"):
        test_the_command_line_takes_it(Shown("none.md", "dclab run --fast"))


def test_readers_see_no_page_of_a_workplace():
    names = re.compile(r"/tmp/|/work/|/root/|/home/\w")
    assert [(page.name, line) for page in PAGES for line in page.read_text().splitlines() if names.search(line)] == []
