"""Starting minikube, as far as it goes without a cluster: what it says, and what is checked before."""

from __future__ import annotations

import json
import os

import pytest
import yaml

from dclab.errors import ExitCode
from tests.minikube_stand_in import minikube_environment


def program(folder, name, text):
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


@pytest.fixture
def machine(tmp_path):
    """A machine with our stand-in for minikube, and a docker that answers; what each command is run with."""
    return minikube_environment(tmp_path)


def test_its_own_advice_is_passed_on(dclab, machine):
    event = {
        "name": "DRV_NOT_HEALTHY",
        "message": "The driver is not healthy.",
        "advice": "Restart it.",
        "exitcode": "80",
    }
    failed = dclab("up", "--engine", "kube", "--driver", "ssh", env={**machine, "STAND_IN_FAILS": json.dumps(event)})
    assert failed.code == ExitCode.ENVIRONMENT
    assert "DRV_NOT_HEALTHY: The driver is not healthy." in failed.err
    assert "Restart it." in failed.err
    assert "minikube v1.37.0 on Debian (minikube, 0/19)" in failed.err


def test_it_is_asked_for_what_the_exercise_needs(dclab, machine, tmp_path):
    event = {"name": "X", "message": "no", "advice": "", "exitcode": "80"}
    options = ("--driver", "ssh", "--cpus", "2", "--memory", "2000", "--kubernetes-version", "v1.34.0")
    dclab("up", "--engine", "kube", *options, env={**machine, "STAND_IN_FAILS": json.dumps(event)})
    (call,) = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines() if '"start"' in line]
    assert call[:3] == ["--profile", "dclab", "start"]
    assert {
        "--extra-config=kubelet.housekeeping-interval=10s",
        "--addons=metrics-server",
        "--driver=ssh",
        "--cpus=2",
        "--memory=2000mb",
        "--kubernetes-version=v1.34.0",
    } <= set(call)


@pytest.mark.parametrize(
    ("options", "docker", "says"),
    [
        (("--cpus", "500"), "", "too few CPUs"),
        (("--memory", "99000000"), "", "too little memory"),
        (("--driver", "docker"), None, "no docker here"),
        (("--driver", "docker"), 'echo "Docker version 19.03.1"', "docker here is too old"),
        pytest.param(
            ("--driver", "docker"),
            'echo "Docker version 27.1.0"',
            "does not use docker as root",
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="for root"),
        ),
        pytest.param(
            ("--driver", "docker"),
            'echo "Docker version 27.1.0"; [ "$1" != info ] || { echo "permission denied while connecting" >&2; exit 1; }',
            "may not use docker",
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may"),
        ),
        (("--driver", "none"), None, "There is no"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_changed(dclab, machine, tmp_path, options, docker, says):
    if docker is not None:
        program(tmp_path / "bin", "docker", docker)
    done = dclab("up", "--engine", "kube", *options, env={**machine, "PATH": str(tmp_path / "bin")})
    assert done.code == ExitCode.ENVIRONMENT, done.err
    assert says in done.err
    assert len(done.err.splitlines()) >= 3
    assert '"start"' not in (tmp_path / "calls").read_text()
    assert {one.name for one in tmp_path.iterdir()} == {"bin", "calls"}


def test_the_dry_run_needs_no_cluster(dclab, machine, tmp_path):
    done = dclab("up", "--dry-run", "--engine", "kube", env=machine)
    shown = "#   APIService v1beta2.custom.metrics.k8s.io"
    assert shown in done.out.splitlines()  # what experiments add, not to be applied now
    assert "APIService" not in {one["kind"] for one in yaml.safe_load_all(done.out)}
    assert done.code == 0
    assert "kind: Namespace" in done.out
    assert not (tmp_path / "calls").exists()
