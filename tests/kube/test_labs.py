"""Which labs there are: in dclab's own minikube, or in the context that was named, and nowhere else."""

from __future__ import annotations

import json
import socket
import time

import pytest

from dclab import __version__
from dclab.engines.kube import faults
from dclab.engines.kube.labels import MARK, OURS, VERSION
from dclab.engines.kube.launch import labs
from dclab.errors import InvalidInput
from dclab.lab import SERVICES, LabSummary
from tests.minikube_stand_in import minikube_environment, profile_folder

MINIKUBE = {"name": "context_info", "extension": {"provider": "minikube.sigs.k8s.io"}}
NAMESPACES = "/api/v1/namespaces"
FORBIDDEN = (403, json.dumps({"message": "namespaces is forbidden", "reason": "Forbidden"}))


def kubeconfig(name, url, extensions=()):
    entry = {"cluster": "c", "user": "", "extensions": list(extensions)}
    return json.dumps(
        {
            "contexts": [{"name": name, "context": entry}],
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {}}],
        }
    )


@pytest.fixture
def mine(tmp_path, monkeypatch, server):
    """The user's kubeconfig has one context, `mine`, of the server."""
    file = tmp_path / "users"
    file.write_text(kubeconfig("mine", server.url))
    monkeypatch.setenv("KUBECONFIG", str(file))
    return file


@pytest.fixture
def profile(tmp_path, monkeypatch):
    """Have a minikube, and in it dclab's profile, of a server at that URL; the profile's folder."""

    def make(url):
        for key, value in minikube_environment(tmp_path).items():
            monkeypatch.setenv(key, value)
        own = tmp_path / "state" / "dclab" / "kubeconfig"
        own.parent.mkdir(parents=True)
        own.write_text(kubeconfig("dclab", url, [MINIKUBE]))
        (tmp_path / "cluster").write_text(kubeconfig("any", url))
        monkeypatch.setenv("STAND_IN_CLUSTER", str(tmp_path / "cluster"))
        folder = profile_folder(tmp_path)
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"Nodes": [{"IP": "192.168.49.2"}]}))
        (folder / "made-by-dclab").touch()
        (folder / "state").write_text("Running")
        return folder

    return make


NOTES = {MARK: "0123", VERSION: __version__}


def serve(server, labs, listed=True):
    """Have namespaces of ours, with a lab or none, which may be listed or not."""
    namespaces = [
        {"metadata": {"name": name, "labels": OURS, "annotations": NOTES if lab else {}}} for name, lab in labs.items()
    ]
    server.answers[NAMESPACES] = (200, json.dumps({"items": namespaces})) if listed else FORBIDDEN
    for one in namespaces:
        name = one["metadata"]["name"]
        server.answers[f"{NAMESPACES}/{name}"] = (200, json.dumps(one))
        items = [{"metadata": {"name": one}} for one in SERVICES if labs[name]]
        server.answers[f"/apis/apps/v1/namespaces/{name}/deployments"] = (200, json.dumps({"items": items}))


def lab(name, state, context):
    return LabSummary(name=name, engine="kube", state=state, context=context)


def test_those_in_the_context_that_was_named(server, mine):
    serve(server, {"dockercoins": True, "empty": False, "other": True})
    assert labs("mine") == [lab("dockercoins", "running", "mine"), lab("other", "running", "mine")]


def test_the_usual_one_where_namespaces_may_not_be_listed(server, mine):
    serve(server, {"dockercoins": True, "other": True}, listed=False)
    assert labs("mine") == [lab("dockercoins", "running", "mine")]
    server.answers[f"{NAMESPACES}/dockercoins"] = (404, "{}")
    assert labs("mine") == []
    server.answers[f"{NAMESPACES}/dockercoins"] = (200, json.dumps({"metadata": {"name": "dockercoins"}}))
    assert labs("mine") == []  # someone else's
    server.answers[f"{NAMESPACES}/dockercoins"] = FORBIDDEN
    with pytest.raises(faults.Forbidden):
        labs("mine")


def test_a_cluster_that_does_not_answer_is_given_up_soon(server, mine):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and says nothing
        mine.write_text(kubeconfig("mine", f"http://127.0.0.1:{silent.getsockname()[1]}"))
        begin = time.monotonic()
        assert labs("mine") == [lab("dockercoins", "not answering", "mine")]
        assert time.monotonic() - begin < 5
    server.answers["/version"] = (200, "<html>Log in</html>")
    mine.write_text(kubeconfig("mine", server.url))
    assert labs("mine") == [lab("dockercoins", "not answering", "mine")]


def test_a_context_that_is_not_there(mine):
    with pytest.raises(InvalidInput, match="Your kubeconfig has: mine"):
        labs("other")


def test_dclabs_own_profile(server, mine, profile, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIKUBE_HOME", str(tmp_path / "none"))
    assert labs(None) == []
    serve(server, {"dockercoins": True})
    profile(server.url)
    assert labs(None) == [lab("dockercoins", "running", "dclab")]


def test_dclabs_own_profile_that_does_not_run_or_answer(profile):
    folder = profile("http://127.0.0.1:9")
    assert labs(None) == [lab("dockercoins", "not answering", "dclab")]
    (folder / "state").write_text("Stopped")
    assert labs(None) == [lab("dockercoins", "stopped", "dclab")]
    (folder / "config.json").unlink()  # deleted: its entry in dclab's kubeconfig is stale
    assert labs(None) == []


@pytest.mark.parametrize("stale", ["port", "context"])
def test_dclabs_own_profile_that_someone_else_has_started(server, profile, tmp_path, stale):
    """minikube gives it another port each time, and writes that into the kubeconfig of the user who starts it."""
    serve(server, {"dockercoins": True})
    profile(server.url)
    own = tmp_path / "state" / "dclab" / "kubeconfig"
    own.write_text(kubeconfig("dclab", "http://127.0.0.1:9", [MINIKUBE]) if stale == "port" else "contexts: []")
    assert labs(None) == [lab("dockercoins", "running", "dclab")]
    assert server.url in own.read_text()
