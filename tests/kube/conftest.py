"""What the tests of the kube engine share."""

from __future__ import annotations

import json

import pytest

from dclab.engines.kube.cluster.images import BUILD, Images
from tests.kube.objects import Cluster
from tests.kube.server import Server


@pytest.fixture
def server():
    """A server that has to be told what to answer; /version it knows."""
    made = Server()
    yield made
    made.close()


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """An API server that keeps objects, as the context `mine`; its node has the images."""
    made = Cluster()
    names = [f"docker.io/{one.removeprefix('docker.io/')}" for one in Images(BUILD).names().values()]
    made.put("nodes", "", "node", status={"images": [{"names": [one]} for one in names]})
    config = {
        "contexts": [{"name": "mine", "context": {"cluster": "c", "user": ""}}],
        "clusters": [{"name": "c", "cluster": {"server": made.url}}],
    }
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield made
    made.stop()
