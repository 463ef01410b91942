"""A check of each point by Little's law: whether its rate and its waits account for the workers that ran."""

from __future__ import annotations

import math
from collections.abc import Iterator

from dclab.measure.queueing import SERVICE_SECONDS, expected_wait_ms
from dclab.results import Caveat, SweepPoint

__all__ = ["accounting_caveats", "accounting_error"]

UNACCOUNTED = 0.05
"""Share of the workers that may be missing or too many for reasons of the model: calls take a bit more than 0.1 s."""
Z95 = 1.96


def accounting_error(wait_ms: float, probes: int, rngs: int) -> float:
    """Return by how many workers, at 95 %, the number that waits account for may be wrong because probes are few.

    A probe of one rng meets a queue that hardly changes, at a random moment of a service time (a uniform distribution, of
    standard deviation D / sqrt(12)). Where chance divides the workers among several, the queue that a probe meets varies
    about as much as it is long (as in a geometric distribution), and stays so for a while, so that probes in a row
    tell little more than half of them.

    Args:
        wait_ms: mean wait of the probes of rng.
        probes: how many of them.
        rngs: replicas of rng.
    """
    phase = 1000 * SERVICE_SECONDS / math.sqrt(12)
    deviation = math.hypot(phase, wait_ms) if rngs > 1 else phase
    independent = max(1.0, probes / 2 if rngs > 1 else probes)
    return Z95 * rngs * deviation / math.sqrt(independent) / (1000 * SERVICE_SECONDS)


def accounting_caveats(point: SweepPoint) -> Iterator[Caveat]:
    """Yield whether the rate and the waits of a point account for another number of workers than ran."""
    found, probes = point.littles_law, point.probes.get("rng", 0)
    if found is None or not probes:
        return
    rngs = point.rng_replicas or 1
    # Where few probes met short queues, the queues themselves may still be as long as they should be.
    wait_ms = max(point.probe_ms.get("rng", 0.0), expected_wait_ms(point.workers, rngs))
    error = accounting_error(wait_ms, probes, rngs)
    if rngs == 1 and wait_ms > 1000 * SERVICE_SECONDS:
        # An rng that is always busy shows by the rate how long it took: where that was longer, so many fewer were before a probe.
        slower = max(0.0, 1 - SERVICE_SECONDS * point.hashes_per_second.mean)
        error += slower * wait_ms / (1000 * SERVICE_SECONDS)
    if abs(found - point.workers) > 0.5 + UNACCOUNTED * point.workers + error:
        who = f"{point.workers} worker{'s' * (point.workers > 1)}"
        yield Caveat(
            code="littles-law",
            message=f"By Little's law, the rate and the waits of {who} account for {found:.1f} ± {error:.1f}.",
            hint="Some were slow or idle, the queue was still growing, or rng serves several requests at a time. Measure again.",
        )
