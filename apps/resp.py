"""A connection to Redis that speaks the four commands of DockerCoins.

The redis package would do as well, but costs each worker 25 MB and a third of a second
(protocol: https://redis.io/docs/latest/develop/reference/protocol-spec/).
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable

__all__ = ["Redis", "RedisError"]


class RedisError(OSError):
    """Redis answered with an error, or not as its protocol says."""


class Redis:
    """One connection, opened when it is first needed and again after an error. Not for several threads."""

    def __init__(self, address: tuple[str, int], timeout: float = 5.0, password: str = "") -> None:
        self.address = address
        self.timeout = timeout
        self.password = password
        self._socket: socket.socket | None = None
        self._input = b""

    def ask(self, *words: bytes | str | int) -> int | bytes | None:
        """One command: an integer or a string, None for a missing key; OSError when Redis fails.

        A connection that has ended since it was last used is noticed before anything is sent.
        """
        try:
            if self._socket is not None and _has_ended(self._socket):
                self.close()
            if self._socket is None:
                self._input = b""
                self._socket = socket.create_connection(self.address, self.timeout)
                if self.password:
                    self._exchange("AUTH", self.password)
            return self._exchange(*words)
        except OSError:
            self.close()
            raise

    def read(self, *words: bytes | str | int) -> int | bytes | None:
        """One command that changes nothing: asked once more when it was a connection kept from before that failed."""
        kept = self._socket is not None
        try:
            return self.ask(*words)
        except RedisError:
            raise
        except OSError:
            if not kept:
                raise
        return self.ask(*words)

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, *words: bytes | str | int) -> int | bytes | None:
        assert self._socket is not None
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        command = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self._socket.sendall(b"*%d\r\n%s" % (len(parts), command))
        return self._answer()

    def _answer(self) -> int | bytes | None:
        line = self._until(lambda data: data.index(b"\r\n") if b"\r\n" in data else None, 2)
        kind, rest = line[:1], line[1:]
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self._until(lambda data: size if len(data) >= size + 2 else None, 2)
        raise RedisError(rest.decode(errors="replace") if kind == b"-" else f"unexpected answer {line!r}")

    def _until(self, length: Callable[[bytes], int | None], skip: int) -> bytes:
        """Take from the input once `length(input)` is known; `skip` bytes after it are dropped."""
        assert self._socket is not None
        while (size := length(self._input)) is None:
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionResetError("connection closed by Redis")
            self._input += data
        taken, self._input = self._input[:size], self._input[size + skip :]
        return taken


def _has_ended(connection: socket.socket) -> bool:
    """Whether the other side has closed or reset: nothing else can be there to read where nothing was asked."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
