"""A data path of one's own: the real process, told what the supervisor would tell it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

from dclab.engines.embedded.endpoint import Asked
from dclab.engines.embedded.listeners import open_listener


class Proxy:
    """The process, with a listening socket for each service that it is told of."""

    def __init__(self):
        self.channel, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dclab.engines.embedded.proxy"],
                stdin=theirs,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
        self.answers = self.channel.makefile("rb")
        self.serial = 0
        self.listeners = {}

    def state(self, load_balancing="random", **endpoints):
        """Tell it a state; returns its answer."""
        self.load_balancing, self.endpoints = load_balancing, endpoints
        self.serial += 1
        new = [one for one in endpoints if one not in self.listeners]
        self.listeners |= {one: open_listener() for one in new}
        state = {"serial": self.serial, "listen": new, "endpoints": endpoints, "load_balancing": load_balancing}
        sockets = [self.listeners[one].fileno() for one in new]
        line = json.dumps(state).encode() + b"\n"
        if new:
            socket.send_fds(self.channel, [line], sockets)
        else:
            self.channel.sendall(line)
        answer = json.loads(self.answers.readline())
        assert answer["serial"] == self.serial
        return answer

    def asked(self, port):
        """What it says that the replica at a port was asked until now; the endpoints must have been told."""
        answer = self.state(self.load_balancing, **self.endpoints)
        return Asked(answer["at"], *answer["asked"][str(port)])

    def port(self, service):
        return self.listeners[service].getsockname()[1]

    def close(self):
        self.answers.close()
        self.channel.close()
        for one in self.listeners.values():
            one.close()
