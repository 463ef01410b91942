"""From a kubeconfig's entry to a server that answers: credentials, plugins, whom one acts as, and what is no Kubernetes."""

from __future__ import annotations

import asyncio
import base64
import json
import logging

import pytest
import yaml

from dclab.engines.kube import faults
from dclab.engines.kube.cluster.connect import check_version, connect
from dclab.engines.kube.cluster.credentials import impersonation_headers
from dclab.engines.kube.cluster.exec_plugin import PluginFailed
from dclab.engines.kube.cluster.kubeconfig import Context, find_context
from dclab.engines.kube.cluster.kubeconfig_types import User
from dclab.engines.kube.watch import events
from dclab.engines.kube.workloads import Pod
from dclab.errors import DclabError, InvalidInput
from tests.kube.server import VERSION


@pytest.fixture
def context(server, tmp_path, monkeypatch):
    """Write a kubeconfig with one context, of these fields of its cluster and its user; that context."""

    def write(user=None, **cluster):
        content = {
            "contexts": [{"name": "mine", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server.url, **cluster}}],
            "users": [{"name": "u", "user": user or {}}],
        }
        file = tmp_path / "kubeconfig"
        file.write_text(yaml.safe_dump(content))
        monkeypatch.setenv("KUBECONFIG", str(file))
        return find_context("mine")

    return write


@pytest.fixture(autouse=True)
def silent(caplog, capfd):
    """Nothing of the client's own reaches the terminal, nor its log."""
    yield
    assert capfd.readouterr().err == ""
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("<html>Log in</html>", "'<html>Log in</html>', which is not JSON"),
        ("", "with nothing"),
        ("[]", "Expected `object`, got `array`"),
        ("3", "Expected `object`, got `int`"),
        ("{}", "missing required field `major`"),
        ('{"major": "1"}', "missing required field `minor`"),
        ('{"major": 1, "minor": 34}', "Expected `str`, got `int`"),
        ('{"major": null, "minor": null}', "missing required field `major`"),
        ('{"major": "one", "minor": "+"}', "the minor '+'"),
        ("[" * 100_000, "which is not JSON"),
        ("\ud7ff", "not JSON"),
    ],
)
def test_what_is_no_kubernetes_is_told_so(server, context, answer, says):
    server.answers["/version"] = (200, answer)
    with pytest.raises(faults.NotKubernetes) as told:
        connect(context())
    assert "does not look like a Kubernetes API server" in told.value.what
    assert says in told.value.why
    assert "login page" in told.value.hint


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (VERSION, "v1.34.4"),
        ({"major": "1", "minor": "29+", "gitVersion": "v1.29.3-gke.1282001"}, "v1.29.3-gke.1282001"),
        ({"major": "1", "minor": "27+gke"}, "v1.27"),
        ({"major": "2", "minor": "0", "more": [None]}, "v2.0"),
    ],
)
def test_versions_that_clusters_give(server, context, version, name):
    server.answers["/version"] = (200, json.dumps(version))
    assert connect(context())[1] == name


def test_a_kubernetes_that_is_too_old(server, context):
    server.answers["/version"] = (200, json.dumps({"major": "1", "minor": "24+"}))
    with pytest.raises(DclabError, match=r"Kubernetes v1\.24 is too old"):
        connect(context())


PODS = "/api/v1/namespaces/a/pods"


@pytest.mark.parametrize(
    "answer",
    [
        "<html>",
        "null",
        '{"items": {}}',
        '{"items": [{}]}',
        '{"items": [{"metadata": {}}]}',
        '{"items": [{"metadata": {"name": 3}}]}',
        '{"items": [{"metadata": {"name": "a"}, "status": {"conditions": [{"type": "Ready"}]}}]}',
        '{"items": [{"metadata": {"name": "a"}, "status": {"startTime": "yesterday"}}]}',
        '{"items": [{"metadata": {"name": "a"}, "spec": {"containers": [{"resources": {"requests": {"cpu": "some"}}}]}}]}',
    ],
)
def test_an_object_that_lacks_what_is_needed_is_an_error_that_names_its_path(server, context, answer):
    api, _ = connect(context())
    server.answers[PODS] = (200, answer)
    with pytest.raises(faults.NotKubernetes, match=PODS):
        api.list(PODS, Pod)
    with pytest.raises(faults.NotKubernetes, match=PODS):
        api.merge(PODS, {})


def test_null_is_as_good_as_missing(server, context):
    api, _ = connect(context())
    pod = {"metadata": {"name": "a", "labels": None}, "spec": {"containers": None}, "status": {"conditions": None}}
    server.answers[PODS] = (200, json.dumps({"metadata": None, "items": [pod]}))
    (found,) = api.list(PODS, Pod)
    assert (found.metadata.labels, found.spec.containers, found.status.conditions) == ({}, (), ())
    server.answers[PODS] = (200, json.dumps({"items": None}))
    assert api.list(PODS, Pod) == ()


@pytest.mark.parametrize(
    "line", ["<html>", "[]", "{}", '{"type": "ADDED"}', '{"type": "ADDED", "object": {"metadata": {}}}']
)
def test_lines_of_a_watch_that_are_none(server, context, line):
    api, _ = connect(context())
    server.answers[PODS] = (200, line + "\n")
    with pytest.raises(faults.NotKubernetes, match=PODS):
        list(events(api, PODS, Pod, "1", 1, {}))


@pytest.mark.parametrize("body", ['{"message": 3, "reason": []}', "[]", "<html>", "", "null"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 418])
def test_refusals_of_every_shape(status, body):
    assert faults.refused(status, body.encode(), "GET", PODS).what


def test_whom_the_user_acts_as_is_sent_with_every_request(server, context):
    user = {"as": "ann", "as-uid": "7", "as-groups": ["a", "b"], "as-user-extra": {"Scopes/x": ["1", "2"]}}
    api, _ = connect(context(user))
    server.answers[PODS] = (200, '{"items": []}')
    api.list(PODS, Pod)
    api.text(PODS)
    list(events(api, PODS, Pod, "1", 1, {}))
    list(api.follow(PODS))
    with pytest.raises(faults.NotKubernetes):
        api.merge(PODS, {})
    with pytest.raises(DclabError, match="does not forward"):
        asyncio.run(api.forward(PODS, 80).open())
    assert server.asked[-1][0] == f"{PODS}/portforward?ports=80"
    assert server.headers("Impersonate-User") == [["ann"]] * 7
    assert server.headers("Impersonate-Group") == [["a", "b"]] * 7
    assert server.headers("Impersonate-Uid") == [["7"]] * 7
    assert server.headers("Impersonate-Extra-Scopes%2Fx") == [["1", "2"]] * 7


@pytest.mark.parametrize(
    "user", [User(as_uid="7"), User(as_groups=["a"]), User(as_="a\nb"), User(as_="a", as_groups=["你"])]
)
def test_what_cannot_be_acted_as(user):
    with pytest.raises(InvalidInput):
        impersonation_headers(Context("mine", False, "", "", ""), user)


def omitted(key):
    return {key: "DATA+OMITTED" if key.endswith("-data") else "REDACTED"}


@pytest.mark.parametrize("key", ["certificate-authority-data", "client-certificate-data", "client-key-data", "token"])
def test_what_kubectl_leaves_out_is_said(context, key):
    of_the_cluster = key == "certificate-authority-data"
    with pytest.raises(InvalidInput) as told:
        connect(context(**omitted(key)) if of_the_cluster else context(omitted(key)))
    assert key in told.value.why
    assert "`kubectl config view` leaves it out" in told.value.why
    assert "kubectl config view --raw" in told.value.hint


TLS = {"server": "https://127.0.0.1:1"}
RUBBISH = base64.b64encode(b"rubbish").decode()


@pytest.mark.parametrize(
    ("user", "cluster", "says"),
    [
        ({}, {"certificate-authority-data": "!!"}, "certificate-authority-data is not base64"),
        ({}, {**TLS, "certificate-authority-data": RUBBISH}, "SSLError"),
        ({}, {**TLS, "certificate-authority": "absent.crt"}, "absent.crt"),
        ({"client-certificate-data": RUBBISH, "client-key-data": RUBBISH}, TLS, "SSLError"),
        ({"client-certificate": "absent.crt", "client-key": "absent.key"}, TLS, "absent.crt"),
        ({"tokenFile": "absent"}, {}, "absent"),
        ({"auth-provider": {"name": "gcp"}}, {}, "'gcp' is no longer supported"),
        ({"auth-provider": {"name": "oidc", "config": {}}}, {}, "id-token"),
        ({"auth-provider": {"name": "oidc", "config": {"id-token": "a.b.c"}}}, {}, "no valid id-token"),
        ({"auth-provider": {"name": "oidc", "config": {"id-token": "a.bbb.c"}}}, {}, "Error"),
        ({}, {"server": ""}, "Its server '' is not a URL"),
        ({}, {"server": "https://"}, "is not a URL"),
        ({}, {"server": "ftp://a"}, "is not a URL"),
        ({}, {"server": "https://a b"}, "is not a URL"),
        ({}, {"server": "https://a:99999"}, "is not a URL"),
        ({}, {"server": "https://[::1"}, "is not a URL"),
        ({}, {"proxy-url": "rubbish://x"}, "rubbish"),
        ({"exec": {"command": "aws"}}, {}, "Its exec plugin has no apiVersion"),
        ({"exec": {"apiVersion": "client.authentication.k8s.io/v1"}}, {}, "Its exec plugin has no command"),
    ],
)
def test_an_entry_that_cannot_be_used_is_told_with_the_cause(context, user, cluster, says):
    with pytest.raises(InvalidInput) as told:
        connect(context(user, **cluster))
    assert says in str(told.value)
    assert "mine" in told.value.what


def test_a_token_that_http_cannot_carry_is_not_printed(context):
    with pytest.raises(faults.Unauthorized) as told:
        connect(context({"token": "secret\nx"}))
    assert "secret" not in str(told.value)


def test_a_token_file_beside_the_kubeconfig_is_read_again(server, context, tmp_path):
    (tmp_path / "token").write_text("one\n")
    api, _ = connect(context({"token": "stale", "tokenFile": "token"}))
    (tmp_path / "token").write_text("two\n")
    check_version(api)
    (tmp_path / "token").unlink()
    check_version(api)
    assert server.headers("Authorization") == [["Bearer one"], ["Bearer two"], ["Bearer two"]]


def test_a_server_without_a_scheme_is_taken_as_kubectl_takes_it(server, context):
    assert connect(context(server=server.url.removeprefix("http://")))[1] == "v1.34.4"


V1 = "client.authentication.k8s.io/v1"


def plugin(folder, script, **more):
    file = folder / "plugin"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return {"exec": {"command": "./plugin", "apiVersion": V1, "interactiveMode": "Never", **more}}


def credential(**status):
    return json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": status})


def test_credentials_of_a_plugin_are_used_until_they_expire(server, context, tmp_path):
    script = f"""
n=$(cat {tmp_path}/count 2>/dev/null || echo 0); echo $((n + 1)) > {tmp_path}/count
[ $n = 0 ] && end=2001-01-01T00:00:00Z || end=2999-01-01T00:00:00Z
printf '{credential(token="t-%s-'$WHO'", expirationTimestamp="%s")}' $n $end
printf '%s' "$KUBERNETES_EXEC_INFO" > {tmp_path}/told
"""
    user = plugin(tmp_path, script, env=[{"name": "WHO", "value": "ann"}], provideClusterInfo=True)
    api, _ = connect(context(user, **{"tls-server-name": "x"}))
    check_version(api)
    # The first one had expired when it came, so it was renewed before it was used; the second one holds.
    assert server.headers("Authorization") == [["Bearer t-1-ann"]] * 2
    told = json.loads((tmp_path / "told").read_text())
    assert (told["kind"], told["apiVersion"], told["spec"]["interactive"]) == ("ExecCredential", V1, False)
    assert told["spec"]["cluster"] == {"server": server.url, "tls-server-name": "x"}


def test_a_plugin_that_is_not_installed_is_the_cause(context):
    entry = {"command": "aws-of-nobody", "args": ["eks"], "apiVersion": V1, "installHint": "Install it from here."}
    with pytest.raises(PluginFailed) as told:
        connect(context({"exec": entry}))
    assert told.value.what == "aws-of-nobody is not installed."
    assert told.value.hint == "Install it from here."


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo no session >&2; exit 7", "Exit code 7: no session"),
        ("exit 3", "Exit code 3: it did not say why"),
        ("echo rubbish", "It printed no ExecCredential"),
        ("true", "It printed no ExecCredential"),
        ("echo '[]'", "It printed no ExecCredential"),
        ("printf '\\377'", "It printed no ExecCredential"),
        (f"echo '{credential()}'", "neither a token nor a certificate"),
        (f"echo '{credential(clientCertificateData='x')}'", "neither a token nor a certificate"),
        (f"echo '{credential(token=3)}'", "It printed no ExecCredential"),
        (f"echo '{credential(token='x', expirationTimestamp='soon')}'", "It printed no ExecCredential"),
        (f"echo '{credential(token='x').replace('/v1', '/v1beta1')}'", f"not an ExecCredential of {V1}"),
        (f"echo '{credential(token='x').replace('ExecCredential', 'Pod')}'", "It printed a Pod"),
    ],
)
def test_a_plugin_that_gives_no_credentials(context, tmp_path, script, says):
    with pytest.raises(PluginFailed) as told:
        connect(context(plugin(tmp_path, script)))
    assert "./plugin gave no credentials for the context 'mine'." in told.value.what
    assert says in told.value.why


def test_paths_are_relative_to_the_kubeconfig_wherever_that_is(server, context, tmp_path, monkeypatch):
    context(plugin(tmp_path, f"echo '{credential(token='x')}'"))
    for folder, path in ((tmp_path, "kubeconfig"), (tmp_path.parent, f"{tmp_path.name}/kubeconfig")):
        monkeypatch.chdir(folder)
        monkeypatch.setenv("KUBECONFIG", path)
        connect(find_context("mine"))
    assert server.headers("Authorization") == [["Bearer x"]] * 2


def test_a_plugin_that_cannot_be_run(context, tmp_path):
    user = plugin(tmp_path, "true")
    (tmp_path / "plugin").chmod(0o644)
    with pytest.raises(PluginFailed, match="Permission denied"):
        connect(context(user))
