"""dclab prove."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dclab.cli.options import SecondsOption, WorkersOption
from dclab.cli.result import Result
from dclab.cli.values import Duration
from dclab.cli.verb import ExperimentCall, verb

if TYPE_CHECKING:
    from dclab.results import Bottleneck, Intervention

__all__ = ["prove"]


@dataclass(frozen=True, kw_only=True)
class Proved(Result):
    """What each change did to the rate, and the bottleneck that it proves."""

    folder: str
    interventions: Sequence[Intervention]
    bottleneck: Bottleneck

    def text(self) -> Iterator[Any]:
        """A table and the verdict."""
        from dclab.cli.tables import bottleneck_lines, proof_lines

        yield from proof_lines(self.interventions)
        yield from bottleneck_lines(self.bottleneck)
        yield f"Results: {self.folder}"


@verb
def prove(
    call: ExperimentCall,
    workers: WorkersOption = 10,
    seconds: SecondsOption = Duration(30),
) -> Proved:
    """Prove the bottleneck: change one thing at a time.

    rng and hasher with more replicas, rng with threads, and (embedded) other load-balancing policies; each beside what
    theory allows. What limits next, and why it is not CPU, network or Redis.

    Example: dclab prove --workers 10
    """
    from dclab.experiments.bottleneck import find_bottleneck
    from dclab.experiments.latency import LatencySettings, run_latency
    from dclab.experiments.proof import ProofSettings, run_proof
    from dclab.experiments.rule_out import cpu_per_replica, redis_ms

    lab = call.lab
    with call.recording() as recorder:
        latency = run_latency(lab, LatencySettings(workers=(workers,), count=10), recorder)
        cpu = cpu_per_replica(lab, ("rng", "hasher"))
        found = run_proof(lab, ProofSettings(workers=workers, seconds=seconds), recorder)
        bottleneck = find_bottleneck(latency, None, found, cpu, redis_ms(lab))
        recorder.record(bottleneck=bottleneck)
    return Proved(folder=str(recorder.folder), interventions=found, bottleneck=bottleneck)
