"""How a service is reached: by name within, by NodePort and port-forward from outside."""

from __future__ import annotations

import pytest
import requests
from kubernetes.stream import portforward

from dclab import manifests
from dclab.paths import shipped
from tests.cluster.waiting import wait_for

pytestmark = pytest.mark.cluster


def test_names_within_the_cluster(lab):
    pod = lab.pods("webui")[0].metadata.name
    look_up = "import socket; print(socket.gethostbyname('rng'))"
    assert (
        lab.run(pod, "python", "-c", look_up).strip()
        == lab.core.read_namespaced_service("rng", lab.namespace).spec.cluster_ip
    )


def test_node_ports(lab):
    """The exercise's."""
    lab.apply(manifests.of_kind(manifests.load(shipped() / "manifests" / "optional"), "Service"))
    service = lab.core.read_namespaced_service("rng-np", lab.namespace)
    (node, *_) = lab.core.list_node().items
    address = next(one.address for one in node.status.addresses if one.type == "InternalIP")
    url = f"http://{address}:{service.spec.ports[0].node_port}/"
    wait_for(lambda: _answers(url), 10, url)
    assert "rng" in requests.get(url, timeout=5).text.lower()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def test_port_forward(lab):
    """Through the API server and the kubelet, to one pod."""
    pod = lab.pods("rng")[0].metadata.name
    forward = portforward(lab.core.connect_get_namespaced_pod_portforward, pod, lab.namespace, ports="8080")
    connection = forward.socket(8080)
    connection.setblocking(True)
    connection.sendall(b"GET /32 HTTP/1.1\r\nHost: rng\r\nConnection: close\r\n\r\n")
    answer = b""
    while chunk := connection.recv(4096):
        answer += chunk
    connection.close()
    assert answer.startswith(b"HTTP/1.1 200")
    assert len(answer.split(b"\r\n\r\n", 1)[1]) == 32
    assert not forward.error(8080)
