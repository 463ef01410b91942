"""What is handed in tells nothing of the user's folders and cluster, and its ordinary words are left alone."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dclab.redact import redacted, redactor
from dclab.results import Caveat, Environment
from dclab.run_folder import Run, load_results, new_folder

ARN = "arn:aws:eks:eu-west-1:123456789012:cluster/course"
SERVER = "https://0AB1.gr7.eu-west-1.eks.amazonaws.com"


@pytest.fixture
def home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    monkeypatch.setattr("tempfile.tempdir", "/tmp")


def said(text, *, lab="dclab", **identity):
    return redactor(identity, lab)(text)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/ada/k8s/config: no", "~/k8s/config: no"),
        ("file:///home/ada and /home/ada.", "file://~ and ~."),
        ("HOME=/home/ada", "HOME=~"),
        ("/home/adam/x, /home/ada-2, /mnt/home/ada", "/home/adam/x, /home/ada-2, /mnt/home/ada"),
        ("/run/user/1000/dclab/dclab/logs/a.log", "<lab>/logs/a.log"),
        ("/run/user/1000/dclab/other/logs", "<labs>/other/logs"),
        ("/run/user/1000/bus and /tmp/pytest-0/x", "<runtime>/bus and <tmp>/pytest-0/x"),
        (f"{ARN}; arn:aws-cn:iam::210987654321:role/x said no.", "<arn>; <arn> said no."),
        ("account 123456789012.", "account <account>."),
        ("1234567890123 and 0.123456789012 and x123456789012", "1234567890123 and 0.123456789012 and x123456789012"),
    ],
)
def test_paths_and_accounts(home, text, left):
    assert said(text) == left
    assert said(left) == left


@pytest.mark.parametrize(
    ("context", "text", "left"),
    [
        (ARN, f"The context '{ARN}' at {SERVER}/api", "The context '<context>' at https://<server>/api"),
        ("gke_course_europe-west1_main", "to gke_course_europe-west1_main now", "to <context> now"),
        ("prod", "'prod' \"prod\" --context prod, --context=prod", "'<context>' \"<context>\" --context <context>, --context=<context>"),
        ("prod", "the product of prod and production", "the product of prod and production"),
        ("kind", "It is kind of 'kind'", "It is kind of 'kind'"),
        ("minikube", "minikube start -p 'minikube'", "minikube start -p 'minikube'"),
        ("dclab", "`dclab status` of the lab 'dclab'", "`dclab status` of the lab 'dclab'"),
        ("mine", "the lab 'mine'", "the lab 'mine'"),
        ("", "nothing ''", "nothing ''"),
    ],
)  # fmt: skip
def test_contexts(home, context, text, left):
    assert said(text, lab="mine", context=context, server=SERVER) == left


@pytest.mark.parametrize(
    ("server", "text", "left"),
    [
        (SERVER, "0ab1.GR7.eu-west-1.eks.amazonaws.com:443 refused", "<server>:443 refused"),
        ("https://192.168.49.2:8443", "http://192.168.49.2:30163/, 192.168.49.20", "http://<server>:30163/, 192.168.49.20"),
        ("https://127.0.0.1:6443", "http://127.0.0.1:30163/", "http://127.0.0.1:30163/"),
        ("https://worker:6443", "worker at https://worker:6443", "worker at https://<server>:6443"),
        ("https://[::1", "any text", "any text"),
    ],
)  # fmt: skip
def test_servers(home, server, text, left):
    assert said(text, server=server) == left


WORDS = st.text(string.ascii_letters + " .,:/'-", max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WORDS, WORDS, st.sampled_from(["/home/ada", ARN, "0AB1.gr7.eu-west-1.eks.amazonaws.com", "/run/user/1000"]))
def test_nothing_private_is_left_in_any_text(home, before, after, secret):
    identity = {"context": ARN, "server": SERVER, "supervisor_pid": 7}
    redact = redactor(identity, "dclab")
    text = redact(f"{before} {secret} {after}")
    assert secret.lower() not in text.lower()
    assert redact(text) == text


@given(WORDS)
def test_ordinary_text_stays_as_it_is(words):
    private = redactor({"context": "prod", "server": "https://api:6443"}, "dclab")
    if not any(one in words for one in ("'", "//", "/home", "/tmp", "/run", "context")):
        assert private(words) == words


def test_all_that_a_run_writes(home, tmp_path):
    folder = tmp_path / "run"
    run = Run(
        new_folder(folder, "kube"),
        engine="kube",
        lab="dclab",
        command=f"dclab run --context {ARN}",
        environment=Environment(
            dclab="1", python="3", system="x", cpus=1, memory_mb=1, engine_reason=f"the context {ARN!r} was named"
        ),
        identity={"context": ARN, "server": SERVER},
    )
    run.caveat(Caveat(code="a", message=f"{SERVER} did not answer.", hint="See /home/ada/x."))
    run.raw("siege", [{"log": "FILE: /home/ada/siege.log", "more": ({ARN: SERVER},)}])
    run.finish()
    written = "".join(file.read_text() for file in folder.rglob("*.json*"))
    for secret in (ARN, "123456789012", "amazonaws", "/home/ada"):
        assert secret not in written
    assert load_results(folder) == run.results
    assert run.results.command == "dclab run --context <context>"


def test_values_keep_their_types(home):
    value = {"a": (1, ["/home/ada", None]), "b": Caveat(code="c", message="/home/ada/x"), "c": Path("/home/ada")}
    found = redacted(value, redactor({}, "dclab"))
    assert found["a"] == (1, ["~", None])
    assert found["b"] == Caveat(code="c", message="~/x")
