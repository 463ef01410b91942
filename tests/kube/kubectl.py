"""kubectl beside dclab: what both read in a kubeconfig. `python -m tests.kube.kubectl 2000` compares that many."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dclab.engines.kube.cluster.kubeconfig import access, contexts, find_context
from dclab.errors import InvalidInput

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 1000),
    st.sampled_from(
        ["", "a", "b", "3", "true", "null", "yes", "2026-01-01", "1:30", "1e3", "~", "us-east1", "https://h:1"]
    ),
    st.text(max_size=3),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=4,
)
TEXT = st.sampled_from(["x", "y"])


def mostly(good, bad=SCALARS):
    """As it should be but for one time in thirty-two, since one flaw is enough for kubectl to refuse all."""
    return st.sampled_from(range(32)).flatmap(lambda number: bad if number == 11 else good)


def some(key, good):
    """A section of up to three entries."""
    name = mostly(st.sampled_from(["a", "b", "c", "d", "2026-01-01", "1:30", "ü"]))
    entry = st.fixed_dictionaries({"name": name, key: mostly(good)}, optional={"more": ANYTHING})
    return mostly(st.lists(mostly(entry, ANYTHING), min_size=1, max_size=3, unique_by=lambda one: str(one)[:14]))


EXTENSIONS = st.lists(
    st.fixed_dictionaries(
        {"name": mostly(st.sampled_from(["x", "y", "z"]))},
        optional={"extension": ANYTHING | st.just({"provider": "minikube.sigs.k8s.io"})},
    ),
    max_size=2,
)
CONTEXT = st.fixed_dictionaries(
    {"cluster": mostly(st.sampled_from(["a", "b"]))},
    optional={
        "user": mostly(st.sampled_from(["a", "b"])),
        "extensions": mostly(EXTENSIONS, ANYTHING),
        "namespace": mostly(TEXT),
    },
)
CLUSTER = st.fixed_dictionaries(
    {"server": mostly(st.sampled_from(["https://one:6443", "http://two"]))},
    optional={
        "insecure-skip-tls-verify": mostly(st.booleans()),
        "proxy-url": mostly(TEXT),
        "tls-server-name": mostly(TEXT),
        "extensions": mostly(EXTENSIONS, ANYTHING),
    },
)
USER = st.fixed_dictionaries(
    {},
    optional={
        "token": mostly(TEXT),
        "as": mostly(TEXT),
        "as-groups": mostly(st.lists(TEXT, max_size=2)),
        "as-user-extra": mostly(st.dictionaries(TEXT, st.lists(TEXT, max_size=2))),
        "exec": mostly(st.fixed_dictionaries({"command": TEXT}, optional={"args": mostly(st.lists(TEXT))})),
    },
)
DOCUMENTS = mostly(
    st.fixed_dictionaries(
        {"contexts": some("context", CONTEXT), "clusters": some("cluster", CLUSTER), "users": some("user", USER)},
        optional={
            "apiVersion": mostly(st.sampled_from(["v1", "", None]), st.sampled_from(["v2", 1])),
            "kind": mostly(st.sampled_from(["Config", "", None]), st.sampled_from(["Pod", True])),
            "whatever": ANYTHING,
        },
    ),
    ANYTHING,
)


@st.composite
def files(draw):
    """The bytes of a kubeconfig: as YAML or JSON, with the marks and line ends of other systems, or cut off."""
    document = draw(DOCUMENTS)
    if draw(st.booleans()):
        text = yaml.safe_dump(
            document, default_flow_style=draw(st.sampled_from([None, False, True])), allow_unicode=True
        )
    else:
        text = json.dumps(document, indent=draw(st.sampled_from([None, 2, "\t"])), ensure_ascii=False)
    if draw(st.sampled_from(range(20))) == 11:
        text = text[: draw(st.integers(0, len(text)))]
    if draw(st.sampled_from(range(10))) == 7:
        text = text.replace("\n", "\r\n")
    return draw(st.sampled_from(["", "", "", "\ufeff"])).encode() + text.encode()


def find_kubectl() -> str | None:
    """Return kubectl's path; None where it is not installed."""
    return shutil.which("kubectl")


def view(kubectl: str, paths: str) -> dict | None:
    """Return what `kubectl config view` reads; None when it refuses the files."""
    done = subprocess.run(
        [kubectl, "config", "view", "--raw", "--output=json"],
        env={**os.environ, "KUBECONFIG": paths},
        check=False,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout) if done.returncode == 0 else None


def compare(kubectl: str, contents: list[bytes], folder: Path) -> None:
    """Hold the laws: what kubectl reads is read, and says the same; all else is InvalidInput or nothing at all."""
    written = [folder / str(index) for index in range(len(contents))]
    for file, content in zip(written, contents, strict=True):
        file.write_bytes(content)
    paths = os.pathsep.join(map(str, [*written, folder / "absent"]))
    os.environ["KUBECONFIG"] = paths
    ours = {one.name: one for one in contexts()}
    theirs = view(kubectl, paths)
    if theirs is None:
        for name in ("a", "b", *ours):
            _or_invalid(name)
        return
    named = {one["name"]: one["context"] for one in theirs["contexts"] or () if one["name"]}
    assert set(ours) == set(named)
    clusters = {one["name"]: one["cluster"] for one in theirs["clusters"] or ()}
    users = {one["name"]: one["user"] for one in theirs["users"] or ()}
    for name, context in named.items():
        found = find_context(name)
        assert found == ours[name]
        assert (found.cluster, found.user) == (context["cluster"], context["user"])
        extensions = [one["extension"] for one in context.get("extensions") or ()]
        assert found.minikube == any(
            isinstance(one, dict) and one.get("provider") == "minikube.sigs.k8s.io" for one in extensions
        )
        if found.cluster in clusters and (not found.user or found.user in users):
            cluster, _, user, _ = access(found)
            expected = clusters[found.cluster]
            assert (cluster.server or "") == expected.get("server", "")
            assert bool(cluster.insecure_skip_tls_verify) == expected.get("insecure-skip-tls-verify", False)
            assert (cluster.tls_server_name or "") == expected.get("tls-server-name", "")
            expected = users[found.user] if found.user else {}
            assert (user.token or "") == expected.get("token", "")
            assert (user.as_ or "") == expected.get("as", "")
            assert (user.as_groups or []) == expected.get("as-groups", [])
            assert (user.as_user_extra or {}) == expected.get("as-user-extra", {})
            assert (user.exec.command if user.exec else None) == expected.get("exec", {}).get("command")
    assert find_context("there is none of that name") is None


def _or_invalid(name: str) -> None:
    try:
        found = find_context(name)
        if found is not None:
            access(found)
    except InvalidInput as error:
        assert all((error.what, error.why, error.hint))  # noqa: PT017 (no error is right, too)


def fuzz(kubectl: str, examples: int) -> None:
    """Compare that many sets of one or two files."""

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(files(), min_size=1, max_size=2))
    def check(contents):
        with tempfile.TemporaryDirectory() as folder:
            compare(kubectl, contents, Path(folder))

    before = os.environ.get("KUBECONFIG")
    try:
        check()
    finally:
        os.environ.pop("KUBECONFIG")
        if before is not None:
            os.environ["KUBECONFIG"] = before


if __name__ == "__main__":
    fuzz(find_kubectl() or sys.exit("There is no kubectl here."), int(sys.argv[1]))
