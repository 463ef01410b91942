"""Recompute CPU and memory of the services from the windows of each replica."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from msgspec import to_builtins

from dclab.experiments.pods import UsageRow, pod_state
from dclab.results import PodState, Results
from dclab.verify.finding import Finding, differences
from dclab.verify.raw import Raw

__all__ = ["verify_pods"]

OVERLAP_SECONDS = 1.5
"""metrics.k8s.io dates windows in whole seconds."""


def verify_pods(results: Results, raw: Raw) -> Iterator[Finding]:
    """Yield what differs, and windows that are not where they should be."""
    for index, state in enumerate(results.pods.states if results.pods else ()):
        where = f"pods.states[{index}]"
        rows = [one for one in raw.pods if one.workers == state.workers]
        # Of several attempts the last one counts.
        rows = [one for one in rows if one.attempt == max(each.attempt for each in rows)]
        yield from _windows(where, state, rows)
        resources = {name: one.resources for name, one in state.services.items()}
        computed = pod_state(state.workers, state.began, state.ended, rows, resources)
        if computed is None:
            yield Finding(where=where, why="the raw data have no window of it")
            continue
        yield from differences(where, to_builtins(state), to_builtins(computed))
    known = {one.workers for one in results.pods.states} if results.pods else set()
    if results.finished and (more := {one.workers for one in raw.pods} - known):
        counts = ", ".join(map(str, sorted(more)))
        yield Finding(where="pods.states", why=f"the raw data have windows at {counts} workers, and the results none")
    if results.pods and results.engine == "embedded":
        yield from differences("pods.cores", results.pods.cores, float(results.environment.cpus))


def _windows(where: str, state: PodState, rows: list[UsageRow]) -> Iterator[Finding]:
    """Each window lies in its state, and those of a replica follow one another."""
    ends: dict[str, list[UsageRow]] = {}
    for one in rows:
        ends.setdefault(one.replica, []).append(one)
        if not state.began <= one.at - one.window_seconds <= one.at <= state.ended:
            yield Finding(where=where, why=f"a window of {one.replica} does not lie between its beginning and its end")
    for replica, windows in ends.items():
        windows.sort(key=lambda one: one.at)
        if any(b.at - b.window_seconds < a.at - OVERLAP_SECONDS for a, b in pairwise(windows)):
            yield Finding(where="raw/pods.jsonl", why=f"windows of {replica} overlap")
