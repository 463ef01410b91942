"""dclab up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from dclab.cli.objects import yaml_documents
from dclab.cli.options import (
    EMBEDDED,
    EMBEDDED_OR_MINIKUBE,
    KUBE,
    OWN_MINIKUBE,
    ImagesOption,
    YesOption,
    count_option,
    number_option,
)
from dclab.cli.result import Result
from dclab.cli.verb import PlacedCall, verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dclab.engines.embedded.client import EmbeddedLab
    from dclab.engines.kube.cluster.images import Images
    from dclab.manifests import Manifest

UP_SECONDS = 120.0
"""For the replicas to be ready and the first hashes to come, images in place."""


@verb
def up(
    call: PlacedCall,
    images: ImagesOption = "build",
    yes: YesOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be applied; needs no cluster."), KUBE
    ] = False,
    driver: Annotated[
        str | None,
        typer.Option(metavar="DRIVER", help="minikube's driver.", show_default="minikube's choice"),
        OWN_MINIKUBE,
    ] = None,
    cpus: Annotated[int, count_option("number of CPUs", "CPUs of a new minikube.", low=2, high=1024), OWN_MINIKUBE] = 2,
    memory: Annotated[
        int,
        count_option("memory", "Memory of a new minikube, in MB.", low=1800, high=10**9, metavar="MB"),
        OWN_MINIKUBE,
    ] = 4096,
    kubernetes_version: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION", help="Version of a new minikube, such as v1.35.1.", show_default="minikube's choice"
        ),
        OWN_MINIKUBE,
    ] = None,
    port: Annotated[
        int,
        count_option("port", "Port of the web UI; 0 takes any free one.", low=0, high=65535, metavar="PORT"),
        EMBEDDED,
    ] = 0,
    clock_speed: Annotated[
        float,
        number_option(
            "clock speed", "", "How many times faster than Kubernetes' the autoscaler's clock runs.", low=1, high=20
        ),
        EMBEDDED,
    ] = 1.0,
    sync_seconds: Annotated[
        float,
        number_option("time", "seconds", "Time between two decisions of the autoscaler.", low=1, high=600),
        EMBEDDED,
    ] = 15.0,
    metric_resolution: Annotated[
        float,
        number_option(
            "time", "seconds", "Time between two usage samples (the default of minikube's addon: 60).", low=1, high=600
        ),
        EMBEDDED_OR_MINIKUBE,
    ] = 15.0,
) -> Result:
    """Start DockerCoins, and leave it running.

    Example: dclab up
    """
    from dclab.cli.start import KubeOptions, refuse_for_existing_profile, refuse_other_settings, start_lab
    from dclab.engines.embedded.wire import Settings
    from dclab.engines.kube.cluster.minikube import MinikubeSettings

    if dry_run:
        from dclab.engines.kube.cluster.images import parse_images
        from dclab.engines.kube.lab.namespace import rendered

        source = parse_images(images)
        return Result(_shown, objects=rendered(call.name, source), later=_added_later(call.name, source))
    settings = Settings(
        name=call.name,
        clock_speed=clock_speed,
        sync_seconds=sync_seconds,
        metric_resolution_seconds=metric_resolution,
        webui_port=port,
    )
    minikube = MinikubeSettings(driver=driver, cpus=cpus, memory_mb=memory, kubernetes_version=kubernetes_version)
    if call.place == "minikube":
        refuse_for_existing_profile(call, minikube)
    lab, started = start_lab(call, settings, KubeOptions(images=images, minikube=minikube, yes=yes))
    if call.place == "embedded" and not started:
        refuse_other_settings(call, cast("EmbeddedLab", lab).settings, settings)
    try:
        call.output.step("waiting for every replica and for the first hashes")
        lab.ready(UP_SECONDS)
    except KeyboardInterrupt:
        if started:
            lab.down()
        raise
    same = "nothing was changed" if call.place == "embedded" else "the manifests were applied again"
    return Result(
        _lines,
        done=f"The lab {call.name!r} is up on the {call.choice.engine} engine ({call.choice.reason})."
        if started
        else f"The lab {call.name!r} was up already; {same}.",
        name=call.name,
        engine=call.choice.engine,
        reason=call.choice.reason,
        **lab.identity(),
        started=started,
        webui=lab.addresses().get("webui"),
    )


def _added_later(namespace: str, images: Images) -> list[Manifest]:
    """What experiments put beside the lab: Prometheus, and what serves metrics of rng, without its certificate."""
    from dclab import manifests
    from dclab.engines.kube.lab.serving import SCRAPE_SECONDS, serving_objects

    return [*manifests.optional("prometheus"), *serving_objects(namespace, images, "rng", SCRAPE_SECONDS)]


def _shown(objects: Sequence[Manifest], later: Sequence[Manifest]) -> Iterator[str]:
    """The objects for kubectl; what is not applied yet by name, as comments: there is no certificate for it."""
    yield from yaml_documents(objects)
    yield "# Not applied by `up`: added by `monitor`, and by `hpa-compare` and `hpa-demo --metric` for as long as they run:"
    for one in later:
        yield f"#   {one['kind']} {one['metadata']['name']}"


def _lines(webui: str | None, **_: Any) -> Iterator[str]:
    yield f"Web UI: {webui or 'dclab webui forwards it to this machine'}"
    yield "Next: dclab scale-sweep or dclab status. dclab down stops the lab."
