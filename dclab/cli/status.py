"""dclab status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dclab.cli.lab_state import ShownDeployment, deployment_states, deployment_table, lab_troubles
from dclab.cli.result import Result
from dclab.cli.verb import LabCall, verb


@verb
def status(call: LabCall) -> Result:
    """Show what runs, with its CPU and memory.

    Shows ready and desired replicas, restarts, what keeps the lab from being ready, and the address of every service. CPU and memory
    are missing until the first usage sample, up to a minute after a start.

    Example: dclab status
    """
    lab = call.lab
    deployments = deployment_states(lab)
    troubles = lab_troubles(lab, deployments)
    return Result(
        _lines,
        name=lab.name,
        engine=lab.engine,
        reason=call.choice.reason,
        **lab.identity(),
        clock_speed=lab.clock_speed,
        ready=not troubles and all(one.ready == one.desired for one in deployments.values()),
        troubles=troubles,
        deployments=deployments,
        urls=lab.addresses(),
    )


def _lines(
    name: str,
    engine: str,
    clock_speed: float,
    ready: bool,
    troubles: Sequence[str],
    deployments: Mapping[str, ShownDeployment],
    urls: Mapping[str, str],
    **more: Any,
) -> Iterator[Any]:
    clock = "" if clock_speed == 1 else f"; the autoscaler's clock runs ×{clock_speed:g}"
    cluster = f", context {more['context']!r} at {more['server']}" if "context" in more else ""
    yield f"The lab {name!r} runs on the {engine} engine{cluster}{clock}."
    yield deployment_table(deployments)
    if not ready:
        yield "The lab is not ready."
    yield from troubles
    yield from (f"{service}: {url}" for service, url in urls.items())
