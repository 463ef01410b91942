"""A port of this machine whose connections go elsewhere: to a pod, or to where a page is really served."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable
from typing import Any

from dclab.errors import DclabError, InvalidInput
from dclab.loopback import LOOPBACK

__all__ = ["Forward"]

CHUNK = 65536


class Forward:
    """Takes connections until `close`; each goes where `connect` leads at that moment."""

    def __init__(self, connect: Callable[[], Any], address: str = LOOPBACK) -> None:
        """Listen on a free port.

        Args:
            connect: makes a connection, as a socket; None where there is nothing to connect to.
            address: of this machine.

        Raises:
            InvalidInput: it is none of this machine's addresses.
        """
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            self._listener = socket.create_server((address, 0), family=family, backlog=128)
        except OSError as error:
            raise InvalidInput(
                f"This machine cannot listen at {address!r}.", f"{error}.", "Name an address of its own, or 0.0.0.0."
            ) from error
        self._connect = connect
        host = f"[{address}]" if family == socket.AF_INET6 else address
        self.url = f"http://{host}:{self._listener.getsockname()[1]}"
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

    def _relay(self, connection: socket.socket) -> None:
        # A failure shows to the client as what it is for it: a connection that ends without an answer.
        with connection, contextlib.suppress(OSError, DclabError):
            upstream = self._connect()
            if upstream is not None:
                with contextlib.closing(upstream):
                    _pass_on(connection, upstream)


def _pass_on(client: socket.socket, upstream: Any) -> None:
    """Bytes both ways, until one side ends."""
    while True:
        for one in select.select([client, upstream], [], [])[0]:
            data = one.recv(CHUNK)
            if not data:
                return
            (upstream if one is client else client).sendall(data)
