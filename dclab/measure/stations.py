"""Queues of a simulated service: which replica a request comes to, and when it has been served."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable

from dclab.measure.system import LoadBalancing

__all__ = ["Stations"]


class Stations:
    """The replicas of one service: each with a queue, and a number of requests that it serves at a time."""

    def __init__(self, replicas: int, threads: int, policy: LoadBalancing, draw: Callable[[], float]) -> None:
        self.free = [[0.0] * threads for _ in range(replicas)]
        """By replica, a heap of when each of its threads will have served all who have come."""
        self.single = threads == 1
        self.under_way: list[deque[float]] | None = None
        if policy == "better of two" and replicas > 1:
            self.under_way = [deque() for _ in range(replicas)]
        self.in_turn = policy == "round robin"
        self.turn = 0
        self.replicas = replicas
        self.draw = draw

    def _less_busy(self, now: float, under_way: list[deque[float]]) -> int:
        one = int(self.draw() * self.replicas)
        other = int(self.draw() * (self.replicas - 1))
        other += other >= one
        for each in (one, other):
            queue = under_way[each]
            while queue and queue[0] <= now:
                queue.popleft()
        return other if len(under_way[other]) < len(under_way[one]) else one

    def choose(self, now: float) -> int:
        """Return the replica that the load balancing picks for a request that comes now."""
        if self.replicas == 1:
            return 0
        if self.under_way is not None:
            return self._less_busy(now, self.under_way)
        if self.in_turn:
            self.turn = (self.turn + 1) % self.replicas
            return self.turn
        return int(self.draw() * self.replicas)

    def serve(self, replica: int, now: float, service: float) -> float:
        """Return when a request that comes to this replica now is done."""
        free = self.free[replica]
        begin = free[0]
        done = max(now, begin) + service
        if self.single:
            free[0] = done
        else:
            heapq.heapreplace(free, done)
        if self.under_way is not None:
            queue = self.under_way[replica]
            if queue and queue[-1] > done:  # with several threads a later request may be done earlier
                self.under_way[replica] = deque(sorted([*queue, done]))
            else:
                queue.append(done)
        return done

    def wait(self, now: float) -> float:
        """Return how long a probe would wait now, without sending it."""
        return max(0.0, self.free[int(self.draw() * self.replicas)][0] - now)
