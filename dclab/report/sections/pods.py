"""CPU and memory of the services, as `kubectl top pods` shows them, at rest and with the most workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dclab.experiments.pod_facts import pod_facts, rest_and_most
from dclab.report.blocks import Block, bullets, missing, table, text
from dclab.report.language import Words, together
from dclab.report.wording import evidence_sentence
from dclab.results import Pods, PodState, Results, ServiceUsage

__all__ = ["pods"]


def pods(results: Results, words: Words) -> Iterator[Block]:
    """Yield a table for rest and one for the most workers, and what they show."""
    found = results.pods
    states = rest_and_most(found) if found else None
    if found is None or states is None:
        yield missing(words, "dclab run")
        return
    yield text(
        words(
            "What kubectl top pods shows of each service, all its replicas together, with the fewest and with the most workers "
            "of the sweep. One worker is DockerCoins at rest: as it is deployed. Percentages are of what the replicas request and of "
            "what they may use at most; – where nothing is set. To see it without workers: dclab scale worker 0, then dclab top."
        )
    )
    for state in states:
        yield text(words("1 worker:") if state.workers == 1 else words("{workers} workers:", workers=state.workers))
        yield _state_table(state, words)
    yield text(_how(found, states, words))
    yield text(
        words(
            "Which of rng and hasher uses the most CPU, is it the one with the highest latency, and is the app CPU-bound?"
        )
    )
    facts = [evidence_sentence(one, words) for one in pod_facts(results)]
    yield bullets(facts or [words("This run does not answer that: rng or hasher was not measured.")])


def _state_table(state: PodState, words: Words) -> Block:
    head = ("", "replicas", "CPU", "95 % interval", "of request", "of limit", "memory", "of request", "of limit")
    rows = [(name, *_row(one)) for name, one in sorted(state.services.items())]
    return table([words(one) if one else one for one in head], rows)


def _row(one: ServiceUsage) -> Sequence[object]:
    allowed = one.resources
    interval = "–" if one.cpu_ci95 is None else f"{one.cpu_ci95[0]:.1f}–{one.cpu_ci95[1]:.1f}"
    return (
        one.replicas,
        f"{one.cpu_millicores:.1f}m",
        interval,
        *(
            _share(one.cpu_millicores, one.replicas, of, "m")
            for of in (allowed.cpu_request_millicores, allowed.cpu_limit_millicores)
        ),
        f"{one.memory_mib:.0f}Mi",
        *(
            _share(one.memory_mib, one.replicas, of, "Mi")
            for of in (allowed.memory_request_mib, allowed.memory_limit_mib)
        ),
    )


def _share(used: float, replicas: int, each: float | None, unit: str) -> str:
    """Per cent of what all replicas may use, and that."""
    if not each:
        return "–"
    percent = 100 * used / (replicas * each)
    return f"{percent:.{int(percent < 10)}f} % ({replicas * each:.0f}{unit})"


def _how(found: Pods, states: Sequence[PodState], words: Words) -> str:
    windows = min(one.windows for state in states for one in state.services.values())
    if found.source == "processes":
        how = words(
            "CPU is the time that the replicas' processes used between two readings, memory their resident set. Limits are "
            "the manifests'; the embedded engine does not enforce them."
        )
    else:
        how = words(
            "CPU and memory are what metrics.k8s.io publishes, in windows of {seconds:.0f} s that lie wholly in the state; "
            "memory is the working set.",
            seconds=max(one.window_seconds for one in states),
        )
    mean = (
        words("Each figure is from at least one window.")
        if windows == 1
        else words("Each figure is a mean over at least {windows} windows.", windows=windows)
    )
    return together(how, mean)
