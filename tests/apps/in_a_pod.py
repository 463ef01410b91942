"""rng with an exporter beside it in a network of their own, as in a pod: what each counts, as JSON.

`unshare --net --map-root-user python -m tests.apps.in_a_pod SECONDS USERS THREADS PROBE_SECONDS`: a closed loop of so many
users asks rng, and a TCP probe like the kubelet's comes once in PROBE_SECONDS.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from tests.closed_loop import ClosedLoop

RNG, EXPORTER = 8080, 9081


def loopback_up() -> None:
    """Switch on the network's only interface (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP


def started(name: str, port: int, **env: str) -> subprocess.Popen[bytes]:
    """Start an app, and wait until it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"apps.{name}"], env={**os.environ, "PORT": str(port), "HOSTNAME": "rng-1", **env}
    )
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return process


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return answer.read().decode()


def counters(page: str) -> dict[str, float]:
    """The samples of a page, by their series."""
    return {name: float(value) for name, value in re.findall(r"^(\w+)\{.*\} (\S+)$", page, re.MULTILINE)}


def cpu_seconds(pid: int) -> float:
    return time.clock_gettime((~pid << 3) | 2)


def main(seconds: float, users: int, threads: int, probe_seconds: float) -> dict[str, object]:
    loopback_up()
    processes = [started("rng", RNG, DELAY=os.environ.get("DELAY", "0.1"), THREADS=str(threads))]
    probing = {"TARGET_PORT": str(RNG), "SERVICE": "rng", "PROBE_SECONDS": str(probe_seconds)}
    exporter = started("exporter", EXPORTER, **probing)
    over = threading.Event()

    def probe() -> None:
        while not over.wait(probe_seconds):
            socket.create_connection(("127.0.0.1", RNG), 5).close()

    prober = threading.Thread(target=probe)
    if probe_seconds:
        prober.start()
    try:
        with ClosedLoop(RNG, users) as load:
            time.sleep(0.3)
            before, page, cpu = load.held(), counters(get(EXPORTER, "/metrics")), cpu_seconds(exporter.pid)
            began = time.monotonic()
            time.sleep(seconds)
            after, text = load.held(), get(EXPORTER, "/metrics")
            took, spent = time.monotonic() - began, cpu_seconds(exporter.pid) - cpu
        now = counters(text)
        status = Path(f"/proc/{exporter.pid}/status").read_text()
        return {
            "page": text,
            "held": after.mean_since(before),
            "in_flight": (now["dockercoins_in_flight_seconds_total"] - page["dockercoins_in_flight_seconds_total"])
            / took,
            "answered": after.answered - before.answered,
            "requests": now["dockercoins_requests_total"] - page["dockercoins_requests_total"],
            "served": json.loads(get(RNG, "/served"))["served"],
            "requests_in_all": counters(get(EXPORTER, "/metrics"))["dockercoins_requests_total"],
            "full": now["dockercoins_backlog_full_seconds_total"],
            "failed": load.failed,
            "cpu_share": spent / took,
            "memory_mb": int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1000,
        }
    finally:
        over.set()
        if probe_seconds:
            prober.join()
        for one in (exporter, *processes):
            one.terminate()
            one.wait(10)


if __name__ == "__main__":
    print(json.dumps(main(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))))  # noqa: T201
