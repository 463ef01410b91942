"""dclab up."""

from __future__ import annotations

from typing import Annotated

import typer

from dclab.cli.options import EngineOption, JsonOption, NameOption, QuietOption, VerboseOption
from dclab.cli.session import session

__all__ = ["up"]


def up(
    name: NameOption = "dclab",
    engine: EngineOption = "auto",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the web UI; 0 takes any free one.")] = 0,
    clock_speed: Annotated[
        float, typer.Option(min=1, max=20, help="How many times faster than Kubernetes' the autoscaler's clock runs.")
    ] = 1.0,
    sync_seconds: Annotated[
        float, typer.Option(min=1, max=600, help="Between two decisions of the autoscaler, on its clock.")
    ] = 15.0,
    metric_resolution: Annotated[
        float, typer.Option(min=1, max=600, help="Between two usage samples, on its clock (minikube's addon: 60).")
    ] = 15.0,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Start DockerCoins, and leave it running.

    Example: dclab up
    """
    with session("up", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.engines.choose import choose_engine
        from dclab.engines.embedded import launch
        from dclab.engines.embedded.wire import Settings
        from dclab.paths import check_name

        choice = choose_engine(engine)
        settings = Settings(
            name=check_name(name),
            clock_speed=clock_speed,
            sync_seconds=sync_seconds,
            metric_resolution_seconds=metric_resolution,
            webui_port=port,
        )
        output.step(f"starting {name} on the {choice.engine} engine")
        lab, started = launch.start(settings)
        try:
            lab.ready()
        except KeyboardInterrupt:
            if started:
                lab.down()
            raise
        url = lab.url("webui")
        if started:
            output.done(f"The lab {name!r} is up on the {choice.engine} engine ({choice.reason}).")
        else:
            output.done(f"The lab {name!r} was up already; nothing was changed.")
        output.show(f"Web UI: {url}", "Next: dclab scale-sweep, or dclab status; dclab down ends it.")
        output.result(
            {"name": name, "engine": choice.engine, "reason": choice.reason, "started": started, "webui": url}
        )
