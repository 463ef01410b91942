"""webui: a page with the speed of mining, and `/json` with the counter behind it."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from apps import settings
from apps.resp import Redis
from apps.serve import Answer, Request, serve


def main() -> None:
    """`/` is the page; `/json` has `coins`, `hashes` (a string, or null before the first) and `now`."""
    address = settings.service_address("REDIS")
    password = settings.text("REDIS_PASSWORD", "")
    page = Path(__file__).with_name("index.html").read_bytes()
    own = threading.local()

    def counter() -> Answer:
        if not hasattr(own, "redis"):
            own.redis = Redis(address, timeout=2.0, password=password)
        try:
            coins = own.redis.read("HLEN", "wallet")
            hashes = own.redis.read("GET", "hashes")
        except OSError as error:
            return Answer(503, json.dumps({"error": f"Redis: {error}"}).encode(), "application/json")
        fields = {"coins": coins, "hashes": None if hashes is None else hashes.decode(), "now": time.time()}
        return Answer(200, json.dumps(fields).encode(), "application/json")

    def handle(request: Request) -> Answer:
        if request.method != "GET":
            return Answer(405, b"Only GET is served here.\n")
        if request.path == "/json":
            return counter()
        if request.path in ("/", "/index.html"):
            return Answer(200, page, "text/html; charset=utf-8")
        return Answer(404, b"There are / and /json.\n")

    serve(handle, slots=settings.integer("THREADS", 8, low=1, high=64))


main()
