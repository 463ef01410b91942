"""dclab up."""

from __future__ import annotations

from typing import Annotated

import typer

from dclab.cli.options import (
    ContextOption,
    EngineOption,
    ImagesOption,
    JsonOption,
    NameOption,
    QuietOption,
    VerboseOption,
    YesOption,
)
from dclab.cli.session import session

__all__ = ["up"]

UP_SECONDS = 120.0
"""For the replicas to be ready and the first hashes to come, images in place."""


def up(
    name: NameOption = None,
    engine: EngineOption = "auto",
    context: ContextOption = None,
    images: ImagesOption = "build",
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be applied; needs no cluster.")] = False,
    driver: Annotated[str | None, typer.Option(help="minikube's driver; minikube chooses one without it.")] = None,
    cpus: Annotated[int, typer.Option(min=2, help="CPUs of a new minikube.")] = 2,
    memory: Annotated[int, typer.Option(min=1800, help="Memory of a new minikube, in MB.")] = 4096,
    kubernetes_version: Annotated[str | None, typer.Option(help="Of a new minikube, such as v1.34.0.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the embedded web UI; 0 takes any free one.")] = 0,
    clock_speed: Annotated[
        float,
        typer.Option(
            min=1, max=20, help="How many times faster than Kubernetes' the embedded autoscaler's clock runs."
        ),
    ] = 1.0,
    sync_seconds: Annotated[
        float, typer.Option(min=1, max=600, help="Between two decisions of the embedded autoscaler, on its clock.")
    ] = 15.0,
    metric_resolution: Annotated[
        float, typer.Option(min=1, max=600, help="Between two usage samples (minikube's addon by itself: 60).")
    ] = 15.0,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Start DockerCoins, and leave it running.

    Example: dclab up
    """
    with session("up", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.cli.start import KubeOptions, start_lab
        from dclab.engines.choose import choose_engine, lab_name
        from dclab.engines.embedded.wire import Settings
        from dclab.engines.kube.cluster.minikube import MinikubeSettings

        choice = choose_engine(engine, context)
        known = lab_name(name, choice.engine)
        if dry_run:
            from dclab.engines.kube.cluster.images import parse_images
            from dclab.engines.kube.lab.namespace import rendered

            objects = rendered(known, parse_images(images))
            output.document(objects)
            output.result({"objects": objects})
            return
        settings = Settings(
            name=known,
            clock_speed=clock_speed,
            sync_seconds=sync_seconds,
            metric_resolution_seconds=metric_resolution,
            webui_port=port,
        )
        minikube = MinikubeSettings(driver=driver, cpus=cpus, memory_mb=memory, kubernetes_version=kubernetes_version)
        kube = KubeOptions(context=context, images=images, minikube=minikube, yes=yes)
        lab, started = start_lab(output, choice, settings, kube)
        try:
            output.step("waiting for every replica and for the first hashes")
            lab.ready(UP_SECONDS)
        except KeyboardInterrupt:
            if started:
                lab.down()
            raise
        url = lab.addresses().get("webui")
        if started:
            output.done(f"The lab {known!r} is up on the {choice.engine} engine ({choice.reason}).")
        else:
            same = "nothing was changed" if choice.engine == "embedded" else "the manifests were applied again"
            output.done(f"The lab {known!r} was up already; {same}.")
        output.show(
            f"Web UI: {url or 'dclab webui forwards it to this machine'}",
            "Next: dclab scale-sweep, or dclab status; dclab down ends it.",
        )
        output.result(
            {
                "name": known,
                "engine": choice.engine,
                "reason": choice.reason,
                **lab.identity(),
                "started": started,
                "webui": url,
            }
        )
