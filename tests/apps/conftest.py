"""Services as real processes on loopback, with short delays."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time

import pytest

from dclab.engines.embedded.container import redis_server
from dclab.engines.embedded.listeners import free_port
from dclab.paths import shipped


class Service:
    """One running service."""

    def __init__(self, process: subprocess.Popen[str], port: int | None) -> None:
        self.process = process
        self.port = port

    def ask(self, method="GET", path="/", body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def leave(self) -> str:
        """SIGTERM, and everything it printed; it must end by itself."""
        self.process.terminate()
        out, _ = self.process.communicate(timeout=5)
        return out


def spawn(arguments, port, env=None):
    process = subprocess.Popen(
        arguments,
        cwd=shipped(),
        env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", "HOSTNAME": "replica-1", **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Service(process, port)


def listening(port):
    import socket

    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise AssertionError(f"nothing listens on {port}")


@pytest.fixture
def start():
    """Start `apps.<name>` with these variables."""
    running = []

    def run(name, serves=True, **env):
        port = free_port() if serves else None
        settings = {key: str(value) for key, value in env.items()}
        if port:
            settings["PORT"] = str(port)
        service = spawn([sys.executable, "-m", f"apps.{name}"], port, settings)
        running.append(service)
        if port:
            listening(port)
        return service

    yield run
    for one in running:
        one.process.kill()
        one.process.communicate()


@pytest.fixture
def redis():
    """A real server, and a question to it."""
    from apps.resp import Redis

    port = free_port()
    service = spawn([redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""], port)
    listening(port)
    yield Redis(("127.0.0.1", port))
    service.process.kill()
    service.process.communicate()
