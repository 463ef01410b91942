"""What answers at a lab's ports: HTTP, Redis' protocol by hand, and a line on the control socket."""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path

ANSWER_SECONDS = 1.0
"""For a port to answer: the statement that it does has to be true within this time."""

PATHS = {"httplat-rng": "/metrics", "httplat-hasher": "/metrics", "prometheus": "/-/healthy", "service webui": "/json"}
"""What is asked of a replica or of a service; of the others /. The web UI as a service tells the counter, too."""


def answers(role: str, port: int, password: str = "") -> bool:
    """Whether what listens there answers a request of its own kind; a role is that of a replica, or a service's."""
    name = role.removeprefix("service ")
    if name == "redis":
        return hashes_of(port, password) is not None
    if name == "worker":
        return True
    head = f"GET {PATHS.get(role) or PATHS.get(name, '/')} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n"
    return exchange(port, head.encode()).startswith(b"HTTP/1.1 200")


def exchange(port: int, question: bytes, enough: int = 12, lines: int = 0) -> bytes:
    """Send to a loopback port; return the answer's first bytes and lines, as far as they come in time."""
    received = b""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS) as connection:
        connection.sendall(question)
        while (len(received) < enough or received.count(b"\r\n") < lines) and (data := connection.recv(65536)):
            received += data
    return received


def hashes_of(port: int, password: str) -> int | None:
    """Return the counter that a Redis holds, 0 for none; None when it does not tell it."""
    login = ["AUTH", password] if password else ["PING"]
    received = exchange(port, _command(*login) + _command("GET", "hashes"), 12, lines=3)
    _, _, told = received.partition(b"\r\n")
    if told.startswith(b"$-1"):
        return 0
    lines = told.split(b"\r\n")
    return int(lines[1]) if told.startswith(b"$") and len(lines) > 2 and lines[1].isdigit() else None


def _command(*words: str) -> bytes:
    return (
        f"*{len(words)}\r\n{''.join(f'${len(one)}{chr(13)}{chr(10)}{one}{chr(13)}{chr(10)}' for one in words)}".encode()
    )


def control_answers(folder: Path) -> bool:
    """Whether a line sent to the lab's control socket is answered by a line; it need not be understood."""
    question = json.dumps({"verb": "about", "arguments": {}, "version": "outside"}).encode() + b"\n"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(str(folder / "control"))
        connection.sendall(question)
        return b"{" in connection.recv(65536)
    return False
