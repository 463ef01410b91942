"""How services are reached from here: by NodePort where the node answers, else forwarded through the API server.

Each forwarded connection goes to a ready pod, chosen each time, so a forward outlives pods; but it passes the Service by.
That is why latency is never measured through it.
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time

from dclab.engines.forward import Connection, Forward
from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.faults import NotFound
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.objects import Node, Service, ServiceSpec
from dclab.engines.kube.tunnel import PortForward
from dclab.engines.kube.workloads import Pod, is_ready
from dclab.errors import DclabError, LabLost

__all__ = ["Reach"]

CONNECT_SECONDS = 1.0
NEW_PORT_SECONDS = 3.0
FRESH_SECONDS = 0.5
OPENING = 32
"""Tunnels of a forward that are opened at once: of a thousand that begin together, an API server finishes few in time."""
NEXT_TRY_SECONDS = 0.3


class Reach:
    """URLs of a lab's services, found out once each."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace
        self._node_ports: dict[str, str] = {}
        self._forwards: dict[str, Forward] = {}

    def url(self, service: str) -> str:
        """Base URL of a service; LabLost when there is no such service."""
        if service in self._forwards:
            return self._forwards[service].url
        if service not in self._node_ports:
            found = self._by_node_port(service)
            if found is None:
                self._forwards[service] = Forward(_Target(self, self._service(service).spec).connect)
                return self._forwards[service].url
            self._node_ports[service] = found
        return self._node_ports[service]

    def forwards(self, service: str) -> bool:
        """Whether a service is reached through the API server."""
        return service in self._forwards

    def forget(self) -> None:
        """Find NodePorts again: the services may have been made again, with others. Forwards stay."""
        self._node_ports.clear()

    def close(self) -> None:
        """Forward no more."""
        for one in self._forwards.values():
            one.close()
        self._forwards.clear()
        self._node_ports.clear()

    def _service(self, name: str) -> Service:
        return self.api.get(path_of("v1", "Service", self.namespace, name), Service)

    def addresses(self) -> dict[str, str]:
        """URLs of those services that are reached by NodePort; they outlive this process."""
        listed = self.api.list(path_of("v1", "Service", self.namespace), Service, labelSelector=SELECTOR)
        ports = {one.metadata.name.removesuffix("-np"): one.spec for one in listed if one.spec.type == "NodePort"}
        address = self._node_address() if ports else None
        found = {name: self._at_node_port(spec, address) for name, spec in sorted(ports.items())}
        return {name: url for name, url in found.items() if url}

    def _by_node_port(self, service: str) -> str | None:
        try:
            found = self._service(f"{service}-np").spec
        except NotFound:
            return None
        return self._at_node_port(found, self._node_address())

    def _at_node_port(self, service: ServiceSpec, address: str | None) -> str | None:
        port = next((one.node_port for one in service.ports), 0)
        address = address if port else None
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
        except DclabError:  # a user with rights in one namespace only may not see nodes
            return None
        known = (one for node in nodes for one in node.status.addresses if one.type == "InternalIP")
        return next((one.address for one in known), None)

    def targets(self, service: ServiceSpec) -> list[PortForward]:
        """Requests for a connection to each ready pod of a service."""
        selector = ",".join(f"{key}={value}" for key, value in service.selector.items())
        pods = self.api.list(path_of("v1", "Pod", self.namespace), Pod, labelSelector=selector)
        if not service.ports:
            return []
        wanted = service.ports[0]
        return [
            self.api.forward(
                path_of("v1", "Pod", self.namespace, pod.metadata.name),
                _target_port(pod, wanted.target_port or wanted.port),
            )
            for pod in pods
            if is_ready(pod)
        ]


class _Target:
    """Where the connections of a forward go: to a random ready pod of a service, as far as was known FRESH_SECONDS ago.

    The API is asked on a thread, since it may be away for a while; connections that come meanwhile wait for the same
    answer. That thread ends with the process, whatever it waits for.
    """

    def __init__(self, reach: Reach, service: ServiceSpec) -> None:
        self._reach = reach
        self._service = service
        self._asked: asyncio.Future[list[PortForward]] | None = None
        self._old = 0.0
        self._opening = asyncio.Semaphore(OPENING)

    async def connect(self) -> Connection:
        """Connect; OSError or DclabError when no ready pod can be reached."""
        for last in (False, False, True):
            ready = await self._ready()
            if not ready:
                raise ConnectionRefusedError("No replica is ready.")
            for one in random.sample(ready, len(ready)):
                try:
                    async with self._opening:
                        return await one.open()
                except LabLost as error:
                    failure = error
            self._old = 0.0  # pods that have just gone are not tried again
            await asyncio.sleep(0 if last else NEXT_TRY_SECONDS)
        raise failure

    async def _ready(self) -> list[PortForward]:
        loop = asyncio.get_running_loop()
        if self._asked is None or (self._asked.done() and (self._asked.exception() or loop.time() > self._old)):
            self._asked = loop.create_future()
            threading.Thread(target=self._ask, args=(loop, self._asked), daemon=True).start()
        return await asyncio.shield(self._asked)

    def _ask(self, loop: asyncio.AbstractEventLoop, asked: asyncio.Future[list[PortForward]]) -> None:
        try:
            found = self._reach.targets(self._service)
        except Exception as error:
            loop.call_soon_threadsafe(asked.set_exception, error)
        else:
            loop.call_soon_threadsafe(self._told, asked, found)

    def _told(self, asked: asyncio.Future[list[PortForward]], found: list[PortForward]) -> None:
        self._old = asyncio.get_running_loop().time() + FRESH_SECONDS
        asked.set_result(found)


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
