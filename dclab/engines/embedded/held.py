"""Tie a lab to the process that uses it: a hold on a lab, and the lease of a lab that ends with its command."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from dclab.engines.embedded import questions, wire
from dclab.engines.embedded.ask import stay_connected
from dclab.errors import DclabError

__all__ = ["Hold", "Lease"]

RELEASE_SECONDS = 2.0
"""For a supervisor to notice that a hold was given up; of one that hangs nobody asks anything."""


class Lease:
    """A pipe of which this process alone holds the write end, however it ends.

    A supervisor that was started with the read end ends its lab at end of file. The process keeps the read end, too, for
    the supervisor of a lab that is started again after a crash.
    """

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()

    def end(self) -> None:
        """Let the lab end."""
        os.close(self._writer)
        os.close(self.reader)


class Hold:
    """A connection on which a supervisor lets nobody else change its lab, as long as it stays open."""

    def __init__(self, folder: Path, what: str, instance: str) -> None:
        self._folder = folder
        self._what = what
        self._instance = instance
        self._connection: socket.socket | None = None
        self._ended_by = ""
        self.token = ""

    def take(self) -> None:
        """Take it, also again after the supervisor was restarted. LabHeld: another command has it."""
        self.release()
        self.token, self._connection = stay_connected(
            self._folder, questions.Hold(what=self._what), instance=self._instance
        )

    def keep(self) -> None:
        """Take it again if the supervisor that gave it is gone."""
        if self._connection:
            self._connection.setblocking(False)
            try:
                self._connection.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                return  # nothing to read: it is open
            except OSError:
                pass
        self.take()

    def release(self) -> None:
        """Give it up; return once the supervisor has noticed."""
        if self._connection:
            with self._connection, contextlib.suppress(OSError):
                self._connection.settimeout(RELEASE_SECONDS)
                self._connection.sendall(b"given up\n")
                self._connection.shutdown(socket.SHUT_WR)
                while self._connection.recv(1 << 16):
                    pass
        self._connection = None

    def ended_by(self) -> str:
        """Return who has ended the lab, as its supervisor has said last on the connection; empty when it has not."""
        if self._connection and not self._ended_by:
            with contextlib.suppress(OSError, ValueError, DclabError):
                self._connection.setblocking(False)
                line = self._connection.recv(1 << 16).partition(b"\n")[0]
                self._ended_by = wire.decode_answer(wire.decode_reply(line), str)
        return self._ended_by
