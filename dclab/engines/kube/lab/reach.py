"""How services are reached from here: by NodePort where the node answers, else forwarded through the API server.

A forwarded connection goes to one ready pod, chosen anew for each connection, so it outlives pods; but it
passes the Service by. That is why latency is never measured through it.
"""

from __future__ import annotations

import random
import socket
import time
from functools import partial

from dclab.engines.forward import Forward
from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.faults import NotFound
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.objects import Node, Service, ServiceSpec
from dclab.engines.kube.workloads import Pod, is_ready
from dclab.errors import DclabError, LabLost

__all__ = ["Reach"]

CONNECT_SECONDS = 1.0
NEW_PORT_SECONDS = 3.0


class Reach:
    """URLs of a lab's services, found out once each."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace
        self._urls: dict[str, str] = {}
        self._forwards: list[Forward] = []

    def url(self, service: str) -> str:
        """Base URL of a service; LabLost when there is no such service."""
        if service not in self._urls:
            self._urls[service] = self._by_node_port(service) or self._forwarded(service)
        return self._urls[service]

    def close(self) -> None:
        """Forward no more."""
        for one in self._forwards:
            one.close()
        self._urls.clear()

    def _service(self, name: str) -> Service:
        return self.api.get(path_of("v1", "Service", self.namespace, name), Service)

    def addresses(self) -> dict[str, str]:
        """URLs of those services that are reached by NodePort; they outlive this process."""
        listed = self.api.list(path_of("v1", "Service", self.namespace), Service, labelSelector=SELECTOR)
        names = [one.metadata.name.removesuffix("-np") for one in listed if one.spec.type == "NodePort"]
        found = {name: self._by_node_port(name) for name in sorted(names)}
        return {name: url for name, url in found.items() if url}

    def _by_node_port(self, service: str) -> str | None:
        try:
            found = self._service(f"{service}-np")
        except NotFound:
            return None
        port = next((one.node_port for one in found.spec.ports), 0)
        address = self._node_address() if port else None
        end = time.monotonic() + NEW_PORT_SECONDS
        while address:
            try:
                socket.create_connection((address, port), CONNECT_SECONDS).close()
            except ConnectionRefusedError:  # kube-proxy may not have come to a new port yet
                if time.monotonic() > end:
                    return None
                time.sleep(0.1)
            except OSError:
                return None
            else:
                return f"http://{address}:{port}"
        return None

    def _node_address(self) -> str | None:
        try:
            nodes = self.api.list(path_of("v1", "Node", ""), Node)
        except DclabError:  # whoever has rights in one namespace only may not see nodes
            return None
        known = (one for node in nodes for one in node.status.addresses if one.type == "InternalIP")
        return next((one.address for one in known), None)

    def _forwarded(self, name: str) -> str:
        forward = Forward(partial(self._connection, self._service(name).spec))
        self._forwards.append(forward)
        return forward.url

    def _connection(self, service: ServiceSpec) -> socket.socket | None:
        """To a ready pod of the service; None when there is none."""
        selector = ",".join(f"{key}={value}" for key, value in service.selector.items())
        pods = self.api.list(path_of("v1", "Pod", self.namespace), Pod, labelSelector=selector)
        ready = [one for one in pods if is_ready(one)]
        if not ready or not service.ports:
            return None
        pod = random.choice(ready)
        wanted = service.ports[0]
        port = _target_port(pod, wanted.target_port or wanted.port)
        return self.api.forward(path_of("v1", "Pod", self.namespace, pod.metadata.name), port)


def _target_port(pod: Pod, port: int | str) -> int:
    """Return the number of a port that a service names; LabLost when the pod has none of that name."""
    if isinstance(port, int):
        return port
    for container in pod.spec.containers:
        for one in container.ports:
            if one.name == port:
                return one.container_port
    raise LabLost(
        f"{pod.metadata.name} has no port {port!r}, to which its service sends.", "", "`dclab up` restores it."
    )
