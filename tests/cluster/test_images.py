"""The way of an image from `apps/` into a cluster that takes no pull: built by buildah, loaded as kind does."""

from __future__ import annotations

import shutil
import sys

import pytest
import yaml
from kubernetes.client import CoreV1Api

from dclab.engines.kube.cluster.images import BUILD, Images
from tests.cluster import daemons
from tests.cluster.node import FIRST
from tests.cluster.settings import CACHE, CHECKOUT, KUBECONFIG
from tests.cluster.waiting import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("own_cluster")]

SIEGE = Images(BUILD).name("siege")
WHERE = ("--context", "kind-tests", "--name", "dclab-images")

# kind's own `load image-archive` does the same in each of its nodes.
KIND = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(CHECKOUT)!r})
from tests.cluster.node import FIRST
*verb, archive = sys.argv[1:]
assert verb == ["load", "image-archive", "--name", "tests"], verb
FIRST.run(*{daemons.CTR!r}, "images", "import", archive)
"""


@pytest.fixture
def machine(tmp_path):
    """Environment with the real buildah on the suite's own storage, and a kind that is our node."""
    buildah = f'exec {shutil.which("buildah")} --root {CACHE}/buildah/root --runroot {CACHE}/buildah/run "$@"'
    for name, text in (("buildah", f"#!/bin/sh\n{buildah}\n"), ("kind", KIND)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    content = yaml.safe_load(KUBECONFIG.read_text())
    content["contexts"][0]["name"] = "kind-tests"
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(content))
    return {
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "BUILDAH_ISOLATION": "chroot",
    }


@pytest.mark.timeout(300)
def test_what_the_node_lacks_is_built_and_loaded(dclab, machine, cluster, tmp_path):
    core = CoreV1Api(cluster.client)

    def listed():
        (one,) = core.list_node().items
        return any(SIEGE in (image.names or ()) for image in one.status.images)

    FIRST.run(*daemons.CTR, "images", "remove", SIEGE)
    wait_for(lambda: not listed(), 90, "the kubelet to see that the image is gone", every=1)
    up = dclab("up", "--yes", *WHERE, cwd=tmp_path, env=machine)
    try:
        assert up.code == 0, up.err
        assert f"{SIEGE}: building it and loading it into kind" in up.err
        assert "dockercoins/rng" not in up.err
        load = dclab("loadtest", "--time", "5s", "--json", *WHERE, cwd=tmp_path, env=machine)
        assert load.code == 0, load.err
        assert load.data["loadtest"]["transactions"] > 50
    finally:
        assert dclab("down", *WHERE, cwd=tmp_path, env=machine).code == 0
