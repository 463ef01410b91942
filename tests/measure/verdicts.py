"""What quick runs conclude, over thousands of them simulated: verdicts that are wrong, and those that cannot tell.

python -m tests.measure.verdicts [RUNS] [--processes 1]

Each run is measured by the real estimator and the real rules for the length of its windows, and judged by the real
`find_bottleneck`; the truth is a long simulation of the same system.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from dclab.experiments.bottleneck import find_bottleneck
from dclab.experiments.exercise import exercise_settings
from dclab.experiments.proof import PROBES, all_told, told
from dclab.experiments.sweep import sweep_of
from dclab.lab import ProbeSample
from dclab.measure.latency import summarise
from dclab.measure.mean import mean_interval
from dclab.measure.ratio import FLAT, HELPS
from dclab.measure.simulate import System, simulate, true_rate
from dclab.results import Bottleneck, Evidence, Intervention, Rate, SweepPoint, TargetLatency
from tests.measure.simulated import simulated_rate

__all__ = ["KINDS", "Outcome", "outcomes"]

SETTINGS = exercise_settings(quick=True, siege_seconds=9, clock_speed=12)
ANSWER_SECONDS = 0.0008
"""What a probe that finds no queue takes."""
CLEAR = (1.1, 1.35)
"""Of a true effect that is outside of these, a run should be able to tell."""


TRUTH_UNITS = 100_000
"""Hashes of the long run: some three hours, which tell an effect to less than 1 %."""


def truth(system: System) -> float:
    """Hashes per second in the long run."""
    return true_rate(system, TRUTH_UNITS)


@dataclass(frozen=True)
class Kind:
    """One kind of lab: the system with nothing changed, at the most workers of its sweep."""

    system: System
    workers: tuple[int, ...] = SETTINGS.sweep.workers

    def at(self, workers: int) -> System:
        """With so many workers."""
        return replace(self.system, workers=workers)

    def with_more(self, service: str, times: int = 2) -> System:
        """With so many times the replicas of a service."""
        system = self.at(self.workers[-1])
        return replace(system, **{f"{service}s": times * getattr(system, f"{service}s")})

    def effect(self, service: str) -> float:
        """Truly: how many times the rate twice the replicas of a service give."""
        return truth(self.with_more(service)) / truth(self.at(self.workers[-1]))


TEN = System(workers=10)
KINDS = {
    "standard": Kind(TEN),
    "rng x2": Kind(replace(TEN, rngs=2)),
    "rng x4": Kind(replace(TEN, rngs=4)),
    "threaded rng": Kind(replace(TEN, threads=10)),
    "serial hasher": Kind(replace(TEN, hasher_threads=1)),
    "workers the limit": Kind(replace(TEN, workers=2), (1, 2)),
    "CPU-starved rng": Kind(replace(TEN, service=0.16, service_jitter=0.05)),
    "slow Redis": Kind(replace(TEN, redis=0.5)),
}


@dataclass(frozen=True)
class Outcome:
    """What one run said: what of it is wrong, and what it could not tell although the effect is clear."""

    wrong: tuple[str, ...]
    cannot_tell: bool
    named: str


def quick_run(kind: Kind, seed: int) -> Bottleneck:
    """Simulate a quick run up to its verdict: sweep, latency, and the proof between two baselines."""
    dice = random.Random(seed)
    measure = partial(simulated_rate, longest=SETTINGS.sweep.seconds)
    points = [_point(one, measure(kind.at(one), seed=dice.getrandbits(32))) for one in kind.workers]
    most = kind.workers[-1]
    before = points[-1].hashes_per_second
    prove = partial(simulated_rate, longest=SETTINGS.proof.seconds)
    changed = prove(kind.with_more("rng"), seed=dice.getrandbits(32), enough=partial(told, before))
    waits = _waits(kind.with_more("rng"), PROBES.count, dice)
    sure = {name: mean_interval(one.total_ms for one in samples) for name, samples in waits.items()}
    change = Intervention(
        name="rng x2",
        workers=most,
        hashes_per_second=changed,
        service="rng",
        replicas=2,
        probe_ms={name: one.mean for name, one in sure.items() if one},
        probe_ms_ci95={name: (one.low, one.high) for name, one in sure.items() if one},
    )
    after = prove(kind.at(most), seed=dice.getrandbits(32), enough=partial(all_told, before, (change,)))
    unchanged = [
        Intervention(name=f"baseline {one.mean}", workers=most, hashes_per_second=one) for one in (before, after)
    ]
    latency = {
        name: TargetLatency(workers=most, probe=summarise(samples), call=summarise(samples))
        for name, samples in _waits(kind.at(most), SETTINGS.latency.count, dice).items()
    }
    return find_bottleneck(latency, sweep_of(points), (unchanged[0], change, unchanged[1]))


def _point(workers: int, rate: Rate) -> SweepPoint:
    return SweepPoint(
        workers=workers,
        hashes_per_second=rate,
        webui_reading=rate.mean,
        webui_readings=(),
        seconds=rate.seconds or 0.0,
        samples=40,
        ready_seconds=0.3,
    )


def _waits(system: System, count: int, dice: random.Random) -> dict[str, list[ProbeSample]]:
    """Probes of rng and hasher at random moments."""
    run = simulate(system, 2.0 * count, seed=dice.getrandbits(32))
    found = {}
    for name, waits in (("rng", run.rng_waits), ("hasher", run.hasher_waits)):
        times = [1000 * (ANSWER_SECONDS * dice.uniform(0.8, 1.5) + one) for one in waits[:count]]
        found[name] = [ProbeSample(at=0.0, total_ms=ms) for ms in times]
    return found


def judge(kind: Kind, found: Bottleneck) -> Outcome:
    """Hold what was said against the truth."""
    effect = kind.effect("rng")
    wrong = [f"{one.code}: {dict(one.values)}" for one in found.evidence if not _is_true(kind, one, effect)]
    if found.service is not None and kind.effect(found.service) <= (HELPS if found.certainty == "proved" else CLEAR[0]):
        wrong.append(f"{found.service} {found.certainty}")
    clear = not CLEAR[0] <= effect <= CLEAR[1]
    undecided = any(one.code == "scaling-cannot-tell" for one in found.evidence)
    named = f"{found.service} {found.certainty}" if found.service else "none"
    return Outcome(tuple(wrong), clear and undecided, named)


def _is_true(kind: Kind, said: Evidence, effect: float) -> bool:
    if said.code == "scaling-helps":
        return effect > HELPS
    if said.code == "scaling-does-not-help":
        return effect < HELPS
    if said.code == "plateau":
        first, last = (int(said.values[name]) for name in ("from_workers", "to_workers"))
        return truth(kind.at(last)) < FLAT * truth(kind.at(first))
    return True


def outcomes(name: str, seeds: range) -> list[Outcome]:
    """Simulate and judge a run for each seed."""
    kind = KINDS[name]
    return [judge(kind, quick_run(kind, seed)) for seed in seeds]


def in_batches(name: str, runs: int, batch: int = 50) -> Iterator[Callable[[], list[Outcome]]]:
    """Yield the runs of a kind in pieces that processes can share."""
    for begin in range(0, runs, batch):
        yield partial(outcomes, name, range(begin, min(runs, begin + batch)))


def _call(piece: Callable[[], list[Outcome]]) -> list[Outcome]:
    return piece()


def main() -> None:
    """Print a row for each kind, and each wrong verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=int, nargs="?", default=10_000, help="of each kind")
    parser.add_argument("--processes", type=int, default=1)
    asked = parser.parse_args()
    print(f"{'kind':<20}{'true effect of rng x2':>22}{'runs':>8}{'wrong':>8}{'cannot tell':>13}   named")  # noqa: T201
    with ProcessPoolExecutor(asked.processes) as pool:
        for name, kind in KINDS.items():
            found = [one for piece in pool.map(_call, in_batches(name, asked.runs)) for one in piece]
            wrong = [said for one in found for said in one.wrong]
            undecided = sum(one.cannot_tell for one in found) / len(found)
            named = ", ".join(f"{who} {count}" for who, count in Counter(one.named for one in found).most_common())
            print(  # noqa: T201
                f"{name:<20}{kind.effect('rng'):>22.3f}{len(found):>8}{len(wrong):>8}{100 * undecided:>11.2f} %   {named}",
                flush=True,
            )
            for said in wrong[:5]:
                print(f"    {said}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
