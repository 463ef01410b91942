"""Kubeconfigs: read as kubectl reads them, and in nobody's way where they are broken."""

from __future__ import annotations

import json
import os

import pytest

from dclab.engines.kube.cluster.kubeconfig import (
    access,
    contexts,
    find_context,
    is_minikube,
    own_kubeconfig,
)
from dclab.engines.kube.cluster.profile import PROFILE
from dclab.errors import InvalidInput
from tests.kube.kubectl import find_kubectl, fuzz

MINIKUBE = {"name": "context_info", "extension": {"provider": "minikube.sigs.k8s.io"}}


@pytest.fixture
def kubeconfig(tmp_path, monkeypatch):
    """Write the user's kubeconfigs, as text, bytes or objects; the first one's path."""

    def write(*contents):
        files = [tmp_path / f"config-{index}" for index in range(len(contents))]
        for file, content in zip(files, contents, strict=True):
            data = content if isinstance(content, bytes | str) else json.dumps(content)
            file.write_bytes(data.encode() if isinstance(data, str) else data)
        monkeypatch.setenv("KUBECONFIG", ":".join(map(str, files)))
        return files[0]

    return write


def names():
    return [one.name for one in contexts()]


@pytest.mark.skipif(find_kubectl() is None, reason="no kubectl here")
def test_what_kubectl_reads_is_read_and_says_the_same(monkeypatch):
    fuzz(find_kubectl(), 30)


def test_of_two_contexts_with_one_name_the_first_counts(kubeconfig, tmp_path, monkeypatch):
    kubeconfig(
        {"contexts": [{"name": "a", "context": {"extensions": [MINIKUBE]}}]},
        "{",
        {"contexts": [{"name": "a", "context": {}}, {"name": "b", "context": {}}]},
    )
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'absent'}::{tmp_path / 'config-0'}:{tmp_path / 'config-2'}")
    assert [(one.name, one.minikube) for one in contexts()] == [("a", True), ("b", False)]
    assert is_minikube("a")
    assert not is_minikube("b")


GOOD = "contexts: [{name: good, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'https://h'}}]\n"


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.encode("utf-16"),
        "users:\n" + GOOD,
        "users: null\npreferences: []\nwhatever: {1: [2]}\n" + GOOD,
        GOOD.replace("{cluster: c}", "{cluster: c, extensions: [{name: teleport.kube.name, extension: us-east1}]}"),
        GOOD.replace("{cluster: c}", "{cluster: c, extensions: [{name: a, extension: [1]}, {extension: 3}, null]}"),
        GOOD.replace("{cluster: c}", "&it {cluster: c}") + "more: *it\n",
        GOOD.replace("{cluster: c}", "{<<: {cluster: c}}"),
        GOOD.replace("{cluster: c}", "!mine {cluster: !!str c}"),
        GOOD + "---\nkind: Pod\n",
        json.dumps({"contexts": [{"name": "good", "context": {"cluster": "c"}}], "clusters": [{"name": "c", "cluster": {"server": "https://h"}}]}, indent="\t"),
        # Broken entries beside it, which nobody has named.
        GOOD.replace("[{name: good", "[null, 3, {name: 7}, {name: yes, context: []}, {name: bad, context: x}, {name: good"),
        GOOD.replace("[{name: c", "[{name: d, cluster: {server: 3}}, {name: c"),
        GOOD + "users: [{name: u, user: 3}]\n",
    ],
)  # fmt: skip
def test_shapes_that_are_read(kubeconfig, content):
    kubeconfig(content)
    assert "good" in names()
    found = access(find_context("good"))
    assert found.cluster.server == "https://h"
    assert found.user.token is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("contexts: [", "while parsing"),
        ("contexts: {a: b}", "contexts: expected a list, got a mapping"),
        ("[1]", "The file: expected a mapping, got a list"),
        ("hello", "The file: expected a mapping, got text"),
        ("contexts: [{name: 7, context: {}}]", "contexts[0].name: expected text, got a number"),
        ("contexts: [{name: on, context: {}}]", "contexts[0].name: expected text, got true or false"),
        ("contexts: [{name: mine, context: [1]}]", "contexts[0].context: expected a mapping, got a list"),
        ("contexts: [{name: mine, context: {cluster: 7}}]", "contexts[0].context.cluster: expected text"),
        ("contexts: [{name: mine, context: {extensions: x}}]", "contexts[0].context.extensions: expected a list"),
        ("kind: Pod\napiVersion: v1\n", "It is a Pod of v1"),
        (b"\xff\xfe\xff", "incomplete UTF-16 character"),
        (b"a: \x00", "control characters"),
        ("[a]: b", "a key is not a scalar"),
        ("<<: 3", "a merge needs a mapping"),
        ("[" * 100_000 + "]" * 100_000, "nested deeper than 100 levels"),
        ("x: &a [*a]", "recursive"),
        ("a" * 5_000_000, "longer than 4 MB"),
    ],
)
def test_what_is_broken_is_told_with_its_file_to_whoever_needs_it(kubeconfig, content, says):
    file = kubeconfig(content)
    assert names() == []
    with pytest.raises(InvalidInput) as refused:
        find_context("mine")
    assert f"The kubeconfig {file} cannot be read." in str(refused.value)
    assert says in refused.value.why
    assert refused.value.hint


def test_a_broken_file_hinders_nobody_whose_context_is_in_another(kubeconfig):
    kubeconfig("contexts: [", GOOD)
    assert names() == ["good"]
    assert access(find_context("good")).cluster.server == "https://h"


def test_merges_of_merges_take_no_more_room_than_the_file(kubeconfig):
    """Nine of nine of nine … copies of one mapping are one mapping."""
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    kubeconfig("\n".join(lines) + "\n" + GOOD)
    assert names() == ["good"]


def test_a_cluster_or_a_user_that_is_not_there_is_named(kubeconfig):
    context = "contexts: [{name: mine, context: {cluster: c, user: u}}]\n"
    kubeconfig(context)
    with pytest.raises(InvalidInput, match="Its cluster 'c' is not in"):
        access(find_context("mine"))
    kubeconfig(context + "clusters: [{name: c, cluster: {server: 'https://h'}}]\n")
    with pytest.raises(InvalidInput, match="Its user 'u' is not in"):
        access(find_context("mine"))
    kubeconfig("contexts: [{name: mine, context: }]")
    with pytest.raises(InvalidInput, match="It names no cluster"):
        access(find_context("mine"))


def test_a_file_that_cannot_be_read(kubeconfig, tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path))
    assert names() == []
    with pytest.raises(InvalidInput, match="It is not a regular file"):
        find_context("mine")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    assert find_context("mine") is None
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "pipe"))
    with pytest.raises(InvalidInput, match="It is not a regular file"):
        find_context("mine")


def test_dclabs_own_profile_is_minikubes(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    own_kubeconfig().parent.mkdir(parents=True)
    assert find_context(None) is None
    for extensions, found in (([MINIKUBE], PROFILE), ([], None)):
        entry = {"name": PROFILE, "context": {"cluster": PROFILE, "user": PROFILE, "extensions": extensions}}
        own_kubeconfig().write_text(json.dumps({"contexts": [entry]}))
        context = find_context(None)
        assert (context and context.name) == found
    entry["context"]["extensions"] = ["x"]
    own_kubeconfig().write_text(json.dumps({"contexts": [entry]}))
    with pytest.raises(InvalidInput, match=r"extensions\[0\]"):
        find_context(None)
