"""DockerCoins as a discrete-event simulation: what theory's bound leaves out is that a service picks by chance."""

from __future__ import annotations

import heapq
import random
from typing import Literal

__all__ = ["LoadBalancing", "simulated_rate"]

LoadBalancing = Literal["random", "round robin", "better of two"]


def simulated_rate(
    workers: int,
    servers: int,
    think: float,
    service: float,
    *,
    load_balancing: LoadBalancing = "random",
    units: int = 6000,
    seed: int = 1,
) -> float:
    """Hashes per second of `workers` that think, then call one of `servers`, over and over.

    Each server takes one call at a time, for `service` seconds, in the order of arrival; `think` is what a worker's
    cycle takes beside that call, in seconds. Both are constant, but for a thousandth of jitter that keeps workers from
    marching in step. The first third of the units is left out, while the queues form.
    """
    dice = random.Random(seed)
    free = [0.0] * servers
    waiting: list[list[float]] = [[] for _ in range(servers)]
    turn = 0
    arrivals = [dice.uniform(0, think + service) for _ in range(workers)]
    heapq.heapify(arrivals)
    warm_up, begun, end = units // 3, 0.0, 0.0
    for unit in range(units):
        now = heapq.heappop(arrivals)
        if load_balancing == "round robin":
            turn = (turn + 1) % servers
            server = turn
        elif load_balancing == "better of two" and servers > 1:
            server = min(dice.sample(range(servers), 2), key=lambda one: sum(until > now for until in waiting[one]))
        else:
            server = dice.randrange(servers)
        free[server] = max(now, free[server]) + service
        waiting[server] = [until for until in waiting[server] if until > now] + [free[server]]
        heapq.heappush(arrivals, free[server] + think * dice.uniform(0.999, 1.001))
        end = now
        if unit == warm_up:
            begun = now
    return (units - 1 - warm_up) / (end - begun)
