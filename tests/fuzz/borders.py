"""Every border, and the search for inputs that it does not hold."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz import autoscalers, clusters, handed_in, kubeconfigs, labs, lines, runs, web
from tests.fuzz.case import Input
from tests.fuzz.judge import findings, other_contexts
from tests.fuzz.sandbox import Outcome, Sandbox

__all__ = ["BORDERS", "Tally", "search"]

BORDERS: dict[str, Callable[[], st.SearchStrategy[Input]]] = {
    "command line": lines.command_lines,
    "kubeconfig": kubeconfigs.kubeconfigs,
    "api": clusters.api_answers,
    "supervisor": labs.supervisors,
    "lab.json": labs.lab_files,
    "results": runs.results,
    "hpa": autoscalers.hpa_manifests,
    "trace": autoscalers.traces,
    "webui": web.web_uis,
    "metrics": labs.exporters,
    "probe": web.probes,
    "siege": labs.sieges,
    "prometheus": labs.prometheus,
    "quantity": clusters.quantities,
    "course": handed_in.courses,
    "archive": handed_in.archives,
}

KUBECTL = shutil.which("kubectl")
BESIDE_KUBECTL = 40
"""Of so many kubeconfigs one is shown to kubectl, which takes 60 ms each."""


@dataclass
class Tally:
    """What came of a border's inputs."""

    inputs: int = 0
    refused: int = 0
    """Exit code other than 0."""
    slowest: float = 0.0
    peak_mb: float = 0.0
    found: dict[tuple[str, str], Input] = field(default_factory=dict)
    """The smallest input for each finding, by its kind and cause."""

    def count(self, kind: str) -> int:
        """How many findings of a kind have different causes."""
        return sum(found == kind for found, _ in self.found)

    def add(self, one: Input, outcome: Outcome, beside: Iterator[tuple[str, str]]) -> None:
        """Count an input."""
        self.inputs += 1
        self.refused += outcome.code != 0
        self.slowest = max(self.slowest, outcome.seconds)
        self.peak_mb = max(self.peak_mb, outcome.peak_mb)
        for key in (*findings(one, outcome), *beside):
            if key not in self.found or one.size < self.found[key].size:
                self.found[key] = one


def search(border: str, inputs: int, sandbox: Sandbox, number: int | None = None) -> Tally:
    """Run so many inputs of a border; the same ones each time without a seed."""
    tally = Tally()

    @settings(
        max_examples=inputs,
        database=None,
        deadline=None,
        derandomize=number is None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(BORDERS[border]())
    def attempt(one: Input) -> None:
        tally.add(one, sandbox.run(one), _beside_kubectl(one, sandbox, tally.inputs))

    (attempt if number is None else seed(number)(attempt))()
    return tally


def _beside_kubectl(one: Input, sandbox: Sandbox, index: int) -> Iterator[tuple[str, str]]:
    if KUBECTL and one.border == "kubeconfig" and index % BESIDE_KUBECTL == 0:
        yield from other_contexts(KUBECTL, one.environment["KUBECONFIG"].replace("{folder}", str(sandbox.folder)))
