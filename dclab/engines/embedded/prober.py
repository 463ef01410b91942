"""An HTTP probe of a replica, as the kubelet makes it.

Source: pkg/kubelet/prober/worker.go (thresholds, ticks) and pkg/probe/http/http.go (what succeeds) of k8s.io/kubernetes.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator

from dclab.engines.embedded.guard import is_shortage
from dclab.lab import HealthProbe
from dclab.loopback import LOOPBACK

__all__ = ["Row", "answers", "probe_results"]


class Row:
    """Results of a probe, and when they are enough in a row to count."""

    def __init__(self, failure_threshold: int) -> None:
        self._threshold = {
            True: 1,
            False: failure_threshold,
        }  # of successes, the default; a liveness probe has no other
        self._last: bool | None = None
        self._length = 0

    def add(self, result: bool) -> bool | None:
        """Return what now holds; None while the row is too short to change anything."""
        self._length = self._length + 1 if result == self._last else 1
        self._last = result
        return result if self._length >= self._threshold[result] else None


async def answers(port: int, path: str, timeout: float) -> bool | None:
    """Whether GET is answered with a status of 200 to 399 in time; None when this process can open no connection."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nConnection: close\r\n\r\n".encode())
            _, status, *_ = (await reader.readline()).split(maxsplit=2)
            await reader.read()
        return 200 <= int(status) < 400
    except OSError as error:  # TimeoutError is one
        return None if is_shortage(error) else False
    except ValueError:  # that was no HTTP
        return False
    finally:
        if writer is not None:
            writer.close()


async def probe_results(port: int, probe: HealthProbe) -> AsyncIterator[bool]:
    """Probe in each period, for ever; yield each result that counts.

    Readiness is probed at once. The kubelet's ticks of liveness have begun with the pod, so they have nothing to do with when
    a container has started.
    """
    row = Row(probe.failure_threshold)
    if probe.kind == "liveness":
        await asyncio.sleep(random.uniform(0, probe.period_seconds))
    tick = time.monotonic()
    while True:
        result = await answers(port, probe.path, probe.timeout_seconds)
        if result is not None and (now := row.add(result)) is not None:
            yield now
        tick += probe.period_seconds
        late = time.monotonic() - tick
        if late > 0:  # of ticks that pass during a probe Go's ticker keeps one
            tick += late // probe.period_seconds * probe.period_seconds
        await asyncio.sleep(max(0.0, -late))
