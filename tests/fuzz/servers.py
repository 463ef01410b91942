"""What stands at the other end of a border: a TCP server and a supervisor's socket, which send what an input says."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from collections.abc import Callable
from pathlib import Path

__all__ = ["Server", "Supervisor", "fitting"]

NOTHING = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
ABSENT = (
    b'HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n{"kind":"Status","reason":"NotFound","message":"x","code":404}'
)
MOST = 1 << 20
SECONDS = 2.0


def fitting(answers, asked):
    """The answer whose key is the longest beginning of what was asked; the empty key fits all."""
    keys = [key for key in answers if asked.startswith(key)]
    return answers[max(keys, key=len)] if keys else b""


class _Listener:
    """Accepts in a thread, answers each connection in another one."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError, ValueError), connection:
            connection.settimeout(SECONDS)
            holds = self.answer(connection)
            if not holds:
                connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

    def answer(self, connection):
        """Send what is to be sent; return whether the connection stays open."""
        raise NotImplementedError

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Server(_Listener):
    """Answers HTTP requests with raw bytes."""

    def __init__(self) -> None:
        self.answers, self.holds, self.given = {}, False, {}
        self.pass_time = lambda seconds: None
        super().__init__(socket.create_server(("127.0.0.1", 0), backlog=256))
        self.port = self.listener.getsockname()[1]

    def play(self, answers, holds):
        self.answers, self.holds, self.given = answers, holds, {}

    def answer(self, connection):
        path = _requested(connection)
        if "watch=true" in path:  # nothing changes for as long as it is watched
            self.pass_time(float(re.search(r"timeoutSeconds=(\d+)|$", path)[1] or 0))
            connection.sendall(NOTHING)
            return False
        found = self._next(path)
        connection.sendall(found)
        return self.holds

    def _next(self, path):
        """The answer to a path; of several (`/json#0`, `/json#1` …) the next one each time."""
        keys = [key for key in self.answers if path.startswith(key.partition("#")[0])]
        if not keys:
            return ABSENT
        longest = max(len(key.partition("#")[0]) for key in keys)
        keys = [key for key in keys if len(key.partition("#")[0]) == longest]
        at = self.given[path] = self.given.get(path, -1) + 1
        return self.answers[keys[at % len(keys)]]


def _requested(connection):
    """Path of the request, which is read to its end: closing before that would take the answer from the client."""
    got = b""
    while b"\r\n\r\n" not in got and len(got) < MOST:
        read = connection.recv(65536)
        if not read:
            break
        got += read
    head, _, body = got.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    length = next((int(one[15:]) for one in fields if one.lower().startswith(b"content-length:")), 0)
    while len(body) < min(length, MOST):
        read = connection.recv(65536)
        if not read:
            break
        body += read
    return [*line.split(b" "), b"", b""][1].decode("latin-1")


class Supervisor(_Listener):
    """The control socket of a lab that does not run; `reply` gives the line for a verb."""

    def __init__(self, folder: Path, reply: Callable[[str], bytes], holds: bool) -> None:
        self.reply, self.holds = reply, holds
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / "control"))
        listener.listen(64)
        super().__init__(listener)

    def answer(self, connection):
        with connection.makefile("rb") as stream:
            question = stream.readline(MOST)
        connection.sendall(self.reply(str(json.loads(question).get("verb"))))
        return self.holds
