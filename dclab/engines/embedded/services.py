"""The supervisor's end of the data path: keeps the proxy running and tells it where replicas are."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dclab.engines.embedded.replica import die_with_parent
from dclab.engines.embedded.wire import LOAD_BALANCING_POLICIES

__all__ = ["Services"]

ANSWER_TIMEOUT = 5.0
"""Seconds to wait for the proxy; longer than any pause that a siege causes it."""


class _Answer(msgspec.Struct):
    """What the proxy answers (its docstring)."""

    ports: dict[str, int] = {}
    error: str = ""
    errno: int | None = None


class Services:
    """The proxy process. Ports stay the same when it has to be started again."""

    def __init__(self, environment: Mapping[str, str], log_file: Path) -> None:
        self.environment = dict(environment)
        self.log_file = log_file
        self.ports: dict[str, int] = {}
        self.endpoints: dict[str, list[int]] = {}
        self.load_balancing = LOAD_BALANCING_POLICIES[0]
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self._closing = False

    @property
    def pid(self) -> int | None:
        """The proxy's process."""
        return self._process.pid if self._process else None

    async def open(self, wanted: Mapping[str, int]) -> None:
        """Open a listener for each service (0: any free port), beside those that are there.

        Raises:
            OSError: when a port cannot be had.
        """
        async with self._lock:
            if self._process is None:
                await self._spawn()
            self.ports |= await self._listen(wanted)

    async def publish(self, endpoints: Mapping[str, Sequence[int]]) -> None:
        """Send the proxy the ports of the ready replicas of each service; return once it has them."""
        self.endpoints = {service: list(ports) for service, ports in endpoints.items()}
        async with self._lock:
            if self._process is not None:
                await self._ask({"endpoints": self.endpoints})

    async def set_load_balancing(self, policy: str) -> None:
        """Set the policy of every service (one of LOAD_BALANCING_POLICIES) from now on."""
        self.load_balancing = policy
        async with self._lock:
            if self._process is not None:
                await self._ask({"load_balancing": policy})

    async def close(self) -> None:
        """End the proxy."""
        self._closing = True
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def keep_running(self) -> None:
        """Start the proxy again whenever it dies, on the same ports; runs until cancelled or closed."""
        while self._process is not None:
            await self._process.wait()
            if self._closing:
                return
            async with self._lock:
                await self._spawn()
                with contextlib.suppress(OSError):
                    await self._listen(self.ports)
                    await self._ask({"endpoints": self.endpoints})
                    await self._ask({"load_balancing": self.load_balancing})
            await asyncio.sleep(0.2)

    async def _spawn(self) -> None:
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "dclab.engines.embedded.proxy",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=self.environment,
                preexec_fn=die_with_parent,
            )

    async def _listen(self, wanted: Mapping[str, int]) -> dict[str, int]:
        return (await self._ask({"listen": dict(wanted)})).ports

    async def _ask(self, order: dict[str, Any]) -> _Answer:
        """One order, one answer; an empty answer when the proxy has just died (it is started again)."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            await self._process.stdin.drain()
            line = await asyncio.wait_for(self._process.stdout.readline(), ANSWER_TIMEOUT)
            answer = msgspec.json.decode(line, type=_Answer) if line else _Answer()
        except (ConnectionError, TimeoutError, ValueError):
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            return _Answer()
        if answer.error:
            raise OSError(answer.errno, answer.error)
        return answer
