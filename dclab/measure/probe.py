"""The probe: one timed HTTP request on a fresh connection, as httping does it.

Between probes the pause is jittered: at a fixed step they fall in with the workers' cycle and always meet
the same length of queue (measured on the original app: 27 ms fixed, 57 ms jittered, at 3 workers).
"""

from __future__ import annotations

import random
import socket
import time

from dclab.lab import ProbeSample, ProbeSpec

__all__ = ["probe_many", "probe_once"]

JITTER = 0.5


def probe_once(host: str, port: int, spec: ProbeSpec) -> ProbeSample:
    """One request. A refused, reset, late or failed one is a sample with its error and without times."""
    body = spec.body or b""
    request = (
        f"{spec.method} {spec.path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: dclab\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body
    at = time.time()
    begin = time.perf_counter()
    try:
        with socket.create_connection((host, port), spec.timeout) as connection:
            connected = time.perf_counter()
            connection.sendall(request)
            answer = connection.recv(65536)
            first = time.perf_counter()
            chunk = answer
            while chunk:
                connection.settimeout(max(0.001, begin + spec.timeout - time.perf_counter()))
                chunk = connection.recv(65536)
                answer += chunk
            end = time.perf_counter()
    except TimeoutError:
        return ProbeSample(at=at, total_ms=None, error=f"no answer within {spec.timeout:g} s")
    except OSError as error:
        return ProbeSample(at=at, total_ms=None, error=error.strerror or str(error))
    status = answer.split(b" ", 2)[1:2]
    code = int(status[0]) if status and status[0].isdigit() else None
    if code is None or code >= 400:
        return ProbeSample(at=at, total_ms=None, status=code, error=f"status {code}" if code else "no answer")
    return ProbeSample(
        at=at,
        total_ms=1000 * (end - begin),
        connect_ms=1000 * (connected - begin),
        first_byte_ms=1000 * (first - begin),
        status=code,
    )


def probe_many(host: str, port: int, spec: ProbeSpec, dice: random.Random) -> list[ProbeSample]:
    """`spec.count` requests one after the other, with jittered pauses."""
    samples = []
    for index in range(spec.count):
        if index:
            time.sleep(spec.interval * dice.uniform(1 - JITTER, 1 + JITTER))
        samples.append(probe_once(host, port, spec))
    return samples
