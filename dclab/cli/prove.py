"""dclab prove."""

from __future__ import annotations

from dclab.cli.options import SecondsOption, WorkersOption
from dclab.cli.result import Result
from dclab.cli.values import Duration
from dclab.cli.verb import ExperimentCall, verb


@verb
def prove(call: ExperimentCall, workers: WorkersOption = 10, seconds: SecondsOption = Duration(30)) -> Result:
    """Prove the bottleneck: change one thing at a time.

    rng and hasher with more replicas, rng with threads, and (embedded) other load-balancing policies; each beside what
    theory allows. What limits next, and why it is not CPU, network or Redis.

    Example: dclab prove --workers 10
    """
    from dclab.cli.tables import proof_lines
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
    return recorder.result(proof_lines, interventions=found, bottleneck=bottleneck)
