"""The border at which dclab reads what an API server answers."""

from __future__ import annotations

import json
from functools import cache

from hypothesis import strategies as st

from dclab import manifests
from tests.fuzz.case import FOLDER, Input
from tests.fuzz.kubeconfigs import KUBECONFIG, VERSION
from tests.fuzz.mutate import JSON, SERVED, as_json, as_yaml, damaged, http, mutated, odd_values, packed, texts
from tests.fuzz.web import PAGES, SERVICES, STATUSES

__all__ = ["api_answers", "quantities"]

WHEN = "2026-01-01T00:00:00Z"
NAMESPACE = "/api/v1/namespaces/dockercoins"
EMPTY = [
    ("/apis/coordination.k8s.io/v1", "leases"),
    ("/apis/batch/v1", "jobs"),
    ("/apis/networking.k8s.io/v1", "networkpolicies"),
]
EMPTY += [("/apis/apps/v1", kinds) for kinds in ("statefulsets", "daemonsets")]
EMPTY += [("/apis/rbac.authorization.k8s.io/v1", kinds) for kinds in ("roles", "rolebindings")]
EMPTY += [("/api/v1", kinds) for kinds in ("configmaps", "serviceaccounts", "secrets", "persistentvolumeclaims")]


@cache
def lab_objects():
    """What a cluster says of a lab, by the path at which it does; near enough to a real one to be read to its end."""
    from dclab import __version__
    from dclab.engines.kube.labels import MARK
    from dclab.engines.kube.labels import OURS as LABELS
    from dclab.engines.kube.labels import VERSION as STARTED_BY

    def listed(items, kind="List"):
        return {"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": items}

    deployments, pods, metrics = [], [], []
    for one in manifests.of_kind(manifests.load(), "Deployment"):
        name, labels = one["metadata"]["name"], {**LABELS, **one["spec"]["template"]["metadata"]["labels"]}
        counts = {
            "replicas": 1,
            "readyReplicas": 1,
            "updatedReplicas": 1,
            "availableReplicas": 1,
            "observedGeneration": 1,
        }
        about = {"name": name, "labels": {**LABELS}, "generation": 1, "uid": "u", "resourceVersion": "7"}
        whole = {**one, "metadata": about, "spec": {"replicas": 1, **one["spec"]}, "status": counts}
        deployments.append(whole)
        container = {"name": name, "ready": True, "restartCount": 0, "state": {"running": {"startedAt": WHEN}}}
        pods.append(
            {
                "metadata": {"name": f"{name}-1", "labels": labels, "creationTimestamp": WHEN, "resourceVersion": "7"},
                "spec": one["spec"]["template"]["spec"],
                "status": {
                    "phase": "Running",
                    "startTime": WHEN,
                    "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": WHEN}],
                    "containerStatuses": [container],
                },
            }
        )
        usage = [{"name": name, "usage": {"cpu": "5118929n", "memory": "6144Ki"}}]
        metrics.append(
            {
                "metadata": {"name": f"{name}-1", "labels": labels},
                "timestamp": WHEN,
                "window": "15s",
                "containers": usage,
            }
        )
    services = []
    for one in manifests.of_kind(manifests.load(), "Service"):
        ports = [{**each, "nodePort": SERVED} for each in one["spec"]["ports"]]
        spec = {**one["spec"], "clusterIP": "10.0.0.1", "type": "NodePort", "ports": ports}
        services.append({**one, "spec": spec, "metadata": {"name": one["metadata"]["name"], "labels": dict(LABELS)}})
    hpa = {
        **manifests.autoscaler("rng"),
        "status": {
            "currentReplicas": 1,
            "desiredReplicas": 1,
            "conditions": [],
            "currentMetrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "current": {"averageUtilization": 3, "averageValue": "6m"}},
                }
            ],
        },
    }
    node = {
        "metadata": {"name": "n"},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "capacity": {"cpu": "2", "memory": "4Gi"},
            "allocatable": {"cpu": "2", "memory": "128974848000m"},
            "nodeInfo": {"containerRuntimeVersion": "containerd://1", "osImage": "x", "architecture": "amd64"},
        },
    }
    event = {
        "metadata": {"name": "e"},
        "reason": "SuccessfulRescale",
        "message": "m",
        "type": "Normal",
        "lastTimestamp": WHEN,
        "count": 1,
        "involvedObject": {"name": "rng"},
    }
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": "dockercoins",
            "labels": dict(LABELS),
            "annotations": {"dclab/images": "build", MARK: "0123", STARTED_BY: __version__},
            "uid": "u",
        },
        "status": {"phase": "Active"},
    }
    hold = {
        "metadata": {"name": "dclab-hold", "annotations": {"dclab/what": "dclab run", "dclab/process": "4242/1.0"}},
        "spec": {"holderIdentity": "x", "leaseDurationSeconds": 15, "acquireTime": WHEN, "renewTime": WHEN},
    }
    apps, hpas = (
        "/apis/apps/v1/namespaces/dockercoins/deployments",
        "/apis/autoscaling/v2/namespaces/dockercoins/horizontalpodautoscalers",
    )
    pod_metrics = "/apis/metrics.k8s.io/v1beta1/namespaces/dockercoins/pods"
    return {
        "/version": VERSION,
        "/api/v1/namespaces": listed([namespace]),
        NAMESPACE: namespace,
        f"{NAMESPACE}/pods": listed(pods),
        f"{NAMESPACE}/services": listed(services),
        **{f"{NAMESPACE}/services/{one['metadata']['name']}": one for one in services},
        f"{NAMESPACE}/pods/rng-1/log": "one line of a log",
        f"{NAMESPACE}/events": listed([event]),
        apps: listed(deployments),
        **{f"{apps}/{one['metadata']['name']}": one for one in deployments},
        hpas: listed([hpa]),
        f"{hpas}/rng": hpa,
        pod_metrics: listed(metrics),
        "/apis/coordination.k8s.io/v1/namespaces/dockercoins/leases/dclab-hold": hold,
        "/api/v1/nodes": listed([node]),
        **{f"{group}/namespaces/dockercoins/{kinds}": listed([]) for group, kinds in EMPTY},
    }


KUBE_COMMANDS = [
    ("status",),
    ("status",),
    ("list",),
    ("logs", "rng"),
    ("scale", "worker", "1"),
    ("watch", "--seconds", "1"),
    ("top",),
    ("down",),
]


@st.composite
def api_answers(draw):
    """Commands about a lab on a cluster that answers one of the questions oddly."""
    objects = lab_objects()
    odd = draw(st.sampled_from(["/version", "/version", *objects]))
    kind = draw(st.integers(0, 9))
    if kind < 7:
        data = http(packed(draw(mutated(objects[odd]))))
    elif kind == 7:
        data = http(
            draw(st.sampled_from(PAGES)),
            draw(st.sampled_from(STATUSES)),
            draw(st.sampled_from(["text/html", "application/json"])),
        )
    elif kind == 8:
        data = draw(damaged(http(packed(objects[odd]))))
    else:
        data = http(as_json(draw(odd_values)), draw(st.sampled_from(STATUSES)))
    answers = {**SERVICES, **{path: http(packed(one)) for path, one in objects.items()}, odd: data}
    invalid = odd == "/version" and kind == 7 and draw(st.booleans())
    if invalid:
        answers[odd] = http(draw(st.sampled_from(PAGES)))
    command = draw(st.sampled_from(KUBE_COMMANDS))
    invalid = invalid and command[0] != "list"  # which may say of each cluster that it cannot be used
    return Input(
        border="api",
        arguments=(*command, "--context", "mine", *draw(JSON)),
        files={"config": as_yaml(KUBECONFIG)},
        environment={"KUBECONFIG": f"{FOLDER}/config"},
        answers=answers,
        invalid=invalid,
    )


QUANTITY = st.tuples(
    st.sampled_from(["", "", "", "+", "-"]),
    st.sampled_from(["0", "1", "10", "128974848000", "0.5", ".5", "5.", "00", "1.23456789123", "9" * 30, "1_0", "٣", ""]),
    st.sampled_from(["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3", "E3", "e-3", "e+3", "K", "mi", " ", "e999"]),
)  # fmt: skip


@st.composite
def quantities(draw):
    """`status` of a lab whose pods use and request odd quantities."""
    objects = lab_objects()
    path = next(one for one in objects if "metrics.k8s.io" in one)
    usage = json.loads(json.dumps(objects[path]))
    for kind in ("cpu", "memory"):
        text = draw(st.one_of(QUANTITY.map("".join), QUANTITY.map("".join), texts))
        for pod in usage["items"]:
            pod["containers"][0]["usage"][kind] = text
    answers = {where: http(packed(one)) for where, one in objects.items()} | {path: http(packed(usage))}
    files = {"config": as_yaml(KUBECONFIG)}
    environment = {"KUBECONFIG": f"{FOLDER}/config"}
    arguments = ("status", "--context", "mine", "--json")
    return Input(border="quantity", arguments=arguments, files=files, environment=environment, answers=answers)
