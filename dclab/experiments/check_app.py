"""Check on a running lab each property of DockerCoins that the exercise rests on."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median

from dclab.engines.http_services import call
from dclab.experiments.lab_window import measure_rate
from dclab.experiments.latency import CALLS
from dclab.experiments.observer import Observer
from dclab.experiments.recovery import check_nothing_scales
from dclab.lab import Lab, ProbeSpec
from dclab.measure.queueing import CYCLE_SECONDS, SERVICE_SECONDS
from dclab.results import Rate

__all__ = ["Check", "check_app", "check_hasher", "check_rate", "check_rng"]

ALONE = 5
"""Requests of each service, one after the other, while nobody else asks it."""
AT_ONCE, BURSTS = 6, 3
BURST_RATE = 500.0
"""Requests a second at which those are sent that should meet."""
TAKES_MS = (80.0, 150.0)
"""What a request of 0.1 s takes on any machine."""
TOGETHER = 1.5
"""Requests that are served at once take no more than this many times one alone, the slowest among them."""
IN_TURN = 0.75
"""Of so many requests one after the other, the last takes at least this share of as many times one alone."""
SECONDS = 12.0
"""Longest window of a rate."""
BELOW, ABOVE = 0.9, 1.02
"""A rate may lie so far below what is possible, for the calls' overhead, and above it, for its interval."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One property."""

    what: str
    """It holds when this is so."""
    found: str
    """What was measured."""
    holds: bool


def check_app(lab: Lab, observer: Observer) -> tuple[Check, ...]:
    """Measure each property with one rng and one hasher; the replica counts are put back.

    Raises:
        Refused: an autoscaler scales what is to be measured.
        DclabError: the lab fails meanwhile.
    """
    check_nothing_scales(lab)
    with _put_back(lab):
        for name, replicas in (("worker", 0), ("rng", 1), ("hasher", 1)):
            if lab.replicas(name).desired != replicas:
                lab.scale(name, replicas)
        found = [*check_rng(lab, observer), *check_hasher(lab, observer)]
        for workers in (1, 10):
            observer.step(f"{workers} worker{'s' * (workers > 1)}: hashes/s")
            lab.scale("worker", workers)
            time.sleep(1 + 2 * workers * SERVICE_SECONDS)
            window = measure_rate(lab, SECONDS, observer, f"{workers} workers", workers=workers)
            found.append(check_rate(window.rate, workers))
    return tuple(found)


@contextmanager
def _put_back(lab: Lab) -> Iterator[None]:
    before = {name: lab.replicas(name).desired for name in ("rng", "hasher", "worker")}
    try:
        yield
    finally:
        for name, replicas in before.items():
            if lab.replicas(name).desired != replicas:
                lab.scale(name, replicas)


def _times(lab: Lab, service: str, spec: ProbeSpec) -> list[float]:
    """Milliseconds of each request; one that failed is infinitely long."""
    return [float("inf") if one.total_ms is None else one.total_ms for one in lab.probe(service, spec)]


def _slowest(lab: Lab, service: str, enough: Callable[[float], bool]) -> float:
    """Milliseconds of the slowest of several requests at once: the least of some bursts, since a machine may be busy."""
    least = float("inf")
    for _ in range(BURSTS):
        least = min(least, max(_times(lab, service, replace(CALLS[service], count=AT_ONCE, rate=BURST_RATE))))
        if enough(least):
            break
    return least


def check_rng(lab: Lab, observer: Observer) -> Iterator[Check]:
    """Yield what holds of the lab's one rng, while nobody else asks it."""
    observer.step("rng: alone, and several requests at once")
    alone = _times(lab, "rng", replace(CALLS["rng"], count=ALONE, interval=0.05))
    yield _takes("rng", alone)
    slowest = _slowest(lab, "rng", enough=lambda _: False)
    yield Check(
        what="rng serves one request at a time",
        found=_burst(slowest, alone),
        holds=slowest >= IN_TURN * AT_ONCE * max(median(alone), TAKES_MS[0]),
    )
    url = lab.url("rng")
    bytes_of = [call(f"{url}/32") for _ in range(2)]
    yield Check(
        what="rng answers /32 with 32 bytes, other ones each time",
        found=f"{len(bytes_of[0])} and {len(bytes_of[1])} bytes, {'the same' if bytes_of[0] == bytes_of[1] else 'different'}",
        holds=bytes_of[0] != bytes_of[1] and {len(one) for one in bytes_of} == {32},
    )


def check_hasher(lab: Lab, observer: Observer) -> Iterator[Check]:
    """Yield what holds of the lab's one hasher, while nobody else asks it."""
    observer.step("hasher: alone, and several requests at once")
    alone = _times(lab, "hasher", replace(CALLS["hasher"], count=ALONE, interval=0.05))
    yield _takes("hasher", alone, ", for the same data too")
    longest = TOGETHER * max(median(alone), TAKES_MS[0])
    slowest = _slowest(lab, "hasher", enough=lambda ms: ms <= longest)
    yield Check(
        what="hasher serves several requests at once",
        found=_burst(slowest, alone),
        holds=slowest <= longest,
    )
    data = secrets.token_bytes(32)
    answer = call(lab.url("hasher") + "/", data).decode("ascii", "replace").strip()
    wanted = hashlib.sha256(data).hexdigest()
    yield Check(
        what="hasher answers with the SHA-256 of what it is given",
        found="it does" if answer == wanted else f"{answer[:16]!r}… instead of {wanted[:16]!r}…",
        holds=answer == wanted,
    )


def _takes(service: str, alone: Sequence[float], also: str = "") -> Check:
    low, high = min(alone), max(alone)
    return Check(
        what=f"{service} takes 0.1 s for a request{also}",
        found=f"{low:.0f} to {high:.0f} ms, {len(alone)} requests one after the other",
        holds=TAKES_MS[0] <= low and median(alone) <= TAKES_MS[1],
    )


def _burst(slowest: float, alone: Sequence[float]) -> str:
    return f"of {AT_ONCE} at once the slowest took {slowest:.0f} ms; one alone takes {median(alone):.0f} ms"


def check_rate(rate: Rate, workers: int | None) -> Check:
    """Hold a rate to what so many workers and one rng can do; None for an unknown number of workers."""
    bound = 1 / SERVICE_SECONDS if workers is None else min(workers / CYCLE_SECONDS, 1 / SERVICE_SECONDS)
    found = f"{rate.mean:.2f} ± {rate.half_width:.2f} hashes/s"
    if workers is None:
        what = f"however many workers there are, no more than {bound:.0f} hashes/s, which is what one rng serves"
        return Check(what=what, found=found, holds=rate.ci95_low <= ABOVE * bound)
    limit = "which one rng serves" if workers > 3 else "since a hash takes it 0.3 s"
    return Check(
        what=f"{workers} worker{'s' * (workers > 1)} make{'s' * (workers == 1)} {bound:.1f} hashes/s, {limit}",
        found=found,
        holds=rate.ci95_high >= BELOW * bound and rate.ci95_low <= ABOVE * bound,
    )
