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


POLICIES = [*manifests.of_kind(MAIN, "NetworkPolicy"), *manifests.of_kind(OPTIONAL, "NetworkPolicy")]


def _open(app, way, peer, port):
    """Whether a policy lets a pod receive from (ingress), or send to (egress), another pod at a port."""
    pod, other = _labels(app), _labels(peer)
    for policy in POLICIES:
        if way.capitalize() in policy["spec"]["policyTypes"] and _matches(policy["spec"]["podSelector"], pod):
            for rule in policy["spec"].get(way, []):
                peers = rule.get("from" if way == "ingress" else "to")
                if port in {one["port"] for one in rule["ports"]} and (
                    peers is None
                    or any("namespaceSelector" in one or _matches(one.get("podSelector"), other) for one in peers)
                ):
                    return True
    return False


def _labels(app):
    return {"app": app, "app.kubernetes.io/part-of": "dockercoins"}


def _matches(selector, labels):
    if selector is None:  # of an ipBlock
        return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", ())
    )


SERVICES_AT_8080 = ("rng", "hasher", "webui")
APPS = {
    "redis": 6379,
    "rng": 8080,
    "hasher": 8080,
    "webui": 8080,
    "httplat-rng": 9080,
    "httplat-hasher": 9080,
    "prometheus-server": 9090,
    "metrics-adapter": 9443,
    "worker": None,
    "loadtest": None,
    "probe": None,
}
SENDS_TO = {
    "worker": {"redis", *SERVICES_AT_8080},
    "webui": {"redis"},
    "httplat-rng": set(SERVICES_AT_8080),
    "httplat-hasher": set(SERVICES_AT_8080),
    "loadtest": set(SERVICES_AT_8080),
    "probe": set(SERVICES_AT_8080),
    "prometheus-server": {"httplat-rng", "httplat-hasher"},
    "metrics-adapter": {"prometheus-server"},
}


@pytest.mark.parametrize("app", APPS)
def test_network_policies_open_the_labs_own_arrows_and_no_others(app):
    listening = {peer: port for peer, port in APPS.items() if port}
    sends = {peer for peer, port in listening.items() if _open(app, "egress", peer, port)}
    assert sends == SENDS_TO.get(app, set())
    for peer in sends:
        assert _open(peer, "ingress", app, listening[peer])


def test_only_workers_and_the_web_ui_reach_redis():
    assert {app for app in APPS if _open("redis", "ingress", app, 6379)} == {"worker", "webui"}


@pytest.mark.parametrize("app", APPS)
def test_towards_the_outside_there_is_dns_alone(app):
    """Beside it, Prometheus and the adapter reach the API server, whose address no manifest can know."""
    for policy in POLICIES:
        if _matches(policy["spec"]["podSelector"], _labels(app)):
            for rule in policy["spec"].get("egress", []):
                ports = {one["port"] for one in rule["ports"]}
                peers = rule.get("to")
                if peers is None:
                    assert app in ("prometheus-server", "metrics-adapter")
                    assert ports == {443, 6443, 8443}
                elif any("podSelector" not in one for one in peers):
                    assert ports == {53, 5353}


def test_every_pod_of_the_lab_is_under_a_policy():
    (whole,) = [one for one in manifests.of_kind(MAIN, "NetworkPolicy") if one["metadata"]["name"] == "dockercoins"]
    assert whole["spec"]["policyTypes"] == ["Ingress", "Egress"]
    for pod in (one.values[0] for one in PODS):
        assert _matches(whole["spec"]["podSelector"], pod["spec"]["template"]["metadata"]["labels"])


@pytest.mark.parametrize("target", ["rng", "hasher"])
def test_what_counts_requests_is_added_to_its_target(target):
    objects = manifests.exporter(target)
    added = manifests.named(objects, "Deployment", target)
    one = container(added)
    counted = manifests.workload(manifests.named(MAIN, "Deployment", target))
    env = {each["name"]: each["value"] for each in one["env"]}
    assert (env["SERVICE"], env["TARGET_PORT"]) == (target, str(counted.port))
    assert float(env["PROBE_SECONDS"]) == counted.readiness_period
    assert one["name"] != counted.name
    assert set(added["spec"]) == {"template"}
    service = manifests.named(objects, "Service", f"exporter-{target}")
    (port,) = service["spec"]["ports"]
    assert env["PORT"] == str(port["targetPort"]) == str(one["ports"][0]["containerPort"])
    assert service["metadata"]["annotations"]["prometheus.io/port"] == env["PORT"]
    assert manifests.service_port(service).selects(counted.labels)
    assert _open("prometheus-server", "egress", target, int(env["PORT"]))
    assert _open(target, "ingress", "prometheus-server", int(env["PORT"]))
    assert not _open("worker", "egress", target, int(env["PORT"]))
    # It counts in what an autoscaler takes for the pod's CPU, so it asks for little.
    assert millicores(one["resources"]["requests"]["cpu"]) <= 5


ADAPTER = manifests.optional("adapter")


def test_the_adapter_has_one_right_and_one_secret():
    deployment = manifests.named(ADAPTER, "Deployment", "metrics-adapter")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert [set(volume) for volume in pod["volumes"]] == [{"name", "secret"}]
    (role,) = manifests.of_kind(ADAPTER, "Role")
    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    assert not [one for one in ADAPTER if one["kind"].startswith("Cluster")]
    service = manifests.named(ADAPTER, "Service", "metrics-adapter")
    port = container(deployment)["ports"][0]["containerPort"]
    assert service["spec"]["ports"] == [{"port": 443, "targetPort": port}]
    assert {"name": "PORT", "value": str(port)} in container(deployment)["env"]


def test_containers_beside_the_lab_are_hardened_too():
    deployments = [
        *manifests.of_kind(ADAPTER, "Deployment"),
        *manifests.of_kind(manifests.exporter("rng"), "Deployment"),
    ]
    for each in map(container, deployments):
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in each["resources"]["limits"]
        app = each["image"].removeprefix("dockercoins/").split(":")[0]
        assert (shipped() / "apps" / app / "Dockerfile").exists()


def test_both_prometheuses_scrape_the_same():
    """Of our manifest, and of the chart with our values."""
    import yaml

    config = manifests.named(manifests.optional("prometheus"), "ConfigMap", "prometheus-server")["data"][
        "prometheus.yml"
    ]
    (ours,) = yaml.safe_load(config)["scrape_configs"]
    values = yaml.safe_load((FOLDER / "helm" / "prometheus.yaml").read_text())
    theirs = values["scrapeConfigs"]["kubernetes-service-endpoints"]
    assert {"job_name": "kubernetes-service-endpoints", **theirs} == ours
