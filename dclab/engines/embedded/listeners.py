"""The ports of a lab: those at which its services listen, and those that its replicas are given. All come from one range."""

from __future__ import annotations

import errno
import random
import socket
import sys
from collections import deque

from dclab.loopback import LOOPBACK

__all__ = ["PORTS", "free_port", "open_listener", "waiting_at"]

PORTS = range(20000, 30000)
"""Below Linux' and macOS' ephemeral ports, so that no outgoing connection (a siege has thousands) takes one of them."""

TRIES = 200

BACKLOG = 1024
"""Connections that wait at a service, also while nobody accepts them because the data path is being replaced."""

_given: deque[int] = deque(maxlen=1000)
"""Ports given out last, which are not given again: a replica takes a moment until it listens on its own."""


def free_port() -> int:
    """Return a loopback port of PORTS that nothing listens on and that was not given out lately; OSError: there is none."""
    with _bound_to_any() as probe:
        return int(probe.getsockname()[1])


def open_listener(port: int = 0) -> socket.socket:
    """Return a socket that listens on a loopback port, 0 for any free one of PORTS; OSError: it cannot be had."""
    listener = _bound(port) if port else _bound_to_any()
    try:
        listener.listen(BACKLOG)
    except OSError:  # bound by another at the same moment, who was the first to listen
        listener.close()
        if port:
            raise
        return open_listener()
    listener.setblocking(False)
    return listener


def waiting_at(listener: socket.socket) -> int:
    """Return how many connections wait to be accepted; 0 where the system does not say (macOS)."""
    if sys.platform != "linux":
        return 0
    # Of a listening socket, tcpi_unacked is the length of its accept queue (tcp_get_info in net/ipv4/tcp.c).
    return int.from_bytes(listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 28)[24:28], sys.byteorder)


def _bound_to_any() -> socket.socket:
    for port in random.sample(PORTS, TRIES):
        if port in _given:
            continue
        try:
            bound = _bound(port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        _given.append(port)
        return bound
    raise OSError(errno.EADDRINUSE, f"no free loopback port between {PORTS.start} and {PORTS.stop}")


def _bound(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((LOOPBACK, port))
    except OSError:
        made.close()
        raise
    return made
