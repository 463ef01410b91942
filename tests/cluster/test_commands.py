"""dclab's commands on a real cluster, as a user who has no more rights than `dclab rbac` asks for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time

import pytest
import requests
import yaml
from kubernetes.client import ApiException, AppsV1Api, CoreV1Api, VersionApi

from dclab import manifests
from dclab.engines.kube import launch
from dclab.engines.kube.api import path_of
from dclab.engines.kube.faults import Forbidden
from dclab.errors import ExitCode, LabLost, NotSupported
from tests.cluster.binaries import MODULES, build_module
from tests.cluster.settings import ACCOUNTS, HERE, KUBECONFIG, NAME
from tests.cluster.users import grant, kubeconfig, revoke
from tests.cluster.waiting import wait_for
from tests.conftest import CHECKOUT, COMMAND
from tests.minikube_stand_in import minikube_environment, verbs

pytestmark = pytest.mark.cluster

LAB = "dclab-commands"
WHERE = ("--context", "least", "--name", LAB)


@pytest.fixture(scope="module")
def roles(cluster, dclab):
    """What `dclab rbac` prints, and the namespace that the Role needs, which is then dclab's to take over."""
    core = CoreV1Api(cluster.client)
    labels = {"app.kubernetes.io/managed-by": "dclab", "app.kubernetes.io/part-of": "dockercoins"}
    core.create_namespace({"metadata": {"name": LAB, "labels": labels}})
    yield dclab("rbac", "--name", LAB, "--json").data["objects"]
    with contextlib.suppress(ApiException):  # after `down`
        core.delete_namespace(LAB)


@pytest.fixture(scope="module")
def least(cluster, accounts, roles, tmp_path_factory):
    """Environment of a user with the rights of `dclab rbac` alone."""
    env = kubeconfig(cluster, "least", tmp_path_factory.mktemp("least") / "kubeconfig")
    granted = grant(cluster, "least", roles, LAB)
    yield env
    revoke(cluster, granted)


@pytest.fixture(scope="module")
def inside(cluster, accounts, roles, tmp_path_factory):
    """Environment of a user who may, of the cluster, see nothing but the namespace: no node, so no NodePort."""
    env = kubeconfig(cluster, "inside", tmp_path_factory.mktemp("inside") / "kubeconfig")
    role, outside, _ = roles
    less = {**outside, "metadata": {"name": f"{LAB}-inside"}, "rules": outside["rules"][:1]}
    granted = grant(cluster, "inside", [role, less], LAB)
    yield env
    revoke(cluster, granted)


@pytest.fixture(scope="module")
def on_kube(dclab, least, tmp_path_factory):
    """Run a verb on the lab, in a folder of its own, with a lab that runs."""
    folder = tmp_path_factory.mktemp("commands")

    def run(verb, *arguments, **env):
        return dclab(verb, *arguments, *WHERE, cwd=folder, env={**least, **env})

    begin = time.monotonic()
    up = run("up", "--yes", "--json")
    assert up.code == 0, up.err + up.out
    run.up_seconds = time.monotonic() - begin
    yield run
    assert run("down").code == 0


def test_up_is_quick_and_says_where_it_goes(on_kube, own_cluster):
    assert on_kube.up_seconds < 20
    again = on_kube("up")
    assert again.code == 0
    assert "was up already" in again.err
    assert f"namespace '{LAB}'" in again.err


def test_status(on_kube):
    data = on_kube("status", "--json").data
    assert (data["engine"], data["namespace"], data["context"]) == ("kube", LAB, "least")
    assert all(one["ready"] == one["desired"] == 1 for one in data["deployments"].values())
    assert {"rng", "hasher", "webui"} <= set(data["urls"])


def test_whom_the_kubeconfig_acts_as_is_who_counts(on_kube, cluster, own_cluster, tmp_path, monkeypatch):
    """An administrator who acts as someone has their rights and no more, also where a connection is forwarded."""
    file = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(file))

    def place_as(account):
        content = yaml.safe_load(KUBECONFIG.read_text())
        content["users"][0]["user"]["as"] = f"system:serviceaccount:{ACCOUNTS}:{account}"
        file.write_text(yaml.safe_dump(content))
        return launch.place(NAME, LAB)

    lab = launch.find_lab(place_as("least"))
    assert lab.httplat("rng").probes >= 0  # forwarded: it has no NodePort
    lab.reach.close()
    pod = CoreV1Api(cluster.client).list_namespaced_pod(LAB, label_selector="app=rng").items[0].metadata.name
    nobody = place_as("nobody")
    with pytest.raises(Forbidden, match="You may not get namespaces"):
        launch.find_lab(nobody)
    with pytest.raises(LabLost, match="403"):
        asyncio.run(nobody.api.forward(path_of("v1", "Pod", LAB, pod), 8080).open())


def test_a_tolerance_counts_or_is_refused(on_kube, least, cluster, monkeypatch):
    """Before 1.35 the API server drops it without a word, and the autoscaler would not be the one that was asked for."""
    monkeypatch.setenv("KUBECONFIG", least["KUBECONFIG"])
    lab = launch.find_lab(launch.place("least", LAB))
    manifest = manifests.autoscaler("rng")
    manifest["spec"].setdefault("behavior", {}).setdefault("scaleUp", {})["tolerance"] = "50m"
    if int(VersionApi(cluster.client).get_code().minor) < 35:
        with pytest.raises(NotSupported, match=r"scaleUp\.tolerance"):
            lab.apply_autoscaler(manifest)
        assert not lab.autoscalers()
    else:
        lab.apply_autoscaler(manifest)
        name = manifest["metadata"]["name"]
        kept = lab.api.get(path_of("autoscaling/v2", "HorizontalPodAutoscaler", LAB, name), dict)
        assert kept["spec"]["behavior"]["scaleUp"]["tolerance"] == "50m"
        lab.remove_autoscaler(name)


def test_scale_survives_another_up(on_kube):
    assert on_kube("scale", "worker", "3").code == 0
    assert on_kube("up").code == 0
    assert on_kube("status", "--json").data["deployments"]["worker"]["ready"] == 3


def test_the_web_ui(on_kube):
    url = on_kube("webui", "--json").data["url"]
    assert set(requests.get(f"{url}/json", timeout=5).json()) == {"coins", "hashes", "now"}


def test_a_sweep_gives_the_rates_of_theory(on_kube):
    done = on_kube("scale-sweep", "--workers", "1,3", "--seconds", "8", "--json")
    assert done.code == 0, done.err
    one, three = done.data["sweep"]["points"]
    assert one["hashes_per_second"]["ci95_low"] < 1 / 0.3 < one["hashes_per_second"]["ci95_high"] * 1.05
    assert three["hashes_per_second"]["mean"] == pytest.approx(10, rel=0.06)


def test_latency_is_measured_within_the_cluster(on_kube):
    done = on_kube("latency", "--workers", "5", "--count", "5", "--json")
    assert done.code == 0, done.err
    rng, hasher = done.data["latency"]["rng"], done.data["latency"]["hasher"]
    assert rng["call"]["min"] >= 100
    assert hasher["call"]["mean"] == pytest.approx(102, abs=8)
    assert done.data["bottleneck"]["service"] == "rng"


def test_a_siege_is_followed_and_read(on_kube):
    done = on_kube("loadtest", "--time", "6s", "--json")
    assert done.code == 0, done.err
    load = done.data["loadtest"]
    assert load["complete"] is True
    assert load["transactions"] > 100
    assert load["generator"].startswith("siege")


def test_a_health_probe_is_predicted_shown_and_put_back(on_kube, cluster):
    apps = AppsV1Api(cluster.client)
    before = apps.read_namespaced_deployment("rng", LAB).spec.template
    done = on_kube("probe-demo", "--period", "1", "--failure-threshold", "2", "--json")
    assert done.code == 0, done.err
    tcp, _, http, _ = done.data["probes"]["phases"]
    assert (tcp["times_out"], tcp["restarts"]) == (0, 0)
    assert http["times_out"] >= 1
    assert apps.read_namespaced_deployment("rng", LAB).spec.template == before
    assert on_kube("status", "--json").data["deployments"]["rng"]["ready"] == 1


@pytest.mark.slow
def test_a_bad_image_hangs_as_predicted_and_is_undone(on_kube, cluster):
    apps = AppsV1Api(cluster.client)
    before = apps.read_namespaced_deployment("worker", LAB).spec.template
    done = on_kube("rollout-demo", "--seconds", "4s", "--json")
    assert done.code == 0, done.err
    found = done.data["rollout"]
    assert found["stuck"] == found["predicted"] == {"old": 8, "new": 5}
    assert found["waiting"] in ("ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff", "ContainerCreating")
    gentle, hard = found["losses"]
    assert 0 <= gentle["served"] - gentle["counted"] <= 6, "what hasher was making"
    assert hard["served"] >= hard["counted"]
    assert apps.read_namespaced_deployment("worker", LAB).spec.template == before


def _prometheus_labels(cluster):
    return AppsV1Api(cluster.client).read_namespaced_deployment("prometheus-server", LAB).metadata.labels


@pytest.mark.slow
def test_prometheus_from_a_chart(on_kube, own_cluster, cluster):
    """helm is the real one; the chart is ours, and takes those values of the real one that dclab gives it."""
    path = f"{build_module(MODULES / 'helm')}:{os.environ['PATH']}"
    for source in (("--prometheus", "helm", "--chart", str(HERE / "chart")), ()):
        done = on_kube("monitor", "--seconds", "5s", "--window", "30s", "--json", *source, PATH=path)
        assert done.code == 0, done.err
        assert set(done.data["monitoring"]["series"]) == {"rng", "hasher"}
        assert "helm.sh/chart" in _prometheus_labels(cluster)


def test_prometheus_from_our_manifest_in_place_of_the_charts(on_kube, cluster):
    done = on_kube("monitor", "--seconds", "6s", "--window", "30s", "--prometheus", "manifest", "--json")
    assert done.code == 0, done.err
    assert "helm.sh/chart" not in _prometheus_labels(cluster)
    assert done.data["monitoring"]["source"].startswith("prometheus 3.")
    assert set(done.data["monitoring"]["series"]) == {"rng", "hasher"}


def test_without_helm_there_is_no_chart(on_kube, tmp_path):
    done = on_kube("monitor", "--prometheus", "helm", PATH=str(tmp_path))
    assert done.code == ExitCode.ENVIRONMENT
    assert "There is no helm here." in done.err


@pytest.fixture
def begin(inside, tmp_path):
    """Start a verb as a user for whom services are forwarded; what runs on is ended."""
    started = []

    def start(verb, *arguments):
        process = subprocess.Popen(
            [*COMMAND, verb, *arguments, *WHERE],
            cwd=tmp_path,
            env={**os.environ, **inside, "PYTHONPATH": str(CHECKOUT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for one in started:
        one.kill()
        one.communicate()


def test_a_forwarded_page_outlives_its_pod(on_kube, begin, cluster):
    core = CoreV1Api(cluster.client)
    process = begin("webui")
    url = process.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:")
    assert "hashes" in requests.get(f"{url}/json", timeout=10).json()
    (pod,) = core.list_namespaced_pod(LAB, label_selector="app=webui").items
    core.delete_namespaced_pod(pod.metadata.name, LAB, grace_period_seconds=0)
    assert "hashes" in wait_for(lambda: _json(f"{url}/json"), 30, "another pod behind the page")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert (process.returncode, "Ctrl-C ends it" in err) == (ExitCode.OK, True)


def _json(url):
    try:
        return requests.get(url, timeout=5).json()
    except requests.RequestException:
        return None


def test_prometheus_page_is_kept_for_other_commands(on_kube, begin):
    process = begin("monitor", "--seconds", "5s", "--window", "30s", "--keep")
    said = iter(process.stdout.readline, "")
    url = next(line for line in said if line.startswith("Prometheus: ")).split()[1]
    assert "rate(httplat_latency_seconds_sum[30s])" in next(said)
    next(line for line in said if line.startswith("Results:"))
    time.sleep(0.5)
    assert process.poll() is None
    assert requests.get(f"{url.removesuffix('/graph')}/-/ready", timeout=10).ok


def test_credentials_that_have_expired(cluster, accounts, dclab, tmp_path):
    env = kubeconfig(cluster, "expired", tmp_path / "kubeconfig", token="not.a.token")
    done = dclab("status", *WHERE, cwd=tmp_path, env=env)
    assert done.code == ExitCode.ENVIRONMENT
    assert "The cluster does not accept your credentials." in done.err
    assert "Log in to the cluster again" in done.err


def test_whoever_has_no_rights_is_told_which(cluster, accounts, dclab, tmp_path):
    nobody = kubeconfig(cluster, "nobody", tmp_path / "kubeconfig")
    done = dclab("up", "--context", "least", "--name", "elsewhere", "--yes", cwd=tmp_path, env=nobody)
    assert done.code == ExitCode.ENVIRONMENT
    assert "You may not get namespaces" in done.err
    assert "dclab rbac" in done.err


@pytest.fixture
def administrator(cluster):
    """Environment and context of whoever made our own cluster."""
    return {"KUBECONFIG": str(KUBECONFIG)}, NAME


def test_without_a_yes_nothing_is_made(cluster, dclab, administrator, tmp_path, own_cluster):
    env, context = administrator
    done = dclab("up", "--context", context, "--name", "dclab-other", cwd=tmp_path, env=env)
    assert done.code == ExitCode.REFUSED
    assert "--yes" in done.err
    with pytest.raises(ApiException):
        CoreV1Api(cluster.client).read_namespace("dclab-other")


def test_someone_elses_namespace_is_left_alone(cluster, dclab, namespace, administrator, tmp_path, own_cluster):
    env, context = administrator
    for verb in (("up", "--yes"), ("down",), ("status",)):
        done = dclab(*verb, "--context", context, "--name", namespace.namespace, cwd=tmp_path, env=env)
        assert done.code == ExitCode.REFUSED, done.err
        assert "is not dclab's" in done.err
    assert namespace.core.read_namespace(namespace.namespace).metadata.labels["kubernetes.io/metadata.name"]


def test_down_leaves_what_is_not_dclabs(cluster, dclab, administrator, tmp_path, own_cluster):
    env, context = administrator
    core = CoreV1Api(cluster.client)
    where = ("--context", context, "--name", "dclab-shared")
    assert dclab("up", "--yes", *where, cwd=tmp_path, env=env).code == 0
    core.create_namespaced_config_map("dclab-shared", {"metadata": {"name": "mine"}, "data": {"a": "b"}})
    kept = dclab("down", *where, "--json", cwd=tmp_path, env=env)
    assert (kept.code, kept.data["kept"]) == (0, ["ConfigMap/mine"])
    assert core.read_namespaced_config_map("mine", "dclab-shared").data == {"a": "b"}
    assert core.list_namespaced_pod("dclab-shared").items == []
    core.delete_namespaced_config_map("mine", "dclab-shared")
    gone = dclab("down", *where, "--json", cwd=tmp_path, env=env)
    assert (gone.code, gone.data["kept"]) == (0, [])
    with pytest.raises(ApiException) as refused:
        core.read_namespace("dclab-shared")
    assert json.loads(refused.value.body)["code"] == 404


def test_minikube_from_start_to_deletion(cluster, dclab, tmp_path, own_cluster):
    """Our stand-in for minikube, in front of the cluster that runs: the lab in it is real."""
    environment = minikube_environment(tmp_path, STAND_IN_CLUSTER=str(KUBECONFIG))

    def run(*arguments):
        return dclab(*arguments, cwd=tmp_path, env=environment)

    up = run("up", "--engine", "kube", "--driver", "ssh", "--name", "dclab-minikube", "--json")
    assert up.code == 0, up.err
    assert "Creating docker container ... (minikube)" in up.err
    assert (up.data["context"], up.data["started"]) == ("dclab", True)
    # From now on it is what `auto` means, and the user's own kubeconfig has never been made.
    status = run("status", "--name", "dclab-minikube", "--json")
    assert (status.data["engine"], status.data["context"]) == ("kube", "dclab")
    assert not (tmp_path / "users").exists()
    assert run("down", "--name", "dclab-minikube").code == 0
    with pytest.raises(ApiException):
        CoreV1Api(cluster.client).read_namespace("dclab-minikube")
    assert run("down", "--cluster", "--json").data["ended"] is True
    assert verbs(tmp_path) == ["start", "stop", "delete"]
    assert run("doctor", "--json").data["engine"] == "embedded"
