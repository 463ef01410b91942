"""A cluster of the real kind in the machine: its node is minikube's, with what kind expects of one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.minikube import outer
from tests.minikube.settings import HERE, HOME, KUBERNETES, MACHINE, USER_ID

NAME = "lab"
CONTEXT = f"kind-{NAME}"
IMAGE = "dclab.test/kind-node:1"
_ROOT = "dclab.test/root:1"
CONFIGURATION = {
    "kind": "Cluster",
    "apiVersion": "kind.x-k8s.io/v1alpha4",
    # Its own plug-in comes as an image.
    "networking": {"disableDefaultCNI": True},
    "kubeadmConfigPatches": [yaml.safe_dump({"kind": "KubeletConfiguration", "cgroupDriver": "cgroupfs"})],
}


def _node_image(programs: Mapping[str, Path]) -> None:
    """Give docker the image of kind's node."""
    context = MACHINE / "kind"
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(HERE / "kind_node", context / "node", symlinks=True)
    (context / "node" / "kind").mkdir()
    (context / "node" / "kind" / "version").write_text(KUBERNETES)
    (context / "node" / "usr" / "bin").mkdir()
    for name in ("kubeadm", "kubelet", "kubectl"):
        shutil.copy2(programs[name], context / "node" / "usr" / "bin")
    (context / "Dockerfile").write_text(
        f'FROM {_ROOT}\nCOPY node /\nENV container=docker\nSTOPSIGNAL SIGRTMIN+3\nENTRYPOINT ["/usr/local/bin/entrypoint"]\n'
    )
    outer.run("docker", "build", "--tag", IMAGE, context)


def create(programs: Mapping[str, Path]) -> None:
    """Have kind make a cluster, whose context is in the user's own kubeconfig."""
    _node_image(programs)
    (MACHINE / "bin" / "kind").unlink(missing_ok=True)
    (MACHINE / "bin" / "kind").symlink_to(programs["kind"])
    # kind would give it addresses of IPv6, which the machine may not have.
    if "kind" not in outer.run("docker", "network", "ls", "--format", "{{.Name}}").stdout.split():
        outer.run("docker", "network", "create", "kind")
    configuration = HOME / "kind.yaml"
    configuration.write_text(yaml.safe_dump(CONFIGURATION))
    subprocess.run(["chown", f"{USER_ID}:{USER_ID}", configuration], check=True)
    made = ["create", "cluster", "--name", NAME, "--image", IMAGE, "--config", configuration, "--wait", "120s"]
    outer.run("kind", *made, user=True, seconds=300)


def delete() -> None:
    """Have kind remove it."""
    outer.run("kind", "delete", "cluster", "--name", NAME, user=True, check=False)
