"""The proof of the bottleneck: change one thing at a time at a fixed number of workers, and see what the rate does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from dclab.errors import DclabError, LabLost
from dclab.experiments.lab_window import Rescaled, measure_rate
from dclab.experiments.machine import watched_machine
from dclab.experiments.observer import Observer
from dclab.experiments.recovery import NOT_OURS, check_nothing_scales, counts_but_workers, put_back, restore
from dclab.experiments.sampling import known_well
from dclab.lab import Lab, ProbeSample, ProbeSpec
from dclab.measure.caveats import rate_caveats
from dclab.measure.mean import Mean, mean_interval
from dclab.measure.queueing import CYCLE_SECONDS, SERVICE_SECONDS, answer_seconds, bound_rate, queue_seconds
from dclab.measure.ratio import HELPS, pooled, quotient, verdict
from dclab.measure.simulate import simulated_rate
from dclab.measure.system import LoadBalancing
from dclab.results import Caveat, Intervention, Rate

__all__ = [
    "CHANGES",
    "FEW_CHANGES",
    "PROBES",
    "Change",
    "ProofSettings",
    "all_told",
    "changed",
    "run_proof",
    "theory",
    "told",
]

UNCHANGED = ("as it is", "as it is, afterwards")
TARGETS = ("rng", "hasher")
PROBES = ProbeSpec(count=8, rate=3.0)
"""Of each service while the rate is measured: what waits next. They cost rng nothing, and are done with the window."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that is done differently."""

    service: str
    replicas: int = 1
    threads: int = 1
    load_balancing: str = "random"

    def __str__(self) -> str:
        """Such as `rng x3, round robin`."""
        parts = [f"{self.service} x{self.replicas}"] if self.replicas > 1 else []
        parts += [f"{self.service} with {self.threads} threads"] if self.threads > 1 else []
        parts += [self.load_balancing] if self.load_balancing != "random" else []
        return ", ".join(parts)


FEW_CHANGES = (Change(service="rng", replicas=2),)
CHANGES = (
    *FEW_CHANGES,
    Change(service="hasher", replicas=2),
    Change(service="rng", replicas=3),
    Change(service="rng", replicas=4),
    Change(service="rng", threads=10),
    Change(service="rng", replicas=3, load_balancing="round robin"),
    Change(service="rng", replicas=3, load_balancing="better of two"),
)
"""What `dclab prove` tries; a load-balancing policy that the lab lacks is omitted."""


@dataclass(frozen=True, kw_only=True)
class ProofSettings:
    """What to try."""

    changes: tuple[Change, ...] = CHANGES
    workers: int = 10
    seconds: float = 30.0
    """Longest window of each; it ends sooner once its verdict is clear, or the rate known to ±2 %."""
    settle: float = 1.5
    """Seconds before each window, beside what the workers' queue needs to build up."""


def run_proof(
    lab: Lab, settings: ProofSettings, observer: Observer, unchanged: Rate | None = None
) -> tuple[Intervention, ...]:
    """The rate with nothing changed, then under each change by itself, then with nothing changed again.

    A change that the lab cannot carry out, such as more replicas than a node has CPU for, is named in a caveat.

    Args:
        lab: whose services are changed, and put back.
        settings: what to try.
        observer: of what is measured.
        unchanged: the rate with nothing changed, where it has just been measured; else it is measured first.
    """
    check_nothing_scales(lab)
    counts = counts_but_workers(lab)
    lab.scale("worker", settings.workers)
    before, after = UNCHANGED
    found = [
        _unchanged(before, settings, unchanged, counts)
        if unchanged
        else _measured(lab, before, None, counts, settings, observer, known_well)
    ]
    observer.record(interventions=tuple(found))
    base = found[0].hashes_per_second
    for change in settings.changes:
        if change.load_balancing not in lab.load_balancing_policies:
            continue
        try:
            with changed(lab, change):
                enough = known_well if _is_compared(change, settings.changes) else partial(told, base)
                wanted = {**counts, change.service: change.replicas * counts[change.service]}
                found.append(_measured(lab, str(change), change, wanted, settings, observer, enough))
        except (LabLost, *NOT_OURS):
            raise
        except DclabError as error:
            observer.caveat(
                Caveat(
                    code="change-failed",
                    message=f"{change} could not be tried. {error.what} {error.why}".strip(),
                    hint="The other changes were measured.",
                )
            )
        observer.record(interventions=tuple(found))
    if len(found) > 1:
        enough = partial(all_told, base, tuple(found[1:]))
        found.append(_measured(lab, after, None, counts, settings, observer, enough))
        observer.record(interventions=tuple(found))
        for caveat in _drift(base, found[-1].hashes_per_second):
            observer.caveat(caveat)
    return tuple(found)


def told(unchanged: Rate, rate: Rate) -> bool:
    """Whether it can be told if a change has helped."""
    return verdict(quotient(rate, unchanged), HELPS) != "cannot tell"


def all_told(before: Rate, changes: Sequence[Intervention], after: Rate) -> bool:
    """Whether each change has a verdict, now that the rate with nothing changed is known better."""
    unchanged = pooled([before, after])
    by_chance = [one for one in changes if one.choice == "random"]
    return all(told(unchanged, one.hashes_per_second) for one in by_chance)


def _is_compared(change: Change, changes: Sequence[Change]) -> bool:
    """Whether the change differs from another one in the load-balancing policy alone, so that the two are compared."""
    return any(replace(one, load_balancing=change.load_balancing) == change and one != change for one in changes)


def _drift(before: Rate, after: Rate) -> Iterator[Caveat]:
    if verdict(quotient(after, before), 1.0) != "cannot tell":
        rates = " and ".join(f"{one.mean:.2f} ± {one.half_width:.2f}" for one in (before, after))
        yield Caveat(
            code="baseline-drifted",
            message=f"With nothing changed the rate was {rates} hashes/s before and after the proof.",
            hint="The machine changed meanwhile, or where requests queue; the verdicts allow for both. Measure again when it is quiet.",
        )


def _unchanged(name: str, settings: ProofSettings, rate: Rate, counts: Mapping[str, int]) -> Intervention:
    return theory(
        Intervention(
            name=name,
            workers=settings.workers,
            hashes_per_second=rate,
            rngs=counts["rng"],
            hashers=counts["hasher"],
        )
    )


def _measured(
    lab: Lab,
    name: str,
    change: Change | None,
    counts: Mapping[str, int],
    settings: ProofSettings,
    observer: Observer,
    enough: Callable[[Rate], bool],
) -> Intervention:
    """The rate under a change that has just been made, and how long probes wait meanwhile."""
    observer.step(f"proof at {settings.workers} workers: {name}")
    rngs = max(1, counts["rng"] // (change.replicas if change and change.service == "rng" else 1))
    with watched_machine(observer, f"the proof ({name})"):
        try:
            rate, samples = _settled(lab, name, counts, settings, observer, enough, rngs)
        except Rescaled as error:
            restore(lab, {**counts, "worker": settings.workers})
            hint = "It was scaled back, and measured again."
            observer.caveat(Caveat(code=error.code, message=f"proof {name}: {error.what}", hint=hint))
            rate, samples = _settled(lab, name, counts, settings, observer, enough, rngs)
    for caveat in rate_caveats(rate, "The rate with nothing changed" if change is None else f"The rate with {name}"):
        if (
            change is None or caveat.code != "wide-interval"
        ):  # of a change the verdict says whether it is known well enough
            observer.caveat(caveat)
    waits = {target: mean for target, each in samples.items() if (mean := _wait(target, each, observer))}
    found = replace(
        _unchanged(name, settings, rate, counts),
        probe_ms={target: one.mean for target, one in waits.items()},
        probe_ms_ci95={target: (one.low, one.high) for target, one in waits.items()},
    )
    if change is None:
        return found
    return theory(
        replace(
            found,
            service=change.service,
            replicas=change.replicas,
            threads=change.threads,
            choice=change.load_balancing,
        )
    )


def theory(found: Intervention) -> Intervention:
    """Return it with what theory allows and predicts, whatever was measured."""
    changes_rng = found.service == "rng"
    rngs = found.rngs or (found.replicas if changes_rng else 1)
    hashers = found.hashers or (found.replicas if found.service == "hasher" else 1)
    at_most = bound_rate(found.workers, rngs * found.threads, hashers)
    if (rngs == 1 and not changes_rng) or found.threads > 1:
        return replace(found, at_most=at_most, predicted=at_most)
    think = CYCLE_SECONDS - SERVICE_SECONDS
    policy = cast(LoadBalancing, found.choice)
    predicted = simulated_rate(found.workers, rngs, think, SERVICE_SECONDS, hashers=hashers, load_balancing=policy)
    return replace(found, at_most=at_most, predicted=predicted)


def _settled(
    lab: Lab,
    name: str,
    counts: Mapping[str, int],
    settings: ProofSettings,
    observer: Observer,
    enough: Callable[[Rate], bool],
    rngs: int,
) -> tuple[Rate, Mapping[str, Sequence[ProbeSample]]]:
    """Let the queue build up, then measure the rate, and the probes of each service meanwhile; `rngs` are there without the change."""
    # Also after a change that was taken back: calls that wait at the rngs that there were before are served there.
    time.sleep(settings.settle + queue_seconds(settings.workers, rngs))
    spec = replace(PROBES, timeout=answer_seconds(settings.workers, rngs))
    with ThreadPoolExecutor(len(TARGETS)) as pool:
        probes = {target: pool.submit(lab.probe, target, spec) for target in TARGETS}
        rate = measure_rate(
            lab, settings.seconds, observer, f"proof {name}", workers=settings.workers, counts=counts, enough=enough
        ).rate
        return rate, {target: each.result() for target, each in probes.items()}


def _wait(target: str, samples: Sequence[ProbeSample], observer: Observer) -> Mean | None:
    """Mean wait of a service's probes; None where too few were answered to tell."""
    observer.raw("proof", ({"target": target, "at": one.at, "total_ms": one.total_ms} for one in samples))
    return mean_interval(one.total_ms for one in samples)


@contextmanager
def changed(lab: Lab, change: Change) -> Iterator[None]:
    """Make the change, and put the service back in the end."""
    before = lab.replicas(change.service).desired
    undo: list[Callable[[], object]] = [
        lambda: lab.set_load_balancing(lab.load_balancing_policies[0]),
        lambda: lab.scale(change.service, before),
    ]
    if change.threads > 1:
        undo.append(lambda: lab.configure(change.service, {}))
    with put_back(*undo):
        lab.set_load_balancing(change.load_balancing)
        if change.threads > 1:
            lab.configure(change.service, {"THREADS": str(change.threads)})
        if change.replicas > 1:
            lab.scale(change.service, change.replicas * before)
        yield
