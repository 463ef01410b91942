"""Something that listens where a supervisor does."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque

from dclab import __version__
from dclab.engines.embedded import wire

__all__ = ["Fake", "line"]


def line(**fields):
    """A line of a supervisor, or a question to one."""
    return json.dumps({"version": __version__} | fields).encode() + b"\n"


class Fake:
    """Something that listens where a supervisor does, and sends to each question what it is told to."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(mode=0o700)
        self.asked = deque(maxlen=100)
        self.pieces = []
        """Sent one after the other: bytes, or seconds to wait; an endless iterator never ends."""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(wire.socket_path(folder)))
        self._listener.listen(16)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self.asked.append(json.loads(connection.makefile("rb").readline()))
                    for piece in self.pieces:
                        if isinstance(piece, bytes):
                            connection.sendall(piece)
                        else:
                            time.sleep(piece)
                except OSError:
                    pass

    def close(self):
        self._listener.close()
