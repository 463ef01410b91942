"""dclab probe-demo."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from dclab.cli.options import WorkersOption, count_option
from dclab.cli.result import Result
from dclab.cli.verb import ExperimentCall, verb


class Kind(StrEnum):
    """What a probe decides."""

    READINESS = "readiness"
    LIVENESS = "liveness"


@verb
def probe_demo(
    call: ExperimentCall,
    kind: Annotated[
        Kind,
        typer.Option(
            help="A failing readiness probe takes a replica out of service, a failing liveness probe restarts it."
        ),
    ] = Kind.READINESS,
    workers: WorkersOption = 15,
    period: Annotated[int, count_option("period", "periodSeconds of the probe.", high=60)] = 5,
    timeout: Annotated[int, count_option("timeout", "timeoutSeconds of the probe.", high=60)] = 1,
    failure_threshold: Annotated[int, count_option("failure threshold", "failureThreshold of the probe.", high=20)] = 3,
) -> Result:
    """Show what an HTTP health probe does to a busy rng.

    Predicts when rng is taken out of service, then measures with the manifest's TCP check and with GET / as a probe. The Deployment is
    restored afterwards. The defaults are those of the course's chapter on health checks.

    Example: dclab probe-demo --kind liveness --workers 15
    """
    from dclab.cli.tables import probe_lines
    from dclab.experiments.probe_demo import ProbeSettings, expected_seconds, run_probe_demo
    from dclab.lab import HealthProbe

    probe = HealthProbe(
        kind=kind.value, period_seconds=period, timeout_seconds=timeout, failure_threshold=failure_threshold
    )
    settings = ProbeSettings(probe=probe, workers=workers)
    with call.recording(expected={"probe demonstration": expected_seconds(settings)}) as recorder:
        found = run_probe_demo(call.lab, settings, recorder)
    return recorder.result(probe_lines, probes=found)
