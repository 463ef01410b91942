"""dclab prove."""

from __future__ import annotations

from typing import Annotated

import typer

from dclab.cli.options import (
    ContextOption,
    EngineOption,
    JsonOption,
    NameOption,
    OutOption,
    QuietOption,
    VerboseOption,
    parse_count,
    parse_duration,
)
from dclab.cli.session import recording, session

__all__ = ["prove"]


def prove(
    workers: Annotated[str, typer.Option(help="How many workers run meanwhile.")] = "10",
    seconds: Annotated[str, typer.Option(help="Longest time to sample each; less, once ±2 % are reached.")] = "30s",
    name: NameOption = None,
    engine: EngineOption = "auto",
    context: ContextOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Prove the bottleneck: change one thing at a time.

    rng and hasher with more replicas, rng with threads, and (embedded) other ways to choose a replica; each beside what
    theory allows. What limits next, and why it is not CPU, network or Redis.

    Example: dclab prove --workers 10
    """
    with session("prove", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.cli.tables import bottleneck_lines, proof_lines
        from dclab.engines.choose import find_lab
        from dclab.experiments.bottleneck import find_bottleneck
        from dclab.experiments.latency import LatencySettings, run_latency
        from dclab.experiments.proof import ProofSettings, run_proof
        from dclab.experiments.rule_out import cpu_per_replica, redis_ms
        from dclab.run_folder import new_folder

        count = parse_count(workers, "number of workers")
        settings = ProofSettings(workers=count, seconds=parse_duration(seconds, "time to sample", low=3))
        lab, choice = find_lab(name, engine, context)
        folder = new_folder(out, lab.engine)
        command = f"dclab prove --workers {workers} --seconds {seconds}"
        with recording(output, lab, choice.reason, folder, command=command) as recorder:
            latency = run_latency(lab, LatencySettings(workers=(count,), count=10), recorder)
            cpu = cpu_per_replica(lab, ("rng", "hasher"))
            found = run_proof(lab, settings, recorder)
            bottleneck = find_bottleneck(latency, None, found, cpu, redis_ms(lab))
            recorder.record(bottleneck=bottleneck)
        output.show(*proof_lines(found), *bottleneck_lines(bottleneck), f"Results: {folder}")
        output.result({"folder": str(folder), "interventions": found, "bottleneck": bottleneck})
