"""hasher: SHA-256 of what is posted, about twenty at a time, each taking DELAY seconds."""

from __future__ import annotations

import hashlib
import time

from apps import settings
from apps.serve import Answer, Request, Served, serve


def main() -> None:
    """`GET /` answers at once; `POST /` returns the body's SHA-256 in hex after DELAY seconds.

    `GET /served` tells how many of the latter were served, as rng does: what the counter has to come to.
    """
    delay = settings.seconds("DELAY", 0.1)
    served = Served()
    greeting = f"HASHER running on {settings.text('HOSTNAME', 'localhost')}\n".encode()

    def handle(request: Request) -> Answer:
        if request.path == "/served" and request.method == "GET":
            return Answer(200, served.told(), "application/json")
        if request.path != "/":
            return Answer(404, b"There is only /.\n")
        if request.method == "GET":
            return Answer(200, greeting)
        if request.method != "POST":
            return Answer(405, b"Only GET and POST are served here.\n")
        time.sleep(delay)
        hashed = hashlib.sha256(request.body).hexdigest()
        served.one_more()
        return Answer(200, hashed.encode())

    serve(handle, slots=settings.integer("THREADS", 20, low=1, high=256))


main()
