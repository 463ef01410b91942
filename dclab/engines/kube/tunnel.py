"""A connection to a port of a pod, through the API server."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Mapping
from typing import Any, cast

import certifi
from kubernetes.client import Configuration
from kubernetes.stream.ws_client import PortForward, get_websocket_url, websocket_proxycare
from websocket import WebSocket, WebSocketException

from dclab.errors import LabLost

__all__ = ["open_tunnel"]

PROTOCOL = "v4.channel.k8s.io"
CONNECT_SECONDS = 10.0


class _Tunnel(PortForward):
    """The official client's, whose thread ends quietly when the connection is lost."""

    def _proxy(self) -> None:
        try:
            super()._proxy()  # type: ignore[no-untyped-call]
        except Exception:
            # Reset, or not what the protocol allows: whoever uses the connection sees it end.
            for port in self.local_ports.values():
                port.python.close()
            with contextlib.suppress(Exception):
                self.websocket.close(timeout=0)


def open_tunnel(configuration: Configuration, url: str, headers: Mapping[str, str], port: int) -> socket.socket:
    """Return a connection to a port of the pod whose portforward has this URL; LabLost when it cannot be had.

    The official client opens such a connection, too, but sends none of the request's headers but the credentials, so that
    nobody could be impersonated.
    """
    tls: dict[str, Any] = {"cert_reqs": ssl.CERT_NONE}
    if configuration.verify_ssl:
        tls = {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": configuration.ssl_ca_cert or certifi.where()}
    given = {
        "certfile": configuration.cert_file,
        "keyfile": configuration.key_file,
        "server_hostname": configuration.tls_server_name,
    }
    tls |= {key: value for key, value in given.items() if value}
    sent = [f"{name}: {value}" for name, value in headers.items() if name.lower() not in ("accept", "content-type")]
    options: dict[str, Any] = {"header": sent, "subprotocols": [PROTOCOL]}
    if configuration.proxy or configuration.proxy_headers:
        options = websocket_proxycare(options, configuration, url, headers)  # type: ignore[no-untyped-call]
    opened = WebSocket(sslopt=tls, skip_utf8_validation=False)
    opened.settimeout(CONNECT_SECONDS)
    try:
        opened.connect(get_websocket_url(url), **options)  # type: ignore[no-untyped-call]
    except (WebSocketException, OSError, ValueError) as error:
        raise LabLost(
            "The cluster does not forward to a pod.", " ".join(str(error).split())[:300], "See `dclab status`."
        ) from error
    opened.settimeout(None)
    found = _Tunnel(opened, [port]).socket(port)  # type: ignore[no-untyped-call]
    found.setblocking(True)
    return cast(socket.socket, found)
