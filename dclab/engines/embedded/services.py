"""The supervisor's end of the data path: it owns the services' listening sockets, and keeps a proxy that serves them.

Since the sockets are the supervisor's, no port is ever lost, and connections wait while one proxy takes another's place.
What the proxy should do is one state; it is sent whole, with each change and with each heartbeat.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dclab.engines.embedded.endpoint import Asked
from dclab.engines.embedded.listeners import open_listener
from dclab.engines.embedded.proxy_process import ProxyProcess
from dclab.engines.embedded.wire import LOAD_BALANCING_POLICIES

__all__ = ["Services"]

BEAT = 0.25
"""Seconds between two looks at the proxy; each sends it a heartbeat, unless the one before is still unanswered."""

LATE = 0.25
"""Seconds by which a look is late that does not count, unless the one before was late, too: while the machine was suspended,
the proxy had no time either."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds after a first and after further attempts in a row to start a proxy that came to nothing."""


class Services:
    """The services of one lab. `run` starts the proxy and replaces one that has died or hangs."""

    def __init__(
        self, environment: Mapping[str, str], log_file: Path, say: Callable[[str], None] = lambda _: None
    ) -> None:
        """Take the proxy's environment, the file that it prints to, and what writes a line to the log."""
        self.environment = dict(environment)
        self.log_file = log_file
        self.say = say
        self.endpoints: dict[str, list[int]] = {}
        self.load_balancing = LOAD_BALANCING_POLICIES[0]
        self._listeners: dict[str, socket.socket] = {}
        self._asked_before: dict[int, Asked] = {}
        """What replicas were asked through proxies that are over, by port."""
        self._proxy: ProxyProcess | None = None
        self._was_late = False
        self._pause = 0.0
        self._failure = ""
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The proxy's process; None while there is none."""
        return self._proxy.pid if self._proxy and not self._proxy.over else None

    @property
    def ports(self) -> dict[str, int]:
        """Port of every service."""
        return {service: one.getsockname()[1] for service, one in self._listeners.items()}

    async def open(self, wanted: Mapping[str, int]) -> None:
        """Open a listener for each service (0: any free port), beside those that are there.

        Connections wait from now on; they are served once there is a proxy.

        Raises:
            OSError: when a port cannot be had.
        """
        for service, port in wanted.items():
            if service not in self._listeners:
                self._listeners[service] = open_listener(port)
        await self._tell()

    async def publish(self, endpoints: Mapping[str, Sequence[int]]) -> None:
        """Send the proxy the ports of the ready replicas of each service.

        Returns once it has them, or is gone: its successor knows nothing else.
        """
        self.endpoints = {service: list(ports) for service, ports in endpoints.items()}
        await self._tell()

    async def set_load_balancing(self, policy: str) -> None:
        """Set the policy of every service (one of LOAD_BALANCING_POLICIES) from now on."""
        self.load_balancing = policy
        await self._tell()

    async def refresh(self) -> None:
        """Have the data path say what replicas have been asked until now; returns once it has, or does not answer."""
        if self._proxy is not None:
            await self._proxy.hear(self._state(), self._listeners)

    def asked(self, port: int) -> Asked | None:
        """Return what the replica at a port has been asked, until the data path has last answered; None: it never did.

        What came to a proxy between its last answer and its death is not in it.
        """
        if self._proxy is None or not self._proxy.asked_until:
            return self._asked_before.get(port)
        nothing = Asked(self._proxy.asked_until)
        return nothing.plus(self._proxy.asked.get(port, nothing)).plus(self._asked_before.get(port, nothing))

    def trouble(self) -> str | None:
        """Why connections are not served now, in two sentences; None while the proxy answers and knows everything."""
        if self._proxy is None or self._proxy.over:
            why = self._failure or (self._proxy.end if self._proxy else "it is being started")
            return f"The data path does not run: {why}. Connections wait; dclab restarts it by itself."
        if self._proxy.silent:
            return "The data path does not take connections. They wait; if it hangs, dclab replaces it within 3 s."
        if not self._proxy.informed:
            return "The data path has not yet taken over the latest change. This takes some milliseconds."
        return None

    async def run(self) -> None:
        """Keep a proxy running that answers, until cancelled; the proxy goes on until `close`."""
        while not self._closed:
            if self._proxy is None or self._proxy.over:
                await self._start()
            else:
                await self._watch(self._proxy)

    async def close(self) -> None:
        """End the proxy and give the ports back."""
        self._closed = True
        if self._proxy is not None:
            await self._proxy.close()
        for one in self._listeners.values():
            one.close()

    async def _tell(self) -> None:
        if self._proxy is not None:
            await self._proxy.tell(self._state(), self._listeners)

    def _state(self) -> dict[str, object]:
        return {"endpoints": self.endpoints, "load_balancing": self.load_balancing}

    async def _start(self) -> None:
        if self._proxy is not None and not self._failure:
            self.say(f"data path: {self._proxy.end}; another process is started")
            if self._proxy.informed:  # it has served, so the next one will
                self._pause = 0.0
        await asyncio.sleep(self._pause)
        self._pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * self._pause))
        try:
            proxy = await ProxyProcess.start(self.environment, self.log_file)
        except (OSError, subprocess.SubprocessError) as error:
            self._failure = f"it cannot be started ({error})"
            self.say(f"data path: {self._failure}; next attempt in {self._pause:g} s")
            return
        self._failure = ""
        if self._proxy is not None:
            self._asked_before |= {port: asked for port in self._proxy.asked if (asked := self.asked(port))}
        self._proxy = proxy
        proxy.send(self._state(), self._listeners)

    async def _watch(self, proxy: ProxyProcess) -> None:
        """One look: wait for a beat, or until the proxy is over."""
        due = time.monotonic() + BEAT
        await proxy.ended(BEAT)
        if proxy.over:
            return
        late = time.monotonic() - due > LATE
        counts, self._was_late = not late or self._was_late, late
        if counts and proxy.look(self._listeners):
            proxy.kill(f"its process {proxy.pid} hung and was killed")
        elif not proxy.silent:
            proxy.beat(self._state(), self._listeners)
