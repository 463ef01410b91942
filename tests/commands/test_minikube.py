"""dclab's own minikube, as far as it goes without a cluster: what is started, said, checked before, and left."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest
import yaml

from dclab.errors import ExitCode
from tests.conftest import CHECKOUT, COMMAND
from tests.minikube_stand_in import calls, minikube_environment, profile_folder, verbs

FAILURE = {
    "name": "RUNTIME_ENABLE",
    "message": "Failed to enable container runtime:\n\tsudo systemctl restart containerd: exit status 1",
    "advice": "",
    "exitcode": "90",
}
UP = ("up", "--engine", "kube", "--driver", "ssh")


def labs_of_kube(dclab_here, machine):
    """Those beside the embedded ones, which other tests of this process may have."""
    return [one for one in dclab_here("list", "--json", env=machine).data["labs"] if one["engine"] == "kube"]


def program(folder, name, text):
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


@pytest.fixture
def machine(tmp_path):
    """What each command is run with on a machine with our stand-in for minikube."""
    return minikube_environment(tmp_path)


@pytest.fixture
def made(tmp_path, machine):
    """Have a profile of dclab's; returns a function that puts its machine into a state."""

    def put(state, ours=True, address="192.168.49.2"):
        folder = profile_folder(tmp_path)
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "Driver": "ssh",
            "CPUs": 2,
            "Memory": 4096,
            "KubernetesConfig": {"KubernetesVersion": "v1.35.1"},
            "Nodes": [{"IP": address}],
        }
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "state").write_text(state)
        if ours:
            (folder / "made-by-dclab").touch()
        return folder

    return put


def failing(machine, failure=FAILURE, **more):
    return {**machine, "STAND_IN_FAILS": json.dumps(failure), **more}


def test_why_it_failed_is_what_the_named_error_says(dclab, machine):
    failed = dclab(*UP, env=failing(machine))
    assert failed.code == ExitCode.ENVIRONMENT
    assert "RUNTIME_ENABLE: Failed to enable container runtime: sudo systemctl restart containerd" in failed.err
    assert "above advice" not in failed.err
    assert "minikube v1.38.1 on Debian (minikube)" in failed.err


@pytest.mark.parametrize(
    ("advice", "shown"),
    [("Restart it.", "Restart it."), ("Run: 'minikube {{.profile}}'", "gives no advice"), ("", "gives no advice")],
)
def test_its_advice_is_passed_on_unless_it_is_a_template(dclab_here, machine, advice, shown):
    failed = dclab_here(*UP, env=failing(machine, {**FAILURE, "advice": advice}))
    assert shown in failed.err
    assert "{{" not in failed.err


@pytest.mark.parametrize("late", ["", "yes"])
def test_a_first_start_that_fails_leaves_nothing(dclab_here, machine, tmp_path, late):
    dclab_here(*UP, env=failing(machine, STAND_IN_LATE=late))
    assert not profile_folder(tmp_path).exists()
    assert labs_of_kube(dclab_here, machine) == []
    assert dclab_here("down", "--cluster", "--engine", "kube", "--json", env=machine).data["ended"] is False


def test_a_new_minikube_gets_the_kubernetes_that_is_its_own_default(dclab_here, machine, tmp_path):
    """The newest that this minikube knows: dclab's own choice would be one that an older or newer minikube does not know."""
    dclab_here(*UP, env=failing(machine))
    (start,) = [one for one in calls(tmp_path) if one[0] == "start"]
    assert not [one for one in start if "kubernetes-version" in one]


def test_options_are_passed_on_again_after_a_start_that_failed(dclab_here, machine, tmp_path):
    options = (*UP, "--cpus", "2", "--memory", "2000", "--kubernetes-version", "v1.34.0")
    wanted = {
        "--extra-config=kubelet.housekeeping-interval=10s",
        "--addons=metrics-server",
        "--driver=ssh",
        "--cpus=2",
        "--memory=2000mb",
        "--kubernetes-version=v1.34.0",
    }
    for _ in range(2):
        dclab_here(*options, env=failing(machine))
    first, second = [set(one) for one in calls(tmp_path) if one[0] == "start"]
    assert wanted <= first
    assert first == second
    # Also where another program's start has left its events.
    folder = profile_folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / "events.json").touch()
    dclab_here(*options, env=failing(machine))
    assert [set(one) for one in calls(tmp_path) if one[0] == "start"][2] == first


def test_a_first_start_that_is_cut_off_leaves_nothing(machine, tmp_path, wait_until):
    waits = tmp_path / "waits"
    up = subprocess.Popen(
        [*COMMAND, *UP],
        env={**os.environ, **machine, "PYTHONPATH": str(CHECKOUT), "STAND_IN_WAITS": str(waits)},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(waits.exists, 30)
    up.send_signal(signal.SIGINT)
    said = up.communicate(timeout=30)[1]
    assert up.returncode == ExitCode.INTERRUPTED
    assert "removing what minikube has made so far" in said
    assert not profile_folder(tmp_path).exists()
    assert verbs(tmp_path) == ["start", "delete", "delete"]


def test_what_a_killed_first_start_has_left_is_replaced(dclab_here, machine, tmp_path, made):
    made("Running", address="")
    done = dclab_here(*UP, "--memory", "2000", env=failing(machine))
    assert "first start was cut off" in done.err
    assert verbs(tmp_path) == ["delete", "start"]
    assert "--memory=2000mb" in calls(tmp_path)[1]


def test_a_profile_that_dclab_has_not_made_is_left_alone(dclab_here, machine, tmp_path, made):
    folder = made("Running", ours=False)
    for command in (UP, ("status", "--engine", "kube"), ("down", "--engine", "kube", "--cluster")):
        done = dclab_here(*command, env=machine)
        assert done.code == ExitCode.REFUSED, done.err
        assert "--context dclab" in done.err
    assert verbs(tmp_path) == []
    assert (folder / "config.json").exists()
    assert dclab_here("doctor", "--json", env=machine).data["engine"] == "embedded"


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (("--driver", "docker"), "--driver ssh, not docker"),
        (("--memory", "5000"), "--memory 4096, not 5000"),
        (("--kubernetes-version", "1.34.0"), "--kubernetes-version 1.35.1, not 1.34.0"),
    ],
)
def test_options_of_another_minikube_than_there_is_are_refused(dclab_here, machine, made, tmp_path, option, says):
    made("Stopped")
    done = dclab_here("up", *option, env=machine)
    assert done.code == ExitCode.USAGE
    assert says in done.err
    assert verbs(tmp_path) == []
    # What it has already may be said again.
    done = dclab_here("up", "--driver", "ssh", "--kubernetes-version", "v1.35.1", env=failing(machine))
    assert "RUNTIME_ENABLE" in done.err


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("Stopped", "is stopped"),
        ("gone", "is stopped"),
        ("Paused", "is paused"),
        ("failing", "its machine runs, its API server does not"),
        ("Running", "runs, but does not answer"),
    ],
)
def test_a_cluster_that_does_not_run_is_said_to_and_what_helps(dclab_here, machine, made, state, says):
    """minikube has taken its context away; the engine stays the same, and the profile is not said to be gone."""
    made(state)
    done = dclab_here("status", env=machine)
    assert done.code == ExitCode.ERROR
    assert says in done.err
    assert "`dclab up` starts it again; `dclab down --cluster` deletes it." in done.err
    (listed,) = dclab_here("list", "--engine", "kube", "--json", env=machine).data["labs"]
    assert listed["state"] == ("stopped" if state in ("Stopped", "gone", "Paused") else "not answering")
    assert dclab_here("doctor", "--json", env=machine).data["engine"] == "kube"


def test_down_says_of_a_stopped_cluster_that_its_lab_is_kept(dclab_here, machine, made, tmp_path):
    made("Stopped")
    done = dclab_here("down", env=machine)
    assert done.code == 0
    assert "is stopped already" in done.err
    assert "`dclab down --cluster` deletes both" in done.err
    assert verbs(tmp_path) == []
    assert dclab_here("down", "--cluster", "--json", env=machine).data["ended"] is True
    assert verbs(tmp_path) == ["delete"]
    assert not profile_folder(tmp_path).exists()


def test_a_stale_entry_of_a_deleted_profile_is_no_cluster(dclab_here, machine, tmp_path):
    """As after `minikube delete -p dclab`, which does not know dclab's kubeconfig."""
    own = tmp_path / "state" / "dclab" / "kubeconfig"
    own.parent.mkdir(parents=True)
    note = {"name": "context_info", "extension": {"provider": "minikube.sigs.k8s.io"}}
    entry = {"cluster": "dclab", "user": "dclab", "extensions": [note]}
    gone = str(tmp_path / "client.crt")
    own.write_text(
        yaml.safe_dump(
            {
                "contexts": [{"name": "dclab", "context": entry}],
                "clusters": [
                    {"name": "dclab", "cluster": {"server": "https://127.0.0.1:9", "certificate-authority": gone}}
                ],
                "users": [{"name": "dclab", "user": {"client-certificate": gone, "client-key": gone}}],
            }
        )
    )
    assert dclab_here("doctor", "--json", env=machine).data["engine"] == "embedded"
    done = dclab_here("status", "--engine", "kube", env=machine)
    assert done.code == ExitCode.ENVIRONMENT
    assert "There is no cluster of dclab's own" in done.err
    assert labs_of_kube(dclab_here, machine) == []
    assert calls(tmp_path) == []


@pytest.mark.parametrize("driver", ["none", "native"])
def test_drivers_that_dclabs_own_profile_cannot_have(dclab_here, machine, tmp_path, driver):
    done = dclab_here("up", "--engine", "kube", "--driver", driver, env=machine)
    assert done.code == ExitCode.USAGE
    assert "--context minikube" in done.err
    assert verbs(tmp_path) == []


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
    ],
)
def test_what_is_missing_is_told_before_anything_is_changed(dclab_here, machine, tmp_path, options, docker, says):
    if docker is not None:
        program(tmp_path / "bin", "docker", docker)
    done = dclab_here("up", "--engine", "kube", *options, env={**machine, "PATH": str(tmp_path / "bin")})
    assert done.code == ExitCode.ENVIRONMENT, done.err
    assert says in done.err
    assert len(done.err.splitlines()) >= 3
    assert verbs(tmp_path) == []
    assert {one.name for one in tmp_path.iterdir()} == {"bin", "calls"}


def test_the_dry_run_needs_no_cluster(dclab, machine, tmp_path):
    done = dclab("up", "--dry-run", "--engine", "kube", env=machine)
    shown = "#   APIService v1beta2.custom.metrics.k8s.io"
    assert shown in done.out.splitlines()  # what experiments add, not to be applied now
    assert "APIService" not in {one["kind"] for one in yaml.safe_load_all(done.out)}
    assert done.code == 0
    assert "kind: Namespace" in done.out
    assert not (tmp_path / "calls").exists()
