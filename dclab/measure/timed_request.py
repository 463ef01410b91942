"""One timed HTTP request on a fresh connection, as httping does it; a series of them with jittered pauses.

Between requests the pause is jittered: at a fixed step they fall in with the workers' cycle and always meet
the same length of queue (measured on the original app: 27 ms fixed, 57 ms jittered, at 3 workers).

This file uses nothing but Python itself, because it also runs alone: `python -c SOURCE HOST PORT SPEC` in a
pod, where requests are not distorted by the way into the cluster. It then prints a JSON line for each.
"""

from __future__ import annotations

import json
import random
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

__all__ = ["timed_request", "timed_requests"]

JITTER = 0.5

MOST_UNDER_WAY = 256
"""Requests of an open loop at the same time; those beyond wait, and their wait is timed."""


def _connect(host: str, port: int, timeout: float, tls: bool) -> socket.socket:
    connection = socket.create_connection((host, port), timeout)
    if not tls:
        return connection
    try:
        return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
    except OSError:
        connection.close()
        raise


def timed_request(
    host: str,
    port: int,
    method: str,
    path: str,
    body: bytes,
    timeout: float,
    *,
    tls: bool = False,
    due: float | None = None,
) -> dict[str, Any]:
    """One request: the fields of a ProbeSample. A refused, late or failed one has an error and no times.

    `due` (on perf_counter) is when it should have begun, and what it is timed from; None means now.
    """
    request = (
        f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: dclab\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body
    begun = time.perf_counter()
    begin = begun if due is None else due
    late = begun - begin
    at = time.time() - late
    try:
        with _connect(host, port, timeout, tls) as connection:
            connected = time.perf_counter()
            connection.sendall(request)
            answer = connection.recv(65536)
            first = time.perf_counter()
            chunk = answer
            while chunk:
                connection.settimeout(max(0.001, begun + timeout - time.perf_counter()))
                chunk = connection.recv(65536)
                answer += chunk
            end = time.perf_counter()
    except TimeoutError:
        return {"at": at, "total_ms": None, "error": f"no answer within {timeout:g} s"}
    except ssl.SSLCertVerificationError as error:
        return {"at": at, "total_ms": None, "error": error.verify_message}
    except OSError as error:
        return {"at": at, "total_ms": None, "error": error.strerror or str(error)}
    status = answer.split(b" ", 2)[1:2]
    code = int(status[0]) if status and status[0].isdigit() else None
    if code is None or code >= 400:
        return {"at": at, "total_ms": None, "status": code, "error": f"status {code}" if code else "no answer"}
    return {
        "at": at,
        "late_ms": 1000 * late,
        "total_ms": 1000 * (end - begin),
        "connect_ms": 1000 * (connected - begin),
        "first_byte_ms": 1000 * (first - begin),
        "status": code,
    }


def timed_requests(
    host: str,
    port: int,
    *,
    method: str,
    path: str,
    body: bytes,
    timeout: float,
    count: int,
    interval: float,
    rate: float | None = None,
    tls: bool = False,
) -> Iterator[dict[str, Any]]:
    """So many requests, one after the other with pauses of `interval` ± 50 %, or in an open loop of `rate` a second.

    In an open loop one request falls due at a random moment of each 1/rate seconds, whatever became of the ones
    before; who waits for answers instead sends nothing during a stall, and so measures it once (G. Tene's
    coordinated omission, as the README of wrk2 explains it).
    """
    if rate is None:
        for index in range(count):
            if index:
                time.sleep(interval * random.uniform(1 - JITTER, 1 + JITTER))
            yield timed_request(host, port, method, path, body, timeout, tls=tls)
        return
    with ThreadPoolExecutor(MOST_UNDER_WAY) as pool:
        begin = time.perf_counter()
        sent = []
        for index in range(count):
            due = begin + (index + random.random()) / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            sent.append(pool.submit(timed_request, host, port, method, path, body, timeout, tls=tls, due=due))
        for one in sent:
            yield one.result()


if __name__ == "__main__":
    _spec = json.loads(sys.argv[3])
    _spec["body"] = bytes.fromhex(_spec["body"])
    for _one in timed_requests(sys.argv[1], int(sys.argv[2]), **_spec):
        print(json.dumps(_one), flush=True)  # noqa: T201
