"""The programs of the node, as they are configured: nothing here differs from any Kubernetes without a reason."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.identity import certificate, key, kubeconfig, kubelet
from tests.cluster.images import PAUSE
from tests.cluster.node import FIRST, Node
from tests.cluster.settings import (
    ACCOUNTS,
    DNS_SERVICE_ADDRESS,
    NAME,
    NODE_ADDRESS,
    PODS_RANGE,
    SERVICE_RANGE,
    address_of,
    pods_of,
)

CONTAINERD = "/run/containerd/containerd.sock"
CTR = ("ctr", "--address", CONTAINERD, "--namespace", "k8s.io")
AUDIT_LOG = FIRST.logs / "audit.jsonl"
AUTOSCALER = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"
SYSTEM_PODS_MILLICORES = 200
"""What addons/ asks for."""


def _configuration(node: Node) -> Path:
    folder = node.folder / "configuration"
    folder.mkdir(exist_ok=True)
    return folder


def _containerd(node: Node) -> list[str | Path]:
    """Debian's containerd.

    The machine may not let a process lower its OOM score, and has no AppArmor: both are left alone.
    """
    runtime = 'plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc'
    file = _configuration(node) / "containerd.toml"
    network = _configuration(node) / "cni"
    file.write_text(f"""
version = 2
root = "/var/lib/containerd"
oom_score = 0
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{network}"
  [{runtime}]
    runtime_type = "io.containerd.runc.v2"
    [{runtime}.options]
      SystemdCgroup = false
""")
    network.mkdir(exist_ok=True)
    bridge: dict[str, Any] = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": pods_of(node.number)}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    plugins = {"cniVersion": "0.4.0", "name": NAME, "plugins": [bridge, portmap]}
    (network / "10-bridge.conflist").write_text(json.dumps(plugins))
    return ["--config", file]


def _etcd(_: Node) -> list[str | Path]:
    return ["--data-dir=/var/lib/etcd", "--log-level=warn", "--unsafe-no-fsync"]


def _apiserver(node: Node) -> list[str | Path]:
    """With a log of what the autoscaler asks and does, which recording.py reads, and of what the tests' users ask."""
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "RequestResponse", "users": [AUTOSCALER]},
            {"level": "Metadata", "userGroups": [f"system:serviceaccounts:{ACCOUNTS}"]},
            {"level": "None"},
        ],
    }
    file = _configuration(node) / "audit-policy.yaml"
    file.write_text(yaml.safe_dump(policy))
    return [
        f"--audit-policy-file={file}",
        f"--audit-log-path={AUDIT_LOG}",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--advertise-address={NODE_ADDRESS}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--allow-privileged=true",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--client-ca-file={certificate('ca')}",
        f"--tls-cert-file={certificate('apiserver')}",
        f"--tls-private-key-file={key('apiserver')}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={key('service-accounts')}",
        f"--service-account-signing-key-file={key('service-accounts')}",
        f"--kubelet-certificate-authority={certificate('ca')}",
        f"--kubelet-client-certificate={certificate('apiserver-kubelet')}",
        f"--kubelet-client-key={key('apiserver-kubelet')}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={certificate('front-proxy-ca')}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={certificate('front-proxy')}",
        f"--proxy-client-key-file={key('front-proxy')}",
        "--profiling=false",
    ]


def _controller_manager(_: Node) -> list[str | Path]:
    return [
        f"--kubeconfig={kubeconfig('kube-controller-manager')}",
        f"--root-ca-file={certificate('ca')}",
        f"--service-account-private-key-file={key('service-accounts')}",
        f"--cluster-signing-cert-file={certificate('ca')}",
        f"--cluster-signing-key-file={key('ca')}",
        "--use-service-account-credentials",
        "--leader-elect=false",
    ]


def _scheduler(_: Node) -> list[str | Path]:
    return [f"--kubeconfig={kubeconfig('kube-scheduler')}", "--leader-elect=false"]


def _kubelet(node: Node) -> list[str | Path]:
    """A node of 2 CPUs of which 850m are taken by the system's pods, as minikube's are."""
    reserved = 1000 * ((os.cpu_count() or 2) - 2) + 850 - SYSTEM_PODS_MILLICORES
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{node.name}",
        "systemReserved": {"cpu": f"{max(0, reserved)}m"},
        "clusterDNS": [DNS_SERVICE_ADDRESS],
        "clusterDomain": "cluster.local",
        # No name outside of the cluster can be looked up from it.
        "resolvConf": "",
        "failSwapOn": False,
        # From 1.35 on a kubelet refuses such a machine unless it is told not to.
        "failCgroupV1": False,
        "authentication": {"x509": {"clientCAFile": str(certificate("ca"))}, "anonymous": {"enabled": False}},
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(certificate("kubelet-server")),
        "tlsPrivateKeyFile": str(key("kubelet-server")),
        # How full the machine's disk is, is not the node's affair.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 99,
        "imageGCLowThresholdPercent": 98,
        "maxPods": 110,
    }
    file = _configuration(node) / "kubelet.yaml"
    file.write_text(yaml.safe_dump(configuration))
    return [
        f"--config={file}",
        f"--kubeconfig={kubeconfig(kubelet(node.number))}",
        f"--hostname-override={node.name}",
        f"--node-ip={address_of(node.number)}",
        # As the exercise starts minikube.
        "--housekeeping-interval=10s",
    ]


def _proxy(node: Node) -> list[str | Path]:
    return [
        f"--kubeconfig={kubeconfig('kube-proxy')}",
        f"--hostname-override={node.name}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={PODS_RANGE}",
        # These belong to the machine.
        "--conntrack-max-per-core=0",
    ]


ARGUMENTS: Mapping[str, Callable[[Node], list[str | Path]]] = {
    "containerd": _containerd,
    "etcd": _etcd,
    "kube-apiserver": _apiserver,
    "kube-controller-manager": _controller_manager,
    "kube-scheduler": _scheduler,
    "kubelet": _kubelet,
    "kube-proxy": _proxy,
}


OF_EVERY_NODE = ("containerd", "kubelet", "kube-proxy")
"""Of these, each node has its own; the others are the control plane, on the first."""


def last_words(nodes: Iterable[Node]) -> list[str]:
    """What each program that has ended printed last."""
    logs = [(one, name, one.logs / f"{name}.log") for one in nodes for name in ARGUMENTS if not one.processes(name)]
    ended = [(one, name, log.read_text().splitlines()) for one, name, log in logs if log.exists()]
    return [f"{name} of {one.name} has ended: {lines[-1]}" for one, name, lines in ended if lines]


def start(name: str, programs: Mapping[str, Path], node: Node = FIRST) -> None:
    """Start one of them, unless it runs; containerd is Debian's, the others were built."""
    if node.processes(name):
        return
    program = programs.get(name) or shutil.which(name)
    assert program, name
    node.start(program, *ARGUMENTS[name](node))
