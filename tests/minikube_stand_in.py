"""A program that stands where minikube would, and behaves as minikube's documentation says of what dclab asks it.

No minikube can run where the tests do. This one keeps a profile in $MINIKUBE_HOME, writes $KUBECONFIG as minikube
does, and speaks of its steps in the same events; the cluster behind it is one that runs already: the kubeconfig
named by $STAND_IN_CLUSTER. $STAND_IN_FAILS makes `start` fail with that error event. Each call is noted in
$STAND_IN_CALLS.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import yaml


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


def event(kind, **data):
    print(json.dumps({"specversion": "1.0", "type": f"io.k8s.sigs.minikube.{kind}", "data": data}), flush=True)


def write_kubeconfig(profile):
    cluster = yaml.safe_load(Path(os.environ["STAND_IN_CLUSTER"]).read_text())
    note = [{"name": "context_info", "extension": {"provider": "minikube.sigs.k8s.io", "version": "v1.37.0"}}]
    for kind in ("clusters", "users", "contexts"):
        cluster[kind][0]["name"] = profile
    cluster["contexts"][0]["context"] = {"cluster": profile, "user": profile, "extensions": note}
    cluster["current-context"] = profile
    Path(os.environ["KUBECONFIG"]).write_text(yaml.safe_dump(cluster))


def start(folder, profile):
    event("step", currentstep="0", totalsteps="19", name="Initial Minikube Setup", message="minikube v1.37.0 on Debian")
    if failure := os.environ.get("STAND_IN_FAILS"):
        event("error", **json.loads(failure))
        return 80
    event("step", currentstep="8", totalsteps="19", name="Creating Container", message="Creating docker container")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "running").touch()
    write_kubeconfig(profile)
    event("step", currentstep="19", totalsteps="19", name="Done", message="Done!")
    return 0


def main():
    arguments = sys.argv[1:]
    with open(os.environ["STAND_IN_CALLS"], "a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    if arguments[0] == "version":
        print("v1.37.0")
        return 0
    assert arguments[0] == "--profile"
    profile, verb, *rest = arguments[1:]
    folder = Path(os.environ["MINIKUBE_HOME"]) / ".minikube" / "profiles" / profile
    images = folder / "images"
    if verb == "start":
        return start(folder, profile)
    if verb == "status":
        state = "Running" if (folder / "running").exists() else "Stopped"
        print(json.dumps({"Name": profile, "Host": state, "Kubelet": state, "APIServer": state}))
        return 0 if state == "Running" else 7
    if verb == "stop":
        (folder / "running").unlink(missing_ok=True)
    if verb == "delete":
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        Path(os.environ["KUBECONFIG"]).unlink()
    if (verb, rest[:1]) == ("image", ["ls"]):
        print(images.read_text() if images.exists() else "registry.k8s.io/pause:3.10")
    if (verb, rest[:1]) == ("image", ["build"]):
        # As with the real one, a build that fails ends with success, too.
        context, file = Path(rest[-1]), rest[rest.index("--file") + 1]
        if (context / file).exists():
            with images.open("a") as listed:
                listed.write(rest[rest.index("--tag") + 1] + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
