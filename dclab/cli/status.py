"""dclab status."""

from __future__ import annotations

from dclab.cli.lab_state import deployment_states, deployment_table
from dclab.cli.options import ContextOption, EngineOption, JsonOption, NameOption, QuietOption, VerboseOption
from dclab.cli.session import session

__all__ = ["status"]


def status(
    name: NameOption = None,
    engine: EngineOption = "auto",
    context: ContextOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Show what runs, with its CPU and memory.

    Replicas ready and wanted, restarts, and the address of every service.

    Example: dclab status
    """
    with session("status", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.engines.choose import find_lab

        lab, choice = find_lab(name, engine, context)
        deployments = deployment_states(lab)
        urls = dict(lab.addresses())
        identity = lab.identity()
        clock = "" if lab.clock_speed == 1 else f"; the autoscaler's clock runs ×{lab.clock_speed:g}"
        cluster = f", context {identity['context']!r} at {identity['server']}" if "context" in identity else ""
        output.show(
            f"The lab {lab.name!r} runs on the {lab.engine} engine{cluster}{clock}.",
            deployment_table(deployments),
            *(f"{service}: {url}" for service, url in urls.items()),
        )
        output.result(
            {
                "name": lab.name,
                "engine": lab.engine,
                "reason": choice.reason,
                **identity,
                "clock_speed": lab.clock_speed,
                "deployments": deployments,
                "urls": urls,
            }
        )
