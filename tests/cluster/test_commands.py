"""dclab's commands on a real cluster, as a user who has no more rights than `dclab rbac` asks for."""

from __future__ import annotations

import json
import time

import pytest
import requests
import yaml
from kubernetes.client import ApiException, AuthenticationV1TokenRequest, CoreV1Api, V1TokenRequestSpec

from dclab.errors import ExitCode
from tests.cluster.apply import apply
from tests.cluster.settings import KUBECONFIG, NAME
from tests.minikube_stand_in import minikube_environment

pytestmark = pytest.mark.cluster

LAB = "dclab-commands"
ACCOUNTS = "dclab-accounts"


def kubeconfig(cluster, account, file):
    """A kubeconfig of one context, `least`, for a service account."""
    core = CoreV1Api(cluster.client)
    apply(cluster.client, [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}}], ACCOUNTS)
    request = AuthenticationV1TokenRequest(spec=V1TokenRequestSpec(audiences=[], expiration_seconds=7200))
    token = core.create_namespaced_service_account_token(account, ACCOUNTS, request).status.token
    configuration = cluster.client.configuration
    content = {
        "clusters": [
            {
                "name": "one",
                "cluster": {"server": configuration.host, "certificate-authority": configuration.ssl_ca_cert},
            }
        ],
        "users": [{"name": account, "user": {"token": token}}],
        "contexts": [{"name": "least", "context": {"cluster": "one", "user": account}}],
        "current-context": "other",
    }
    file.write_text(yaml.safe_dump(content))
    return {"KUBECONFIG": str(file)}


@pytest.fixture(scope="module")
def accounts(cluster):
    core = CoreV1Api(cluster.client)
    core.create_namespace({"metadata": {"name": ACCOUNTS}})
    yield
    core.delete_namespace(ACCOUNTS)


@pytest.fixture(scope="module")
def least(cluster, accounts, dclab, tmp_path_factory):
    """Environment of a user with the rights of `dclab rbac` alone."""
    env = kubeconfig(cluster, "least", tmp_path_factory.mktemp("least") / "kubeconfig")
    roles = dclab("rbac", "--name", LAB, "--json").data["objects"]
    subject = {"kind": "ServiceAccount", "name": "least", "namespace": ACCOUNTS}
    core = CoreV1Api(cluster.client)
    # A Role needs its namespace, which is then dclab's to take over.
    labels = {"app.kubernetes.io/managed-by": "dclab", "app.kubernetes.io/part-of": "dockercoins"}
    core.create_namespace({"metadata": {"name": LAB, "labels": labels}})
    bindings = [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": f"{role['kind']}Binding",
            "metadata": {"name": role["metadata"]["name"]},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": role["kind"],
                "name": role["metadata"]["name"],
            },
            "subjects": [subject],
        }
        for role in roles
    ]
    apply(cluster.client, [*roles, *bindings], LAB)
    yield env
    core.delete_namespace(LAB)
    for kind in ("clusterroles", "clusterrolebindings"):
        cluster.client.call_api(
            *cluster.client.param_serialize(
                "DELETE", f"/apis/rbac.authorization.k8s.io/v1/{kind}/dclab-{LAB}", auth_settings=["BearerToken"]
            )
        )


@pytest.fixture(scope="module")
def on_kube(dclab, least, tmp_path_factory):
    """Run a verb on the lab, in a folder of its own, with a lab that runs."""
    folder = tmp_path_factory.mktemp("commands")

    def run(verb, *arguments):
        return dclab(verb, *arguments, "--context", "least", "--name", LAB, cwd=folder, env=least)

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
    done = on_kube("latency", "--workers", "3", "--count", "5", "--json")
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


def test_monitoring_with_prometheus(on_kube):
    done = on_kube("monitor", "--seconds", "10s", "--window", "30s", "--json")
    assert done.code == 0, done.err
    assert done.data["monitoring"]["source"].startswith("prometheus 3.")
    assert set(done.data["monitoring"]["series"]) == {"rng", "hasher"}


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
    assert "Creating docker container (minikube, 8/19)" in up.err
    assert (up.data["context"], up.data["started"]) == ("dclab", True)
    # From now on it is what `auto` means, and the user's own kubeconfig has never been made.
    status = run("status", "--name", "dclab-minikube", "--json")
    assert (status.data["engine"], status.data["context"]) == ("kube", "dclab")
    assert not (tmp_path / "users").exists()
    assert run("down", "--name", "dclab-minikube").code == 0
    with pytest.raises(ApiException):
        CoreV1Api(cluster.client).read_namespace("dclab-minikube")
    assert run("down", "--cluster", "--json").data["ended"] is True
    verbs = [json.loads(line)[2:3] for line in (tmp_path / "calls").read_text().splitlines()]
    assert [one for one in verbs if one in (["start"], ["stop"], ["delete"])] == [["start"], ["stop"], ["delete"]]
    assert not (tmp_path / "state" / "dclab" / "kubeconfig").exists()
