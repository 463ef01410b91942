"""What changes of a service did to the rate, what chance costs, and what limits it next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dclab.experiments.queue_facts import QUEUE_MS
from dclab.measure.mean import Mean
from dclab.measure.queueing import bound_rate
from dclab.measure.ratio import HELPS, Ratio, Verdict, quotient, seconds_to_tell, unchanged_rate, verdict
from dclab.results import Evidence, Intervention, Rate

__all__ = ["Effect", "chance_facts", "effect_facts", "effects", "next_limit"]

CEILING = 0.9
"""Workers that reach this share of what they could do without any queue limit the rate themselves."""


class Effect(NamedTuple):
    """What a change did to the rate."""

    change: Intervention
    unchanged: Rate
    times: Ratio
    verdict: Verdict

    @property
    def rate(self) -> Rate:
        """Hashes per second under the change."""
        return self.change.hashes_per_second


def effects(interventions: Sequence[Intervention]) -> list[Effect]:
    """Each change of a service by itself, how many times the unchanged rate it gave, and whether it helped."""
    unchanged = unchanged_rate(interventions)
    if unchanged is None:
        return []
    found = []
    for one in interventions:
        if one.service is not None and one.choice == "random":
            times = quotient(one.hashes_per_second, unchanged)
            found.append(Effect(one, unchanged, times, verdict(times, HELPS)))
    return found


EFFECT_CODES = {
    "more": ("scaling-helps", "threads-help"),
    "no more": ("scaling-does-not-help", "threads-do-not-help"),
    "cannot tell": ("scaling-cannot-tell", "threads-cannot-tell"),
}


def effect_facts(found: Effect) -> Iterator[Evidence]:
    """Yield what one change did, and how long would tell where that is open."""
    change, unchanged = found.change, found.unchanged
    values: dict[str, float | str] = {
        "service": change.service or "",
        "from_rate": unchanged.mean,
        "to_rate": found.rate.mean,
        "replicas": change.replicas,
        "threads": change.threads,
        **_halves(from_=unchanged, to=found.rate),
        **_ends(found.times),
    }
    yield Evidence(code=EFFECT_CODES[found.verdict][change.threads > 1], values=values)
    if found.verdict == "cannot tell":
        yield from _longer(change.name, found.times, HELPS, found.rate, unchanged)


def _halves(**rates: Rate) -> dict[str, float | str]:
    """Half the interval of each rate, as `from_half`."""
    return {f"{name.rstrip('_')}_half": one.half_width for name, one in rates.items()}


def _ends(ratio: Ratio) -> dict[str, float | str]:
    """The interval of a ratio, as far as results can hold it: an open end is left out."""
    return {"times_low": ratio.low, **({"times_high": ratio.high} if math.isfinite(ratio.high) else {})}


def _longer(change: str, ratio: Ratio, threshold: float, *rates: Rate) -> Iterator[Evidence]:
    """How long windows would have to be, where that is worth knowing."""
    known = [one.seconds for one in rates if one.seconds is not None]
    seconds = seconds_to_tell(ratio, threshold, min(known)) if len(known) == len(rates) else None
    if seconds is not None:
        yield Evidence(code="longer-would-tell", values={"change": change, "seconds": seconds})


ENDS = ("low", "high")
CHANCE_CODES = {"more": "chance-costs", "no more": "chance-costs-nothing", "cannot tell": "chance-cannot-tell"}


def chance_facts(interventions: Sequence[Intervention]) -> tuple[Evidence, ...]:
    """What it costs that a service picks its replica by chance: each other policy against it, at the same replicas."""
    found: list[Evidence] = []
    for by_chance in interventions:
        if by_chance.choice != "random" or by_chance.service is None:
            continue
        same = (by_chance.service, by_chance.replicas, by_chance.threads)
        for one in interventions:
            if one.choice == "random" or (one.service, one.replicas, one.threads) != same:
                continue
            ratio = quotient(one.hashes_per_second, by_chance.hashes_per_second)
            values: dict[str, float | str] = {
                "service": by_chance.service,
                "replicas": by_chance.replicas,
                "policy": one.choice,
                "random_rate": by_chance.hashes_per_second.mean,
                "policy_rate": one.hashes_per_second.mean,
                **_halves(random=by_chance.hashes_per_second, policy=one.hashes_per_second),
                **_ends(ratio),
            }
            effect = verdict(ratio, 1.0)
            if effect == "more":
                values |= {f"lost_{end}": 100 * (1 - 1 / times) for end, times in zip(ENDS, ratio[1:], strict=True)}
            found.append(Evidence(code=CHANCE_CODES[effect], values=values))
            if effect == "cannot tell":
                found += _longer(one.name, ratio, 1.0, one.hashes_per_second, by_chance.hashes_per_second)
    return tuple(found)


def next_limit(effects: Sequence[Effect]) -> tuple[Evidence, ...]:
    """Under the change that helped most, of those that helped: who is waited for then."""
    best = max(
        (one.change for one in effects if one.verdict == "more" and one.change.probe_ms),
        key=lambda one: one.hashes_per_second.mean,
        default=None,
    )
    if best is None:
        return ()
    slowest = max(best.probe_ms, key=best.probe_ms.__getitem__)
    ceiling = bound_rate(best.workers, servers=best.workers)
    values: dict[str, float | str] = {
        "change": best.name,
        "rate": best.hashes_per_second.mean,
        "service": slowest,
        "probe_ms": best.probe_ms[slowest],
        "workers": best.workers,
        "ceiling": ceiling,
    }
    waits = {
        name: verdict(Mean(ms, *best.probe_ms_ci95[name]), QUEUE_MS) if name in best.probe_ms_ci95 else "cannot tell"
        for name, ms in best.probe_ms.items()
    }
    if waits[slowest] == "more":
        return (Evidence(code="next-limit-service", values=values),)
    if any(one != "no more" for one in waits.values()):
        low, high = best.probe_ms_ci95.get(slowest, (0.0, best.probe_ms[slowest]))
        return (Evidence(code="next-limit-cannot-tell", values=values | {"probe_low": low, "probe_high": high}),)
    rate = best.hashes_per_second
    near = verdict(Mean(rate.mean, rate.ci95_low, rate.ci95_high), CEILING * ceiling)
    code = {"more": "next-limit-workers", "no more": "next-limit-elsewhere", "cannot tell": "next-limit-no-queue"}[near]
    return (Evidence(code=code, values=values),)
