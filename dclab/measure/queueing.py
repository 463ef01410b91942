"""Queueing theory of DockerCoins: bounds, waits and limits.

A closed system of N workers, each of which thinks for Z seconds (its own sleep, and hasher) and then needs
one of k servers for D seconds, cannot do more than min(N / (Z + D), k / D) units a second (asymptotic bounds:
P. J. Denning and J. P. Buzen, The Operational Analysis of Queueing Network Models, ACM Computing Surveys 10,
1978).
"""

from __future__ import annotations

__all__ = [
    "CYCLE_SECONDS",
    "HASHER_SLOTS",
    "SERVICE_SECONDS",
    "accounted_workers",
    "answer_seconds",
    "bound_rate",
    "expected_call_ms",
    "expected_probe_ms",
    "expected_wait_ms",
    "hasher_queues",
    "knee",
    "most_workers",
    "queue_length",
    "queue_seconds",
]

CYCLE_SECONDS = 0.3
"""A worker's unit without queueing: 0.1 s sleep, 0.1 s rng, 0.1 s hasher."""
SERVICE_SECONDS = 0.1
"""What a call holds one of rng's slots, or of hasher's, for."""
HASHER_SLOTS = 20
"""Requests that one hasher serves at a time (manifests/hasher.yaml): 200 hashes a second."""

BUSY_HASHER = 0.5
"""Share of hasher's slots from which on its queue is worth a thought: with 20 slots of which 10 are busy on average, a
request finds all taken in less than one case of a hundred."""

LONG_QUEUE = 5.0
"""Where chance divides the workers among several rngs, a queue is so many times as long as the mean of all in less than one
case of a hundred (as in a geometric distribution)."""
SHORTEST_PATIENCE = 10.0
"""Seconds that a request is waited for at least."""
LONGEST_QUEUE = 1000
"""Connections that wait at one rng: it asks the kernel for a queue of 1024 (apps/serve.py), and who finds it full has to
try again after a second, then after two more, and so on."""


def bound_rate(workers: int, servers: int = 1, hashers: int | None = None) -> float:
    """Highest possible hashes per second, with so many rngs, and hashers (None: as many as it takes)."""
    most = min(workers / CYCLE_SECONDS, servers / SERVICE_SECONDS)
    return most if hashers is None else min(most, hashers * HASHER_SLOTS / SERVICE_SECONDS)


def hasher_queues(workers: int, servers: int, hashers: int) -> bool:
    """Whether so many workers and rngs can keep hasher so busy that requests queue there, too."""
    return bound_rate(workers, servers) * SERVICE_SECONDS > BUSY_HASHER * HASHER_SLOTS * hashers


def queue_seconds(workers: int, servers: int = 1) -> float:
    """Seconds that a queue of all these workers takes to be served by so many rngs: a worker's cycle is no longer."""
    return workers * SERVICE_SECONDS / max(1, servers)


def answer_seconds(workers: int, servers: int = 1) -> float:
    """Seconds that a request of rng has to be waited for while so many workers queue there."""
    longest = queue_seconds(workers, servers) * (LONG_QUEUE if servers > 1 else 1.0)
    return max(SHORTEST_PATIENCE, 1.5 * longest + SERVICE_SECONDS)


def most_workers(servers: int, patience: float) -> int:
    """Return how many workers can queue at so many rngs before some give up.

    Args:
        servers: replicas of rng.
        patience: seconds after which a worker gives up a call.
    """
    long = LONG_QUEUE if servers > 1 else 1.0
    return servers * int(min(patience / SERVICE_SECONDS, LONGEST_QUEUE) / long)


def knee(servers: int = 1) -> float:
    """Number of workers from which the servers, not the workers, limit the rate."""
    return servers * CYCLE_SECONDS / SERVICE_SECONDS


def expected_wait_ms(workers: int, servers: int = 1) -> float:
    """Mean milliseconds that a call queues beyond its own service, by Little's law: N / X - (Z + D)."""
    return max(0.0, 1000 * (workers / bound_rate(workers, servers) - CYCLE_SECONDS)) if workers else 0.0


def expected_probe_ms(workers: int, servers: int = 1) -> float:
    """Mean milliseconds that a request from outside waits, sent at a random moment and needing no service itself.

    Of N workers X · 0.2 s are at hasher or asleep, the others at the k servers; the one that is being served, for a share
    U of the time, is half done on average. A worker's own call does not meet itself, so that waits less.
    """
    rate = bound_rate(workers, servers)
    at_each = (workers - rate * (CYCLE_SECONDS - SERVICE_SECONDS)) / servers
    return 1000 * SERVICE_SECONDS * max(0.0, at_each - rate * SERVICE_SECONDS / servers / 2)


def expected_call_ms(workers: int) -> float | None:
    """Mean milliseconds of a call of one rng that dclab makes beside the workers, in a closed loop with jittered pauses.

    It is a call of service time D like theirs, one after the other, D ± 50 % after the last one's end, so it lengthens the
    queue that it waits in. When it ends, the worker served before it is still away for D, and N - 1 are queued; from then on
    one is served in each D. So it waits (N - 1) D - t if it returns at t < D, else N D - t: (N - 1.5) D on average, and then
    takes D. None for fewer than two workers, which leave no queue behind.
    """
    return 1000 * SERVICE_SECONDS * (workers - 0.5) if workers >= 2 else None


def accounted_workers(rate: float, rng_wait: float, hasher_wait: float, servers: int = 1) -> float:
    """How many workers a rate and the waits of probes account for: Little's law, N = X R, as a check of a point.

    Of each worker's time 0.2 s go to its own sleep and to hasher. The rest it is at rng, queued or served. A probe
    that comes at a random moment finds Q requests at each of the k servers, of which the one being served (there is
    one for a share U = X D / k of the time) is half done on average, and waits W = Q D - U D / 2 for them.

    Args:
        rate: hashes per second.
        rng_wait: mean seconds of a probe of rng, which needs no service itself.
        hasher_wait: the same of hasher, where nothing queues: what a request costs beside its service.
        servers: replicas of rng.
    """
    at_rng = servers * queue_length(rng_wait, rate / servers)
    return rate * (CYCLE_SECONDS - SERVICE_SECONDS + hasher_wait) + at_rng


def queue_length(wait: float, rate: float) -> float:
    """Return how many requests are at a server, waiting or in progress, as `accounted_workers` says.

    Args:
        wait: mean seconds of a probe, which needs no service itself.
        rate: requests a second that the server serves, one at a time.
    """
    return wait / SERVICE_SECONDS + min(1.0, rate * SERVICE_SECONDS) / 2
