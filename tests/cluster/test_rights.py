"""The rights of `dclab rbac`, compared with what dclab asks of the API server: in the audit log, in both directions."""

from __future__ import annotations

import contextlib
import itertools
import json
import time

import pytest
from kubernetes.client import ApiException, CoreV1Api

from dclab import manifests
from dclab.engines.kube import launch
from dclab.engines.kube.cluster.images import BUILD, Images
from dclab.engines.kube.lab.diagnose import cause
from dclab.engines.kube.lab.hold import RENEW_SECONDS
from dclab.engines.kube.labels import OURS
from dclab.engines.kube.rights import roles
from dclab.lab import LabSummary, LoadSpec, ProbeSpec
from tests.cluster import daemons
from tests.cluster.settings import ACCOUNTS
from tests.cluster.users import grant, kubeconfig, revoke
from tests.cluster.waiting import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("own_cluster")]

LAB = "dockercoins"
ACCOUNT = "exact"

NOT_SEEN_HERE = {
    ("", "serviceaccounts", "watch"): "while a new namespace has no account yet, for some milliseconds",
    ("", "pods/portforward", "create"): "from Kubernetes 1.35 on",
    ("apps", "deployments", "delete"): "a Prometheus of another source in its place: test_commands.py",
}


@pytest.fixture
def exact(cluster, accounts, tmp_path, monkeypatch):
    """A user with the rights of `dclab rbac` and no others; the roles."""
    core = CoreV1Api(cluster.client)
    core.create_namespace({"metadata": {"name": LAB, "labels": OURS}})
    made = roles(LAB)
    env = kubeconfig(cluster, ACCOUNT, tmp_path / "kubeconfig")
    granted = grant(cluster, ACCOUNT, made, LAB)
    monkeypatch.setenv("KUBECONFIG", env["KUBECONFIG"])
    yield made
    revoke(cluster, granted)
    with contextlib.suppress(ApiException):  # after `down`
        core.delete_namespace(LAB)


def rights_in(objects):
    """(group, resource, verb) of all rules of roles."""
    return {
        right
        for role in objects
        for rule in role["rules"]
        for right in itertools.product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }


def requests():
    """What the user has asked for: (group, resource, verb) of each request, and those that were refused."""
    asked, refused = set(), set()
    for line in daemons.AUDIT_LOG.read_text().splitlines():
        one = json.loads(line)
        if one["user"]["username"] != f"system:serviceaccount:{ACCOUNTS}:{ACCOUNT}" or "objectRef" not in one:
            continue
        at = one["objectRef"]
        resource = "/".join(filter(None, (at["resource"], at.get("subresource"))))
        asked.add((at.get("apiGroup", ""), resource, one["verb"]))
        if "force=" in one["requestURI"]:  # server-side apply, which may have to create
            asked.add((at.get("apiGroup", ""), resource, "create"))
        if one.get("responseStatus", {}).get("code") == 403:
            refused.add((at.get("apiGroup", ""), resource, one["verb"]))
    return asked, refused


@pytest.mark.timeout(300)
def test_rights_are_those_that_are_used(exact, cluster):
    where = launch.place("least", LAB)
    assert launch.labs("least") == []
    lab, _ = launch.start(where, Images(BUILD), lambda _: None)
    lab.ready(60)
    assert launch.labs("least") == [LabSummary(name=LAB, engine="kube", state="running", context="least")]
    assert {"kubernetes", "node"} <= set(lab.versions())
    assert {"rng", "webui"} <= set(lab.addresses())
    _follow_logs_while_scaling(lab)
    assert lab.trouble("worker") is None
    assert lab.room("worker").replicas > 1
    assert "other namespaces" not in lab.room("worker").why
    assert lab.worker_reports(lab.counter().t) == []
    cause(lab.api, LAB)
    lab.configure("hasher", {"THREADS": "2"})
    lab.apply_autoscaler(manifests.autoscaler("rng"))
    with lab.hold("a test"):
        time.sleep(RENEW_SECONDS + 1)
        lab.scale("worker", 2)
        lab.delete_replica("hasher", lab.health("hasher")[0].name)
        lab.scale("hasher", 1)
    job = lab.start_load(LoadSpec(target="rng", seconds=2))
    wait_for(lambda: job.status().state == "succeeded", 60, "the end of the load", every=0.2)
    job.stop()
    assert lab.autoscaler("rng").metrics[0].target == 5
    lab.usage("rng")
    lab.remove_autoscaler("rng")
    with lab.serve_metrics("rng", 2.0):
        lab.apply_autoscaler(manifests.autoscaler("rng", "latency"))
        lab.autoscaler("rng")
        assert lab.quantities("rng")
        lab.remove_autoscaler("rng")
    assert len(lab.probe("rng", ProbeSpec(count=2))) == 2
    assert lab.httplat("rng").probes > 0  # forwarded: it has no NodePort
    assert lab.prometheus_url()
    lab.reach.close()
    assert launch.end("least", LAB, cluster=False)[:2] == (True, [])
    with pytest.raises(ApiException):
        CoreV1Api(cluster.client).read_namespace(LAB)
    asked, refused = requests()
    granted = rights_in(exact)
    # Whoever gives a role has to have its rights.
    parts = [*manifests.optional("prometheus"), *manifests.optional("adapter")]
    handed_on = rights_in(manifests.of_kind(parts, "Role"))
    assert refused == {("", "namespaces", "list")}  # of the whole cluster, by `labs`
    assert asked - granted == set()
    assert granted - asked - handed_on == set(NOT_SEEN_HERE)


def _follow_logs_while_scaling(lab):
    """New replicas are followed, too; every replica's last lines can be had at once."""
    seen = set()
    for number, line in enumerate(lab.follow_logs(["worker", "webui"], lines=3)):
        seen.add(line.replica)
        if number == 2:
            lab.scale("worker", 2)
        if len({one for one in seen if one.startswith("worker-")}) == 2:
            break
        assert number < 200
    assert set(lab.replicas("worker").names) <= seen
    assert {one.replica for one in lab.logs("worker", lines=1)} == set(lab.replicas("worker").names)
