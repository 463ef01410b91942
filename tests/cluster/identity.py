"""Certificates and kubeconfigs: who is who in the cluster, made anew at every start."""

from __future__ import annotations

from pathlib import Path

import trustme
import yaml

from tests.cluster.settings import (
    API_SERVICE_ADDRESS,
    API_URL,
    KUBECONFIG,
    NAME,
    NODE,
    NODE_ADDRESS,
    address_of,
    name_of,
)

FOLDER = NODE / "certificates"

# https://kubernetes.io/docs/setup/best-practices/certificates/: user and group of each component.
CLIENTS = {
    "admin": ("admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", None),
    "kube-scheduler": ("system:kube-scheduler", None),
    "kube-proxy": ("system:kube-proxy", "system:node-proxier"),
    "apiserver-kubelet": ("kube-apiserver-kubelet-client", "system:masters"),
}


def kubelet(number: int) -> str:
    """The name by which a node's kubelet has its certificate here."""
    return f"kubelet-{number}"


def certificate(name: str) -> Path:
    """A certificate's file; its key is beside it."""
    return FOLDER / f"{name}.crt"


def key(name: str) -> Path:
    """A private key's file."""
    return FOLDER / f"{name}.key"


def kubeconfig(name: str) -> Path:
    """The kubeconfig of a component."""
    return KUBECONFIG if name == "admin" else FOLDER / f"{name}.kubeconfig"


def _write(name: str, issued: trustme.LeafCert) -> None:
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    certificate(name).write_bytes(chain)
    key(name).write_bytes(issued.private_key_pem.bytes())


def make(nodes: int) -> None:
    """All certificates, keys and kubeconfigs of a cluster of so many nodes."""
    FOLDER.mkdir(parents=True, mode=0o700)
    authority, front_proxy = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(certificate("ca")))
    authority.private_key_pem.write_to_path(str(key("ca")))
    front_proxy.cert_pem.write_to_path(str(certificate("front-proxy-ca")))
    _write("front-proxy", front_proxy.issue_cert(NAME, common_name="front-proxy-client"))
    _write("service-accounts", authority.issue_cert(NAME, common_name="service-accounts"))
    _write(
        "apiserver",
        authority.issue_cert(
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "localhost",
            NODE_ADDRESS,
            API_SERVICE_ADDRESS,
            "127.0.0.1",
        ),
    )
    kubelets = {kubelet(one): (f"system:node:{name_of(one)}", "system:nodes") for one in range(nodes)}
    everyone = [*map(name_of, range(nodes)), *map(address_of, range(nodes))]
    _write("kubelet-server", authority.issue_cert(*everyone))
    for name, (user, group) in {**CLIENTS, **kubelets}.items():
        # Without a name for a host, trustme's certificate has an empty critical extension, which Go refuses.
        issued = authority.issue_cert(NAME, common_name=user, organization_name=group)
        _write(name, issued)
        _write_kubeconfig(name)


def _write_kubeconfig(name: str) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": NAME,
        "clusters": [
            {"name": NAME, "cluster": {"server": API_URL, "certificate-authority": str(certificate("ca"))}},
        ],
        "users": [
            {"name": name, "user": {"client-certificate": str(certificate(name)), "client-key": str(key(name))}},
        ],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": name}}],
    }
    file = kubeconfig(name)
    file.write_text(yaml.safe_dump(config))
    file.chmod(0o600)
