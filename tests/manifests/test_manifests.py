"""The manifests: hardened, complete, consistent with each other and with what the engines read."""

from __future__ import annotations

import re

import pytest

from dclab import manifests
from dclab.lab import SERVICES, LoadSpec
from dclab.paths import shipped
from dclab.quantity import millicores

FOLDER = shipped() / "manifests"
MAIN = manifests.load()
OPTIONAL = manifests.load(FOLDER / "optional")
SERVED = {one["metadata"]["name"]: one for one in manifests.of_kind(MAIN, "Service")}
PODS = [
    pytest.param(one, id=one["metadata"].get("name") or one["metadata"]["generateName"])
    for one in (*manifests.of_kind(MAIN, "Deployment"), *manifests.of_kind(OPTIONAL, "Job"))
]


def container(manifest):
    containers = manifest["spec"]["template"]["spec"]["containers"]
    assert len(containers) == 1
    return containers[0]


def test_the_whole_lab_is_there():
    names = {one["metadata"]["name"] for one in manifests.of_kind(MAIN, "Deployment")}
    assert names == {*SERVICES, "httplat-rng", "httplat-hasher"}
    assert set(SERVED) == names - {"worker"}


@pytest.mark.parametrize("manifest", PODS)
def test_pods_meet_the_restricted_pod_security_standard(manifest):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    pod = manifest["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert all(set(volume) == {"name", "emptyDir"} for volume in pod.get("volumes", []))
    assert container(manifest)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("manifest", PODS)
def test_requests_are_the_exercises(manifest):
    requests = container(manifest)["resources"]["requests"]
    name = manifest["metadata"].get("name")
    if name in ("rng", "hasher"):
        assert millicores(requests["cpu"]) == 200
    else:
        assert 0 < millicores(requests["cpu"]) <= 20
    assert "memory" in container(manifest)["resources"]["limits"]


@pytest.mark.parametrize("manifest", PODS)
def test_readiness_is_a_patient_tcp_check_and_nothing_else_probes(manifest):
    one = container(manifest)
    assert "livenessProbe" not in one
    assert "startupProbe" not in one
    if "ports" in one:
        probe = one["readinessProbe"]
        assert probe["tcpSocket"]["port"] == one["ports"][0]["containerPort"]
        assert probe["timeoutSeconds"] >= 5
        assert probe["failureThreshold"] >= 3


@pytest.mark.parametrize("manifest", PODS)
def test_ports_agree(manifest):
    one = container(manifest)
    if "ports" not in one:
        return
    port = one["ports"][0]["containerPort"]
    assert port >= 1024
    assert {"name": "PORT", "value": str(port)} in one["env"]
    service = SERVED[manifest["metadata"]["name"]]
    assert service["spec"]["ports"][0]["targetPort"] == port
    assert manifests.service_port(service).selects(manifests.workload(manifest).labels)


@pytest.mark.parametrize("manifest", PODS)
def test_every_service_that_is_named_exists(manifest):
    text = str(container(manifest))
    for prefix in re.findall(r"\$\(([A-Z_]+)_SERVICE_(?:HOST|PORT)\)", text):
        assert prefix.lower().replace("_", "-") in SERVED


@pytest.mark.parametrize("manifest", PODS)
def test_images_are_pinned_and_ours_have_a_dockerfile(manifest):
    image, tag = container(manifest)["image"].split(":")
    assert tag not in ("", "latest")
    if image.startswith("dockercoins/"):
        dockerfile = shipped() / "apps" / image.removeprefix("dockercoins/") / "Dockerfile"
        lines = dockerfile.read_text().splitlines()
        assert any(re.fullmatch(r"FROM [a-z]+:[\w.-]+", line) for line in lines)
        assert any(re.fullmatch(r"USER [1-9]\d*:[1-9]\d*", line) for line in lines)


def test_nothing_is_left_to_fill_in():
    for file in FOLDER.rglob("*.yaml"):
        assert "FILL IN" not in file.read_text()


def test_the_autoscaler_is_the_exercises():
    spec = manifests.autoscaler("hasher")["spec"]
    assert spec["scaleTargetRef"]["name"] == "hasher"
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 10)
    assert spec["metrics"][0]["resource"] == {
        "name": "cpu",
        "target": {"type": "Utilization", "averageUtilization": 5},
    }
    assert spec["behavior"]["scaleUp"]["stabilizationWindowSeconds"] == 10
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 30


def test_the_load_test_runs_once_and_is_what_was_asked_for():
    job = manifests.load_test(LoadSpec(target="hasher", path="/x", concurrent=7, seconds=90))
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert job["spec"]["activeDeadlineSeconds"] > 90
    assert container(job)["command"] == [
        "siege",
        "--concurrent=7",
        "--benchmark",
        "--time=90S",
        "http://$(HASHER_SERVICE_HOST):$(HASHER_SERVICE_PORT)/x",
    ]


def test_node_ports_lead_to_what_they_are_named_after():
    served = {**SERVED, **{one["metadata"]["name"]: one for one in manifests.of_kind(OPTIONAL, "Service")}}
    ports = [one for one in served.values() if one["spec"].get("type") == "NodePort"]
    assert {one["metadata"]["name"] for one in ports} == {"rng-np", "hasher-np", "webui-np", "prometheus-server-np"}
    for service in ports:
        target = served[service["metadata"]["name"].removesuffix("-np")]
        assert service["spec"]["selector"] == target["spec"]["selector"]
        assert service["spec"]["ports"][0]["targetPort"] == target["spec"]["ports"][0]["targetPort"]


def _allowed(app):
    """Ports that any policy opens to a pod, and from which apps (None: from anywhere)."""
    pod = {"app": app, "app.kubernetes.io/part-of": "dockercoins"}
    found = {}
    for policy in manifests.of_kind(MAIN, "NetworkPolicy"):
        if _matches(policy["spec"]["podSelector"], pod):
            for rule in policy["spec"].get("ingress", []):
                sources = [one for one in rule.get("from", ()) if "podSelector" in one]
                apps = sources[0]["podSelector"]["matchExpressions"][0]["values"] if sources else None
                found |= {port["port"]: apps for port in rule["ports"]}
    return found


def _matches(selector, labels):
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", ())
    )


def test_network_policies_open_the_labs_own_arrows_and_no_others():
    assert _allowed("redis") == {6379: ["worker", "webui"]}
    for app in ("rng", "hasher", "webui"):
        assert _allowed(app) == {8080: None}
    for app in ("httplat-rng", "httplat-hasher"):
        assert _allowed(app) == {9080: None}
    assert _allowed("worker") == _allowed("loadtest") == {}


def test_every_pod_of_the_lab_is_under_a_policy():
    (whole,) = [one for one in manifests.of_kind(MAIN, "NetworkPolicy") if "ingress" not in one["spec"]]
    for pod in (one.values[0] for one in PODS):
        assert _matches(whole["spec"]["podSelector"], pod["spec"]["template"]["metadata"]["labels"])
