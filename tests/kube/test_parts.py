"""Parts of the kube engine that need no cluster: contexts, images, what a refusal or a pod's state means."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

import msgspec
import pytest

from dclab import manifests
from dclab.engines.embedded.listeners import free_port
from dclab.engines.kube import faults
from dclab.engines.kube.cluster.images import BUILD, UPSTREAM, Images, apps, parse_images, tag
from dclab.engines.kube.cluster.upstream import IMAGES
from dclab.engines.kube.lab.diagnose import trouble
from dclab.engines.kube.lab.namespace import rendered
from dclab.engines.kube.lab.states import counts
from dclab.engines.kube.objects import decode
from dclab.engines.kube.workloads import Deployment, Pod, is_ready, main_container
from dclab.errors import ExitCode, InvalidInput, NotAnswering


def images_in(objects):
    return {
        container["image"]
        for one in objects
        if one["kind"] in ("Deployment", "Job")
        for container in one["spec"]["template"]["spec"]["containers"]
    }


def test_every_app_has_an_image_whose_tag_says_what_is_in_it():
    assert {"rng", "hasher", "worker", "webui", "httplat", "siege", "exporter", "adapter"} == set(apps())
    built = images_in(Images(BUILD).fit(manifests.load()))
    lab = set(apps()) - {"siege", "exporter", "adapter"}
    assert {f"docker.io/dockercoins/{one}:{tag()}" for one in lab} <= built
    assert images_in(Images("ghcr.io/me").fit(manifests.load())) >= {f"ghcr.io/me/rng:{tag()}"}


@pytest.mark.parametrize(("source", "policy"), [(BUILD, "Never"), ("ghcr.io/me", "IfNotPresent")])
def test_what_is_built_into_the_cluster_is_never_pulled(source, policy):
    rng = manifests.named(Images(source).fit(manifests.load()), "Deployment", "rng")
    assert rng["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_the_manifests_are_not_changed_by_fitting_them():
    before = manifests.load()
    for source in (BUILD, UPSTREAM):
        Images(source).fit(before)
    assert before == manifests.load()


def test_the_courses_own_images_run_as_they_are():
    objects = rendered("dockercoins", Images(UPSTREAM))
    assert objects[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"
    assert images_in(objects) == {*IMAGES.values(), "redis:7.4-bookworm"}
    rng = manifests.named(objects, "Deployment", "rng")["spec"]["template"]["spec"]
    (container,) = rng["containers"]
    assert not {"command", "env", "securityContext"} & {*container, *rng}
    assert container["resources"]["requests"]["cpu"] == "200m"
    port = container["ports"][0]["containerPort"]
    assert manifests.named(objects, "Service", "rng")["spec"]["ports"][0]["targetPort"] == port == 80
    policy = manifests.named(objects, "NetworkPolicy", "services")
    assert policy["spec"]["ingress"][0]["ports"] == [{"port": 80}]


@pytest.mark.parametrize("value", ["", "mine", "http://a/b", "a b/c"])
def test_what_is_no_source_of_images_is_refused(value):
    with pytest.raises(InvalidInput):
        parse_images(value)


@pytest.mark.parametrize(
    ("status", "reason", "message", "kind", "says"),
    [
        (
            403,
            "Forbidden",
            'deployments.apps "rng" is forbidden: User "ann" cannot patch resource "deployments" in API group "apps" '
            'in the namespace "dockercoins"',
            faults.Forbidden,
            "You may not patch deployments.apps in the namespace dockercoins.",
        ),
        (
            403,
            "Forbidden",
            'nodes is forbidden: User "ann" cannot list resource "nodes" in API group "" at the cluster scope',
            faults.Forbidden,
            "You may not list nodes.",
        ),
        (403, "Forbidden", 'pods "a" is forbidden: exceeded quota: small', faults.Forbidden, "quota is used up"),
        (403, "Forbidden", 'pods "a" is forbidden: violates PodSecurity "restricted"', faults.Forbidden, "Security"),
        (401, "Unauthorized", "Unauthorized", faults.Unauthorized, "does not accept your credentials"),
        (404, "NotFound", 'services "x" not found', faults.NotFound, "x is not there"),
        (409, "AlreadyExists", 'jobs "x" already exists', faults.AlreadyExists, "already exists"),
        (410, "Expired", "too old resource version", faults.Expired, "too old"),
        (422, "Invalid", "spec.replicas: Invalid value", InvalidInput, "refused an object as invalid"),
        (503, "ServiceUnavailable", "apiserver is shutting down", NotAnswering, "API server failed"),
        (504, "Timeout", "Too large resource version: 9, current: 3", faults.Expired, "Too large"),
        (409, "Conflict", "the object has been modified", faults.Conflict, "changed the object meanwhile"),
    ],
)
def test_what_the_api_server_refuses_is_told_in_the_users_words(status, reason, message, kind, says):
    body = json.dumps({"kind": "Status", "reason": reason, "message": message, "code": status}).encode()
    error = faults.refused(status, body, "GET", "/api/v1/namespaces/a/services/x")
    assert type(error) is kind
    assert says in str(error)
    assert error.exit_code != ExitCode.OK


def test_an_answer_that_is_no_status_is_told_too():
    error = faults.refused(502, b"<html>Bad Gateway</html>", "GET", "/version")
    assert "502 <html>Bad Gateway</html>" in str(error)


def pod(ending=False, **status):
    metadata = {"name": "rng-1", "labels": {"app": "rng"}}
    metadata |= {"deletionTimestamp": "2026-01-01T00:00:00Z"} if ending else {}
    return decode({"metadata": metadata, "status": status}, Pod)


def container(state, **more):
    return {"image": "dclab.test/rng:1", "ready": False, "restartCount": 0, "state": state, **more}


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes: 1 Insufficient cpu."}]},
            "CPU",
        ),
        ({"containerStatuses": [container({"waiting": {"reason": "ImagePullBackOff", "message": "no"}})]}, "be pulled"),
        (
            {"containerStatuses": [container({"waiting": {"reason": "ErrImageNeverPull", "message": "no"}})]},
            "be pulled",
        ),
        (
            {
                "containerStatuses": [
                    container(
                        {"waiting": {"reason": "CrashLoopBackOff"}},
                        lastState={"terminated": {"reason": "OOMKilled", "exitCode": 137}},
                    )
                ]
            },
            "OOMKilled, exit code 137",
        ),
        (
            {
                "containerStatuses": [
                    container(
                        {
                            "waiting": {
                                "reason": "CrashLoopBackOff",
                                "message": "back-off 2m40s restarting failed container",
                            }
                        },
                        lastState={"terminated": {"reason": "Error", "exitCode": 1}},
                    )
                ]
            },
            "Kubernetes waits 2m40s before it starts it again",
        ),
        (
            {
                "conditions": [{"type": "Ready", "status": "False"}],
                "containerStatuses": [container({"running": {}}, ready=True)],
            },
            "which does not report",
        ),
        ({"reason": "Evicted", "message": "The node was low on resource: memory."}, "evicted"),
        ({"containerStatuses": [container({"running": {}})]}, None),
        ({}, None),
    ],
)
def test_what_keeps_a_pod_from_being_ready(status, says):
    found = trouble(pod(**status))
    assert found is None if says is None else says in found[0]
    assert not is_ready(pod(**status))


def test_hints_name_the_command_that_shows_the_logs():
    crashed = container({"waiting": {"reason": "CrashLoopBackOff"}})
    assert trouble(pod(containerStatuses=[crashed]))[1] == "`dclab logs rng` shows its last lines."
    of_a_job = decode({"metadata": {"name": "probe-1", "labels": {"app": "probe", "job-name": "probe-1"}}}, Pod)
    of_a_job = msgspec.structs.replace(of_a_job, status=pod(containerStatuses=[crashed]).status)
    assert trouble(of_a_job)[1] == "`kubectl logs probe-1` shows its last lines."


def test_a_deleted_pod_on_a_node_that_is_lost_counts_no_more():
    """Its node cannot tell that it has ended, and may never."""
    running = [container({"running": {}}, ready=True)]
    ending = pod(ending=True, conditions=[{"type": "Ready", "status": "True"}], containerStatuses=running)
    lost = pod(ending=True, conditions=[{"type": "Ready", "status": "False"}], containerStatuses=running)
    deployment = decode({"metadata": {"name": "rng"}, "spec": {"replicas": 1}}, Deployment)
    assert (counts(deployment, [ending]).terminating, counts(deployment, [ending]).names) == (1, ("rng-1",))
    assert (counts(deployment, [lost]).terminating, counts(deployment, [lost]).names) == (0, ())


def test_a_pod_on_its_way_out_is_not_ready():
    conditions = [{"type": "Ready", "status": "True"}]
    assert is_ready(pod(conditions=conditions))
    assert not is_ready(pod(ending=True, conditions=conditions))


@pytest.mark.parametrize(("app", "says"), [("exporter", "dockercoins_requests_total"), ("adapter", "tls.crt")])
def test_what_the_course_has_no_image_of_is_handed_over(tmp_path, app, says):
    """The container's command as it is, in a folder without the apps: it starts, and does what the app does."""
    objects = manifests.exporter("rng") if app == "exporter" else manifests.optional("adapter")
    (deployment,) = manifests.of_kind(Images(UPSTREAM).fit(objects), "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"].startswith("docker.io/library/python:")
    port = free_port()
    env = {one["name"]: one["value"] for one in container["env"]} | {"PORT": str(port), "HOST": "127.0.0.1"}
    env |= {"PROMETHEUS_HOST": "a", "PROMETHEUS_PORT": "80", "PATH": os.environ["PATH"]}
    command = [sys.executable, *container["command"][1:]]
    process = subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
    try:
        if app == "adapter":  # without a certificate it says so, and ends
            assert says in process.communicate(timeout=10)[1]
            return
        assert env["TARGET_PORT"] == "80"
        assert says in _page(f"http://127.0.0.1:{port}/metrics")
    finally:
        process.kill()
        process.wait()


def _page(url):
    end = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read().decode()
        except urllib.error.URLError:
            assert time.monotonic() < end, url
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("names", "main"), [(["exporter", "rng"], "rng"), (["rng", "exporter"], "rng"), (["server"], "server"), ([], "")]
)
def test_logs_are_those_of_the_container_that_a_pod_is_for(names, main):
    metadata = {"name": "rng-1", "labels": {"app": "rng"}}
    found = decode({"metadata": metadata, "spec": {"containers": [{"name": one} for one in names]}}, Pod)
    assert main_container(found) == main
