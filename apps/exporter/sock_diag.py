"""Connections at one port, as the kernel tells them over netlink (sock_diag(7)).

A dump names each connection's state, how many bytes came and how long ago something last came and went (struct tcp_info of
linux/tcp.h): enough to tell a request that waits or is served from a connection that is only kept open. It needs no
rights, and sees the sockets of its own network namespace: in a pod, those of all its containers.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from apps.exporter.keep_alive import KeepAlive

__all__ = ["Look", "SockDiag"]

SOCK_DIAG = 4
"""NETLINK_SOCK_DIAG (linux/netlink.h), which Python's socket module does not have."""
BY_FAMILY = 20
DUMP = 0x301
"""NLM_F_REQUEST | NLM_F_DUMP."""
ERROR, DONE = 2, 3

ESTABLISHED, LISTEN = 1, 10
"""States of include/net/tcp_states.h. A client that has closed its side is in another one (CLOSE_WAIT)."""
TCP_INFO = 2
"""INET_DIAG_INFO of linux/inet_diag.h."""

HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence, sender."""
REQUEST = struct.Struct("=BBBxIHH16s16sI8s")
"""struct inet_diag_req_v2: family, protocol, extensions, states, then a sockid of which only the own port is given."""
ATTRIBUTE = struct.Struct("=HH")
QUEUES = struct.Struct("=II")
"""idiag_rqueue and idiag_wqueue: of a listener, connections that wait to be accepted, and how many may."""

STATE_AT, COOKIE_AT, QUEUES_AT, MESSAGE_BYTES = 17, 60, 72, 88
"""Places in a message: nlmsghdr, then struct inet_diag_msg."""

INFO = struct.Struct("=44xI4xI72xQ16xII")
"""struct tcp_info: tcpi_last_data_sent, tcpi_last_data_recv (ms ago), tcpi_bytes_received, tcpi_data_segs_in and _out."""

BUFFER = 1 << 16


class Look(NamedTuple):
    """The target at one moment."""

    in_flight: int
    """Connections that hold a request: some of it has come, and nothing went since the last of it came."""
    full: bool
    """Whether the backlog of its listening socket is full, so that in-flight is a lower bound."""


class SockDiag:
    """Looks at one port, again and again."""

    def __init__(self, port: int) -> None:
        """OSError: this system has no sock_diag for TCP, or an older one."""
        self._port = port
        self._kept = KeepAlive()
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG)
        self._families = [one for one in (socket.AF_INET, socket.AF_INET6) if self._is_there(one)]
        if not self._families:
            raise OSError(errno.EPROTONOSUPPORT, "no sock_diag for TCP")
        self._served: set[int] = set()
        """Families in which something has listened at the port. A dump of connections walks the table of the whole machine."""

    def look(self) -> Look:
        """Return what there is now; OSError when the kernel does not say."""
        in_flight, full = 0, False
        for family in self._families:
            states = 1 << LISTEN
            if family in self._served:
                states |= 1 << ESTABLISHED
            for data, at, end in self._dump(family, states):
                if data[at + STATE_AT] == LISTEN:
                    self._served.add(family)
                    waiting, most = QUEUES.unpack_from(data, at + QUEUES_AT)
                    full = full or waiting >= most
                else:
                    in_flight += self._holds_request(data, at, end)
        self._kept.end_look()
        return Look(in_flight, full)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _is_there(self, family: int) -> bool:
        try:
            for _ in self._dump(family, 1 << LISTEN):
                pass
        except FileNotFoundError:  # ENOENT: the kernel has no such family
            return False
        return True

    def _dump(self, family: int, states: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield each socket's message: the buffer that it is in, and where it begins and ends."""
        asked = REQUEST.pack(
            family,
            socket.IPPROTO_TCP,
            1 << (TCP_INFO - 1),
            states,
            socket.htons(self._port),
            0,
            bytes(16),
            bytes(16),
            0,
            b"\xff" * 8,
        )
        self._socket.send(HEADER.pack(HEADER.size + len(asked), BY_FAMILY, DUMP, 1, 0) + asked)
        while True:
            data = self._socket.recv(BUFFER)
            at = 0
            while at < len(data):
                length, kind, _, _, _ = HEADER.unpack_from(data, at)
                if kind in (ERROR, DONE):
                    (code,) = struct.unpack_from("=i", data, at + HEADER.size)
                    if code < 0:
                        raise OSError(-code, os.strerror(-code))
                    return
                yield data, at, at + length
                at += (length + 3) & ~3

    def _holds_request(self, data: bytes, at: int, end: int) -> bool:
        cookie = data[at + COOKIE_AT : at + COOKIE_AT + 8]
        here = at + MESSAGE_BYTES
        while here + ATTRIBUTE.size <= end:
            length, kind = ATTRIBUTE.unpack_from(data, here)
            if kind == TCP_INFO and length >= ATTRIBUTE.size + INFO.size:
                went_ago, came_ago, received, came, went = INFO.unpack_from(data, here + ATTRIBUTE.size)
                if went == 0:
                    return bool(received)
                return self._kept.holds_request(cookie, came, went, came_ago, went_ago)
            here += (max(length, ATTRIBUTE.size) + 3) & ~3
        raise OSError(errno.ENODATA, "no tcp_info as of Linux 4.6")
