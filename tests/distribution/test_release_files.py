"""The files that others act on: release workflow, Dockerfile, dev container. What can be known of them without running them."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
import yaml

from dclab.tools import TOOLS
from tests.conftest import CHECKOUT
from tests.distribution import dev_container

WORKFLOW = CHECKOUT / ".github" / "workflows" / "release.yml"
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def workflow():
    return yaml.load(WORKFLOW.read_text(), Loader=yaml.BaseLoader)


@pytest.fixture(scope="module")
def jobs(workflow):
    return workflow["jobs"]


def steps(jobs, kind):
    return [(name, one) for name, job in jobs.items() for one in job["steps"] if kind in one]


def needed(jobs, name):
    """All jobs that one waits for."""
    direct = jobs[name].get("needs", [])
    direct = [direct] if isinstance(direct, str) else direct
    return set(direct).union(*(needed(jobs, one) for one in direct))


def test_only_a_tag_of_a_version_starts_it(workflow):
    assert workflow["on"] == {"push": {"tags": ["v*"]}}


def test_no_job_has_a_right_that_it_does_not_use(workflow, jobs):
    assert workflow["permissions"] == {}
    rights = {name: job["permissions"] for name, job in jobs.items()}
    assert rights == {
        "build": {"contents": "read"},
        "pypi": {"id-token": "write"},
        "image": {"contents": "read", "packages": "write"},
        "image-of-all": {"packages": "write"},
        "github": {"contents": "write", "id-token": "write", "attestations": "write"},
    }
    assert all(int(job["timeout-minutes"]) <= 20 for job in jobs.values())
    assert set(re.findall(r"secrets\.(\w+)", WORKFLOW.read_text())) == {"GITHUB_TOKEN"}


def test_actions_are_pinned_to_commits_with_their_version_beside():
    used = re.findall(r"uses: (.*)", WORKFLOW.read_text())
    assert len(used) >= 8
    for one in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)
    assert len({one.split("@")[0] for one in used}) == len(set(used)), "one action in two versions"


def test_nothing_is_published_that_was_not_built_and_tried(jobs):
    assert needed(jobs, "pypi") == {"build"}
    assert needed(jobs, "image") == {"build"}
    assert needed(jobs, "github") == {"build", "pypi", "image", "image-of-all"}
    lines = [one["run"] for _, one in steps(jobs, "run")]
    assert sum("run --quick" in one for one in lines) == 2
    assert jobs["pypi"]["environment"]["name"] == "pypi"
    assert any("SHA256SUMS" in one["run"] for name, one in steps(jobs, "run") if name == "pypi")


def test_its_shell_is_shell_and_calls_what_is_there(jobs):
    for _, one in steps(jobs, "run"):
        done = subprocess.run(["bash", "-n"], input=one["run"], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "${{" not in one["run"], "a value that GitHub pastes into shell is code"
        for script in re.findall(r"(?<![\w/])(\.ci/\w+|\./dev)\b", one["run"]):
            assert os.access(CHECKOUT / script, os.X_OK)
    for name, one in steps(jobs, "uses"):
        if "checkout" in one["uses"]:
            assert one["with"]["persist-credentials"] == "false", name


def test_the_checklist_names_what_the_workflow_needs(jobs):
    text = (CHECKOUT / "docs" / "releasing.md").read_text()
    assert jobs["pypi"]["environment"]["name"] in text
    for one in (
        "release.yml",
        "trusted publisher",
        "`v*`",
        ".ci/run",
        ".ci/artefacts",
        "python -m tests.distribution",
        "yank",
    ):
        assert one in text


def test_the_image_runs_without_root_and_takes_nothing_but_wheel_and_lock():
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["python:3.11-slim-bookworm"] * 2
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)[-1] == "10001:10001"
    assert 'ENTRYPOINT ["tini", "--", "dclab"]' in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE
    ignored = [one for one in (CHECKOUT / ".dockerignore").read_text().splitlines() if not one.startswith("#")]
    assert ignored == ["*", "!dist/*.whl", "!requirements.lock"]
    copied = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE)
    assert {f"!{one}" for one in copied} == set(ignored[1:])


def packages(text):
    """What a text installs from Debian."""
    lines = re.findall(r"apt-get install ([^\\\n&|;]+)", text)
    return {word for line in lines for word in line.split() if not word.startswith("-")}


def test_image_and_dev_container_install_what_doctor_says():
    told = set().union(*(packages(one.debian) for one in TOOLS))
    assert packages(DOCKERFILE) - {"tini", "gcc", "libc6-dev"} == {"prometheus", "redis-server", "siege"} <= told
    assert packages((dev_container.FOLDER / "install").read_text()) == packages(DOCKERFILE) - {
        "tini",
        "gcc",
        "libc6-dev",
    }


def test_the_dev_container():
    found = dev_container.described()
    assert found["image"].startswith("mcr.microsoft.com/devcontainers/python:3.11-")
    assert "docker" not in json.dumps(found["postCreateCommand"]) + json.dumps(found.get("features", {}))
    script = CHECKOUT / found["postCreateCommand"]
    assert os.access(script, os.X_OK)
    assert "./dev dclab" in script.read_text(), "as the README has it"
    assert found["hostRequirements"]["cpus"] == 2
    assert found["remoteEnv"]["PATH"].startswith("${containerWorkspaceFolder}/.venv/bin:")
