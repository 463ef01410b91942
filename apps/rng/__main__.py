"""rng: random bytes, one request at a time.

THREADS says how many at a time, DELAY how long one takes, and CPU how much of that is work: the original, on
a development server of a web framework, uses 13 to 14 thousandths of a core at ten requests a second, which is
what the exercise's autoscaler acts on. This server alone would use three.
"""

from __future__ import annotations

import os
import time

from apps import settings
from apps.serve import Answer, Request, Served, serve

MOST_BYTES = 1024 * 1024


def work(cpu_seconds: float) -> None:
    """Use so much CPU time of this thread."""
    end = time.thread_time() + cpu_seconds
    while time.thread_time() < end:
        pass


def main() -> None:
    """`GET /` answers at once; `GET /<n>` returns n random bytes after DELAY seconds.

    `GET /served` tells how many of the latter were served, and the unix seconds at which the last one was: the truth
    about the rate, to test how well it is measured from outside.
    """
    delay = settings.seconds("DELAY", 0.1)
    cpu = settings.seconds("CPU", 0.0, high=1.0)
    served = Served()
    greeting = f"RNG running on {settings.text('HOSTNAME', 'localhost')}\n".encode()

    def handle(request: Request) -> Answer:
        if request.method != "GET":
            return Answer(405, b"Only GET is served here.\n")
        if request.path == "/":
            return Answer(200, greeting)
        if request.path == "/served":
            return Answer(200, served.told(), "application/json")
        count = request.path[1:]
        if not (count.isascii() and count.isdecimal() and len(count) <= 9 and int(count) <= MOST_BYTES):
            return Answer(400, f"Ask for / or for /<n>, with n from 0 to {MOST_BYTES}.\n".encode())
        time.sleep(delay)
        work(cpu)
        served.one_more()
        return Answer(200, os.urandom(int(count)), "application/octet-stream")

    serve(handle, slots=settings.integer("THREADS", 1, low=1, high=256))


main()
