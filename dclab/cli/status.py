"""dclab status."""

from __future__ import annotations

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
        from dclab.output import table

        lab, choice = find_lab(name, engine, context)
        rows = []
        deployments = {}
        for deployment in lab.deployments():
            counts = lab.replicas(deployment)
            usage = lab.usage(deployment)
            cpu = sum(one.cpu_millicores for one in usage)
            memory = sum(one.memory_mb for one in usage)
            deployments[deployment] = {
                "desired": counts.desired,
                "ready": counts.ready,
                "terminating": counts.terminating,
                "restarts": counts.restarts,
                "cpu_millicores": cpu if usage else None,
                "memory_mb": memory if usage else None,
            }
            shown = (f"{cpu:.0f}m", f"{memory:.0f} MB") if usage else ("–", "–")
            rows.append((deployment, f"{counts.ready}/{counts.desired}", counts.restarts, *shown))
        urls = dict(lab.addresses())
        identity = lab.identity()
        clock = "" if lab.clock_speed == 1 else f"; the autoscaler's clock runs ×{lab.clock_speed:g}"
        cluster = f", context {identity['context']!r} at {identity['server']}" if "context" in identity else ""
        output.show(
            f"The lab {lab.name!r} runs on the {lab.engine} engine{cluster}{clock}.",
            table("deployment", "ready", "restarts", "CPU", "memory", rows=rows),
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
