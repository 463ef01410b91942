"""dclab prove."""

from __future__ import annotations

from dclab.cli.options import ForceOption, SecondsOption, WorkersOption
from dclab.cli.result import Result
from dclab.cli.values import Duration
from dclab.cli.verb import ExperimentCall, verb


@verb
def prove(
    call: ExperimentCall,
    workers: WorkersOption = 10,
    seconds: SecondsOption = Duration(30),
    force: ForceOption = False,
) -> Result:
    """Prove the bottleneck: change one thing at a time.

    Measures the rate with more replicas of rng and hasher, with threads in rng, and on the embedded engine with other load-balancing
    policies, each beside the theoretical limit. Says what limits next, and whether CPU, network and Redis can be ruled out.

    Example: dclab prove --workers 10
    """
    from dclab.cli.tables import proof_lines
    from dclab.experiments.investigation import Investigation
    from dclab.experiments.latency import LatencySettings
    from dclab.experiments.proof import ProofSettings

    call.check_room(workers, force=force)
    with call.recording() as recorder:
        found = Investigation(call.lab, recorder)
        found.suspect(LatencySettings(workers=(workers,), count=10))
        found.prove(ProofSettings(workers=workers, seconds=seconds))
        bottleneck = found.conclude()
    return recorder.result(proof_lines, interventions=found.interventions, bottleneck=bottleneck)
