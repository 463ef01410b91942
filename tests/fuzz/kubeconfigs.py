"""The border at which dclab reads kubeconfigs."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from tests.fuzz.case import FOLDER, PORT, Input
from tests.fuzz.mutate import BOMB, NOT_YAML, as_json, as_yaml, chance, damaged, http, mutated, texts

__all__ = ["KUBECONFIG", "VERSION", "kubeconfigs"]

KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "preferences": {},
    "current-context": "mine",
    "clusters": [
        {
            "name": "c",
            "cluster": {
                "server": f"http://127.0.0.1:{PORT}",
                "extensions": [{"name": "x", "extension": {"provider": "minikube.sigs.k8s.io"}}],
            },
        },
        {
            "name": "d",
            "cluster": {
                "server": f"https://127.0.0.1:{PORT}",
                "certificate-authority-data": "DATA+OMITTED",
                "tls-server-name": "k",
            },
        },
    ],
    "users": [
        {"name": "u", "user": {}},
        {"name": "v", "user": {"token": "t", "as": "someone", "as-groups": ["g"], "as-user-extra": {"k": ["v"]}}},
        {"name": "w", "user": {"client-certificate-data": "DATA+OMITTED", "client-key-data": "REDACTED"}},
        {
            "name": "p",
            "user": {
                "exec": {
                    "apiVersion": "client.authentication.k8s.io/v1",
                    "command": "aws",
                    "args": ["eks"],
                    "env": None,
                    "interactiveMode": "Never",
                }
            },
        },
        {"name": "b", "user": {"username": "me", "password": "x"}},
        {"name": "o", "user": {"auth-provider": {"name": "oidc", "config": {"id-token": "a.b.c"}}}},
        {"name": "f", "user": {"tokenFile": f"{FOLDER}/token"}},
    ],
    "contexts": [
        {"name": "mine", "context": {"cluster": "c", "user": "u", "namespace": "here"}},
        {
            "name": "other",
            "context": {
                "cluster": "d",
                "user": "v",
                "extensions": [{"name": "teleport.kube.name", "extension": "us-east1"}],
            },
        },
        *({"name": f"with-{user}", "context": {"cluster": "c", "user": user}} for user in "vwpbof"),
        {
            "name": "dclab",
            "context": {
                "cluster": "c",
                "user": "u",
                "extensions": [{"name": "context_info", "extension": {"provider": "minikube.sigs.k8s.io"}}],
            },
        },
    ],
}
VERSION = {"major": "1", "minor": "34", "gitVersion": "v1.34.4"}
NAMES = [one["name"] for one in KUBECONFIG["contexts"]]


@st.composite
def kubeconfigs(draw):
    """`status` and `list` with kubeconfigs that were changed; the cluster answers with its version, and has no lab."""
    document = draw(mutated(KUBECONFIG, 4))
    data = draw(st.sampled_from([as_yaml, as_json]))(document)
    kind = draw(st.integers(0, 19))
    if kind == 0:
        data = draw(st.sampled_from([BOMB, *NOT_YAML])).encode()
    elif kind < 4:
        data = draw(damaged(data))
    name = (
        draw(st.sampled_from(NAMES)) if draw(st.integers(0, 9)) else draw(texts.filter(lambda one: "\x00" not in one))
    )
    command = draw(
        st.sampled_from(
            [("status", f"--context={name}"), ("status", f"--context={name}", "--json"), ("list", f"--context={name}"),
             ("status",), ("status", "--engine", "kube"), ("status", "--engine", "embedded"), ("list", "--json")]
        )
    )  # fmt: skip
    files = {"config": data, "token": b"t\n", "second": as_yaml(KUBECONFIG)}
    where = draw(
        st.sampled_from([f"{FOLDER}/config", f"{FOLDER}/config:{FOLDER}/second", f"{FOLDER}/absent:{FOLDER}/config"])
    )
    environment = {"KUBECONFIG": where}
    if chance(draw, 5):
        files["state/dclab/kubeconfig"] = data
        environment |= {"XDG_STATE_HOME": f"{FOLDER}/state"}
    answers = {"/version": http(json.dumps(VERSION).encode())}
    return Input(border="kubeconfig", arguments=command, files=files, environment=environment, answers=answers)
