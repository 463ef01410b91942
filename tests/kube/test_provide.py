"""Images on their way into a cluster: what loads them may say that it has, so the nodes are asked."""

from __future__ import annotations

import sys

import pytest

from dclab.engines.kube import launch
from dclab.engines.kube.cluster import provide
from dclab.engines.kube.cluster.images import BUILD, Images
from dclab.errors import DclabError

BUILDAH = """
case $1 in
    push) printf %s "$2" >"$(printf %s "$3" | cut -d: -f2)" ;;
esac
"""
LOADER = """
import json, sys, urllib.request
with open({calls!r}, "a") as calls:
    calls.write(" ".join(sys.argv[1:-1]) + "\\n")
if {loads!r}:
    node = "{url}/api/v1/nodes/" + {loads!r}
    images = json.load(urllib.request.urlopen(node))["status"]["images"]
    images.append({{"names": ["docker.io/" + open(sys.argv[-1]).read().removeprefix("docker.io/")]}})
    body = json.dumps({{"status": {{"images": images}}}}).encode()
    urllib.request.urlopen(urllib.request.Request(node, body, method="PATCH"))
"""


@pytest.fixture
def programs(tmp_path, monkeypatch, cluster):
    """Have a buildah, and a kind or k3d that ends with success; what it was called with.

    Args:
        name: the loader.
        loads: the node that really gets the images; none if empty.
    """

    def make(name, loads):
        folder, calls = tmp_path / "bin", tmp_path / "calls"
        folder.mkdir()
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        monkeypatch.setattr(provide, "BUILDERS", ("buildah",))
        loader = LOADER.format(calls=str(calls), loads=loads, url=cluster.url)
        for program, text in (("buildah", f"#!/bin/sh\n{BUILDAH}"), (name, f"#!{sys.executable}\n{loader}")):
            (folder / program).write_text(text)
            (folder / program).chmod(0o755)
        return calls

    return make


@pytest.fixture
def api(cluster):
    """Of a cluster whose two nodes have no image of ours."""

    def of(context):
        for name in ("node", "other"):
            cluster.put("nodes", "", name, status={"images": [{"names": ["registry.k8s.io/pause:3.10"]}]})
        found = launch.place("mine", "dockercoins").api
        found.context = context
        return found

    return of


@pytest.mark.parametrize(
    ("context", "command"),
    [
        ("kind-lab", "load image-archive --name lab"),
        ("k3d-lab", "image import --mode direct --cluster lab"),  # else it ends with success whatever has failed
    ],
)
def test_a_node_that_did_not_get_an_image_is_named(api, programs, monkeypatch, context, command):
    monkeypatch.setattr(provide, "LISTED_SECONDS", 1.0)
    called = programs(context.partition("-")[0], "node")
    said = []
    with pytest.raises(DclabError) as told:
        provide.provide(api(context), Images(BUILD), said.append)
    assert Images(BUILD).name("rng") in told.value.what
    assert "'other'" in told.value.why
    assert called.read_text().splitlines() == [command] * len(Images(BUILD).names())
    # Each is shown, also where a line for each new thing is.
    assert len({one.split()[0] for one in said}) == len(Images(BUILD).names()) + 1


def test_images_that_have_arrived_in_every_node(api, cluster, programs):
    programs("kind", "node")
    found = api("kind-lab")
    del cluster.objects["nodes", "", "other"]
    provide.provide(found, Images(BUILD), lambda _: None)
    listed = {name for one in cluster.get("nodes", "", "node")["status"]["images"] for name in one["names"]}
    assert {f"docker.io/{one.removeprefix('docker.io/')}" for one in Images(BUILD).names().values()} <= listed


def test_a_node_that_has_just_been_started_is_asked_again(api, cluster):
    """Its kubelet lists no image before it has looked, some seconds after its start."""
    found = api("somewhere")
    for name in ("node", "other"):
        cluster.put("nodes", "", name, status={"images": []})
    said = []

    def say(line):
        said.append(line)
        for name in ("node", "other"):
            cluster.put("nodes", "", name, status={"images": [{"names": [*Images(BUILD).names().values()]}]})

    provide.provide(found, Images(BUILD), say)
    assert len(said) == 1


def test_a_node_with_more_images_than_a_kubelet_lists_is_trusted(api, cluster, programs):
    programs("kind", "")
    found = api("kind-lab")
    for name in ("node", "other"):
        cluster.put("nodes", "", name, status={"images": [{"names": [f"a:{n}"]} for n in range(50)]})
    provide.provide(found, Images(BUILD), lambda _: None)
