"""A load generator with siege's options and siege's summary, for where no siege is installed.

Users without think time, each request on a connection of its own, GET (or POST with `URL POST data`).
Like siege it gives up after 1024 failures in a row and prints its summary when it is interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import signal
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

TIMEOUT = 30.0
MOST_FAILURES = 1024
UNITS = {"S": 1, "M": 60, "H": 3600}


def duration(text: str) -> float:
    """`30S`, `4m`, `1H`; minutes without a unit, as in siege."""
    found = re.fullmatch(r"(\d+)([smhSMH]?)", text)
    if not found or int(found.group(1)) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 30S, 4M or 1H")
    return float(int(found.group(1)) * UNITS[found.group(2).upper() or "M"])


@dataclass
class Tally:
    """What happened so far. Times in seconds."""

    times: list[float] = field(default_factory=list)
    received: int = 0
    failed: int = 0
    failures_in_a_row: int = 0

    def summary(self, elapsed: float) -> str:
        """The lines that siege prints at its end."""
        hits = len(self.times)
        busy = sum(self.times)
        megabytes = self.received / 1024 / 1024
        rows = [
            ("Transactions", f"{hits:12d}", "hits"),
            ("Availability", f"{100 * hits / max(1, hits + self.failed):12.2f}", "%"),
            ("Elapsed time", f"{elapsed:12.2f}", "secs"),
            ("Data transferred", f"{megabytes:12.2f}", "MB"),
            ("Response time", f"{busy / max(1, hits):12.4f}", "secs"),
            ("Transaction rate", f"{hits / elapsed:12.2f}", "trans/sec"),
            ("Throughput", f"{megabytes / elapsed:12.4f}", "MB/sec"),
            ("Concurrency", f"{busy / elapsed:12.2f}", ""),
            ("Successful transactions", f"{hits:12d}", ""),
            ("Failed transactions", f"{self.failed:12d}", ""),
            ("Longest transaction", f"{max(self.times, default=0):12.4f}", ""),
            ("Shortest transaction", f"{min(self.times, default=0):12.4f}", ""),
        ]
        return "\n".join(f"{key + ':':<26}{value} {unit}".rstrip() for key, value, unit in rows)


async def transaction(host: str, port: int, request: bytes) -> int:
    """One request; bytes of the body. OSError when it fails or is answered with 400 or more."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request)
        answer = await reader.read(-1)
    finally:
        writer.close()
    head, separator, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if not separator or not status or not status[0].isdigit() or int(status[0]) >= 400:
        raise OSError("not answered")
    return len(body)


async def user(host: str, port: int, request: bytes, tally: Tally, give_up: asyncio.Event) -> None:
    """One user: a request after the other."""
    while not give_up.is_set():
        begin = time.perf_counter()
        try:
            async with asyncio.timeout(TIMEOUT):
                tally.received += await transaction(host, port, request)
        except (OSError, TimeoutError):
            tally.failed += 1
            tally.failures_in_a_row += 1
            if tally.failures_in_a_row >= MOST_FAILURES:
                give_up.set()
            await asyncio.sleep(0)
        else:
            tally.times.append(time.perf_counter() - begin)
            tally.failures_in_a_row = 0


async def siege(url: str, method: str, data: bytes, concurrent: int, seconds: float) -> tuple[Tally, float]:
    """Run it; the tally and the seconds it took."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request = (
        f"{method} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: dclab-siege\r\n"
        f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    ).encode() + data
    tally, give_up = Tally(), asyncio.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(ending, give_up.set)
    begin = time.perf_counter()
    users = [asyncio.ensure_future(user(host, port, request, tally, give_up)) for _ in range(concurrent)]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await give_up.wait()
    elapsed = time.perf_counter() - begin
    for one in users:
        one.cancel()
    await asyncio.gather(*users, return_exceptions=True)
    return tally, elapsed


def main() -> None:
    """Read siege's options, run the load test, print the summary. Exit code 1 when it gave up."""
    parser = argparse.ArgumentParser(prog="siege", description=__doc__, allow_abbrev=False)
    parser.add_argument("-c", "--concurrent", type=int, default=25)
    parser.add_argument("-b", "--benchmark", action="store_true", help="no think time (there never is any)")
    parser.add_argument("-t", "--time", type=duration, required=True)
    parser.add_argument("url", help='"URL", or "URL POST data"')
    options = parser.parse_args()
    url, _, rest = options.url.partition(" ")
    method, _, data = rest.partition(" ")
    if not url.startswith("http://") or not 1 <= options.concurrent <= 255:
        parser.error("the URL must begin with http:// and there may be 1 to 255 users")
    print(f"** Preparing {options.concurrent} concurrent users for battle.", flush=True)  # noqa: T201
    tally, elapsed = asyncio.run(siege(url, method or "GET", data.encode(), options.concurrent, options.time))
    print(tally.summary(elapsed), flush=True)  # noqa: T201
    raise SystemExit(1 if tally.failures_in_a_row >= MOST_FAILURES else 0)


main()
