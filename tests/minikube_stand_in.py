"""A program that stands where minikube would, and answers as minikube v1.38.1 was seen to.

It keeps a profile in $MINIKUBE_HOME as minikube does (config.json makes it one, events.json is there before), writes
$KUBECONFIG, and speaks of its steps in the same events. Its machine's state is the file `state` in the profile. The cluster
behind it is one that runs already: the kubeconfig named by $STAND_IN_CLUSTER.

$STAND_IN_FAILS is the error event with which `start` fails, early, or with $STAND_IN_LATE after the profile was made;
$STAND_IN_WAITS a file: `start` makes it when it has a profile without an address, and then waits to be ended. Each call is
noted in $STAND_IN_CALLS.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

import yaml

SERVERLESS = {"clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:9"}}], "users": [{"name": "none"}]}


def minikube_environment(folder, **more):
    """Environment of a machine whose minikube this is; all that it and dclab keep is in `folder`."""
    programs = folder / "bin"
    programs.mkdir()
    file = programs / "minikube"
    file.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__)} "$@"\n')
    file.chmod(0o755)
    return {
        "PATH": f"{programs}:/usr/bin:/bin",
        "HOME": str(folder),
        "MINIKUBE_HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "KUBECONFIG": str(folder / "users"),
        "STAND_IN_CALLS": str(folder / "calls"),
        **more,
    }


def profile_folder(folder, name="dclab"):
    return folder / ".minikube" / "profiles" / name


def calls(folder):
    """The command lines that this minikube was given, without --profile and its name; none for its version."""
    file = folder / "calls"
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [one[2:] for one in lines if one[0] == "--profile"]


def verbs(folder):
    return [one[0] for one in calls(folder) if one[0] not in ("status", "image", "update-context")]


def event(kind, **data):
    print(json.dumps({"specversion": "1.0", "type": f"io.k8s.sigs.minikube.{kind}", "data": data}), flush=True)


def cluster():
    named = os.environ.get("STAND_IN_CLUSTER")
    return yaml.safe_load(Path(named).read_text()) if named else SERVERLESS


def kubeconfig():
    file = Path(os.environ["KUBECONFIG"])
    return (yaml.safe_load(file.read_text()) if file.exists() else None) or {}


def write_context(profile):
    found = cluster()
    note = [{"name": "context_info", "extension": {"provider": "minikube.sigs.k8s.io", "version": "v1.38.1"}}]
    context = {"cluster": profile, "user": profile, "extensions": note}
    written = {
        "clusters": [{**found["clusters"][0], "name": profile}],
        "users": [{**found["users"][0], "name": profile}],
        "contexts": [{"name": profile, "context": context}],
        "current-context": profile,
    }
    Path(os.environ["KUBECONFIG"]).write_text(yaml.safe_dump(written))


def remove_context():
    """As `stop` and `delete` do: of the one entry that is there, empty lists are left."""
    file = Path(os.environ["KUBECONFIG"])
    if file.exists():
        file.write_text(yaml.safe_dump({"clusters": [], "users": [], "contexts": [], "current-context": ""}))


def configured(profile):
    servers = {one["name"]: one["cluster"]["server"] for one in kubeconfig().get("clusters") or ()}
    return servers.get(profile) == cluster()["clusters"][0]["cluster"]["server"]


def option(arguments, name, default):
    return next((one.partition("=")[2] for one in arguments if one.startswith(f"--{name}=")), default)


def write_config(folder, arguments, address):
    config = {
        "Name": folder.name,
        "Driver": option(arguments, "driver", "docker"),
        "CPUs": int(option(arguments, "cpus", "2")),
        "Memory": int(option(arguments, "memory", "4096mb").removesuffix("mb")),
        "KubernetesConfig": {"KubernetesVersion": option(arguments, "kubernetes-version", "v1.35.1")},
        "Nodes": [{"Name": "", "IP": address, "Port": 8443, "ControlPlane": True, "Worker": True}],
    }
    (folder / "config.json").write_text(json.dumps(config))


def start(folder, arguments):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "events.json").touch()
    event("step", currentstep="0", totalsteps="19", name="Initial Minikube Setup", message="minikube v1.38.1 on Debian")
    failure = json.loads(os.environ.get("STAND_IN_FAILS") or "null")
    made = (folder / "config.json").exists()
    if made and not json.loads((folder / "config.json").read_text())["Nodes"][0]["IP"]:
        failure = {"name": "DRV_CP_ENDPOINT", "message": 'failed to lookup ip for ""', "exitcode": "80"}
    if failure and not os.environ.get("STAND_IN_LATE"):
        return fail(failure)
    if not made:
        write_config(folder, arguments, "")
    event("download", artifact="preload-docker.tar", currentstep="5", totalsteps="19", name="Downloading Artifacts")
    event("step", currentstep="8", totalsteps="19", name="Creating Container", message="Creating docker container ...")
    event("warning", message="This container is having trouble accessing https://registry.k8s.io")
    if waits := os.environ.get("STAND_IN_WAITS"):
        Path(waits).touch()
        time.sleep(60)
    event("step", currentstep="3", totalsteps="19", name="Pulling Base Image", message="Pulling base image ...")
    if failure:
        return fail(failure)
    if not made:
        write_config(folder, arguments, "192.168.49.2")
    (folder / "state").write_text("Running")
    write_context(folder.name)
    done = 'Done! kubectl is now configured to use "dclab" cluster and "default" namespace by default'
    event("step", currentstep="19", totalsteps="19", name="Done", message=done)
    return 0


def fail(failure):
    """Tips before it, and after it a box that asks for a report."""
    event("error", message='Failed to start docker container. Running "minikube delete" may fix it.')
    event("error", **failure)
    event("error", message="╭──────╮\n│  If the above advice does not help, please let us know: │\n╰──────╯")
    return int(failure.get("exitcode", "80"))


def status(folder):
    if not (folder / "config.json").exists():
        event("step", message=f'Profile "{folder.name}" not found.')
        event("info", message='To start a cluster, run: "minikube start -p dclab"')
        return 85
    file = folder / "state"
    state = file.read_text() if file.exists() else "Stopped"
    if state == "gone":  # someone has removed its container
        print("null")
        return 0
    host = "Running" if state in ("Paused", "failing") else state
    kubelet = "Running" if state == "Running" else "Stopped"
    server = {"failing": "Stopped"}.get(state, state)
    config = "Stopped" if host == "Stopped" else "Configured" if configured(folder.name) else "Misconfigured"
    said = {"Name": folder.name, "Host": host, "Kubelet": kubelet, "APIServer": server, "Kubeconfig": config}
    print(json.dumps({**said, "Worker": False}))
    return (host != "Running") + 2 * (server != "Running" or kubelet != "Running") + 4 * (config != "Configured")


def image(folder, arguments):
    images = folder / "images"
    if arguments[0] == "ls":
        print("registry.k8s.io/pause:3.10.1")
        print(images.read_text() if images.exists() else "")
    # As with the real one, a build that fails ends with success, too.
    elif (Path(arguments[-1]) / arguments[arguments.index("--file") + 1]).exists():
        name = arguments[arguments.index("--tag") + 1]
        with images.open("a") as listed:
            listed.write(f"docker.io/{name.removeprefix('docker.io/')}\n")
    return 0


def main():
    arguments = sys.argv[1:]
    with open(os.environ["STAND_IN_CALLS"], "a") as noted:
        noted.write(json.dumps(arguments) + "\n")
    if arguments[0] == "version":
        print("v1.38.1")
        return 0
    assert arguments[0] == "--profile"
    profile, verb, *rest = arguments[1:]
    folder = profile_folder(Path(os.environ["MINIKUBE_HOME"]), profile)
    if verb == "start":
        return start(folder, rest)
    if verb == "status":
        return status(folder)
    if verb == "image":
        return image(folder, rest)
    if verb == "delete":
        shutil.rmtree(folder, ignore_errors=True)
        remove_context()
        return 0
    if not (folder / "config.json").exists():
        return 85
    if os.environ.get("STAND_IN_REFUSES") == verb:
        print(f"Exiting due to GUEST_{verb.upper()}_TIMEOUT: Unable to {verb} VM", file=sys.stderr)
        return 82
    if verb == "stop":
        (folder / "state").write_text("Stopped")
        remove_context()
    if verb == "unpause":
        (folder / "state").write_text("Running")
    if verb == "update-context":
        write_context(profile)
    return 0


if __name__ == "__main__":
    sys.exit(main())
