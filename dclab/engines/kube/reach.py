"""How services are reached from here: by NodePort where the node answers, else forwarded through the API server.

A forwarded connection goes to one ready pod, chosen anew for each connection, so it outlives pods; but it
passes the Service by. That is why latency is never measured through it.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading
import time
from typing import Any

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.diagnose import is_ready
from dclab.engines.kube.faults import NotFound
from dclab.engines.kube.labels import SELECTOR
from dclab.errors import DclabError

__all__ = ["Forward", "Reach"]

LOOPBACK = "127.0.0.1"
CONNECT_SECONDS = 1.0
NEW_PORT_SECONDS = 3.0
CHUNK = 65536


class Forward:
    """A port of this machine whose connections go to ready pods of a service; until `close`."""

    def __init__(self, api: Api, namespace: str, service: Any, address: str = LOOPBACK, port: int = 0) -> None:
        self.api = api
        self.namespace = namespace
        self.selector = ",".join(f"{key}={value}" for key, value in service["spec"]["selector"].items())
        self.target = int(service["spec"]["ports"][0]["targetPort"])
        self._listener = socket.create_server((address, port), backlog=128)
        self.url = f"http://{address}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(connection,), daemon=True).start()

    def _pod(self) -> str | None:
        listed = self.api.get(path_of("v1", "Pod", self.namespace), labelSelector=self.selector)
        ready = [one["metadata"]["name"] for one in listed["items"] if is_ready(one)]
        return random.choice(ready) if ready else None

    def _relay(self, connection: socket.socket) -> None:
        # A failure shows to the client as what it is for it: a connection that ends without an answer.
        with connection, contextlib.suppress(OSError, DclabError):
            pod = self._pod()
            if pod is not None:
                path = path_of("v1", "Pod", self.namespace, pod)
                with contextlib.closing(self.api.forward(path, self.target)) as upstream:
                    _pass_on(connection, upstream)


def _pass_on(client: socket.socket, upstream: Any) -> None:
    """Bytes both ways, until one side ends."""
    while True:
        for one in select.select([client, upstream], [], [])[0]:
            data = one.recv(CHUNK)
            if not data:
                return
            (upstream if one is client else client).sendall(data)


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

    def _service(self, name: str) -> Any:
        return self.api.get(path_of("v1", "Service", self.namespace, name))

    def addresses(self) -> dict[str, str]:
        """URLs of those services that are reached by NodePort; they outlive this process."""
        listed = self.api.get(path_of("v1", "Service", self.namespace), labelSelector=SELECTOR)["items"]
        names = [one["metadata"]["name"].removesuffix("-np") for one in listed if one["spec"]["type"] == "NodePort"]
        found = {name: self._by_node_port(name) for name in sorted(names)}
        return {name: url for name, url in found.items() if url}

    def _by_node_port(self, service: str) -> str | None:
        try:
            found = self._service(f"{service}-np")
        except NotFound:
            return None
        port = found["spec"]["ports"][0]["nodePort"]
        address = self._node_address()
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
            nodes = self.api.get(path_of("v1", "Node", ""))["items"]
        except DclabError:  # whoever has rights in one namespace only may not see nodes
            return None
        known = (one for node in nodes for one in node["status"]["addresses"] if one["type"] == "InternalIP")
        return next((str(one["address"]) for one in known), None)

    def _forwarded(self, service: str) -> str:
        forward = Forward(self.api, self.namespace, self._service(service))
        self._forwards.append(forward)
        return forward.url
