"""DockerCoins as a discrete-event simulation: what the hash counter reads at any time, and the true rate."""

from __future__ import annotations

import heapq
import random

from dclab.lab import Counter


def counter_samples(workers, seconds, *, servers=1, poll=0.2, seed=0, settle=5.0):
    """Readings of the counter over a window, and the true rate of a very long run of the same system."""
    dice = random.Random(seed)
    start = dice.uniform(settle, settle + 2)
    end = start + seconds
    free = [0.0] * servers
    done = [0] * workers
    deadline = [0.0] * workers
    flushes = []
    finished = []
    # (time, worker): when the worker begins a unit
    heap = [(dice.uniform(0, 1), one) for one in range(workers)]
    heapq.heapify(heap)
    arrivals = []
    while heap or arrivals:
        if arrivals and (not heap or arrivals[0][0] <= heap[0][0]):
            now, one = heapq.heappop(arrivals)
            server = min(range(servers), key=free.__getitem__)
            begin = max(now, free[server])
            free[server] = begin + 0.1024 + dice.expovariate(1 / 0.0004)
            complete = free[server] + 0.1016 + dice.expovariate(1 / 0.0005)
            finished.append(complete)
            done[one] += 1
            heapq.heappush(heap, (complete, one))
            continue
        now, one = heapq.heappop(heap)
        if now > end + 1:
            continue
        if now > deadline[one]:
            flushes.append((now, done[one]))
            done[one] = 0
            deadline[one] = now + 1
        heapq.heappush(arrivals, (now + 0.1003 + dice.expovariate(1 / 0.0003), one))
    flushes.sort()
    total, index, samples, at = 0, 0, [], start
    while at <= end:
        while index < len(flushes) and flushes[index][0] <= at:
            total += flushes[index][1]
            index += 1
        samples.append(Counter(t=at, hashes=total, coins=0))
        at += poll
    return samples
