"""dclab up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, cast

import typer

from dclab.cli.objects import Objects
from dclab.cli.options import EMBEDDED, EMBEDDED_OR_MINIKUBE, OWN_MINIKUBE, ImagesOption, YesOption
from dclab.cli.result import Result
from dclab.cli.verb import PlacedCall, verb
from dclab.errors import InvalidInput

if TYPE_CHECKING:
    from dclab.engines.embedded.client import EmbeddedLab
    from dclab.engines.embedded.wire import Settings

__all__ = ["up"]

UP_SECONDS = 120.0
"""For the replicas to be ready and the first hashes to come, images in place."""


@dataclass(frozen=True, kw_only=True)
class Up(Result):
    """A lab that is up. What its engine knows of it beside has a key of its own each."""

    name: str
    engine: str
    reason: str
    supervisor_pid: int | None = None
    context: str | None = None
    server: str | None = None
    namespace: str | None = None
    started: bool
    """Whether it was not up before."""
    webui: str | None
    """Address of the web UI; None where it has to be forwarded."""

    def confirmation(self) -> str:
        """Whether it was started."""
        if self.started:
            return f"The lab {self.name!r} is up on the {self.engine} engine ({self.reason})."
        same = "nothing was changed" if self.engine == "embedded" else "the manifests were applied again"
        return f"The lab {self.name!r} was up already; {same}."

    def text(self) -> Iterator[str]:
        """The web UI, and what to do next."""
        yield f"Web UI: {self.webui or 'dclab webui forwards it to this machine'}"
        yield "Next: dclab scale-sweep, or dclab status; dclab down ends it."


@verb
def up(
    call: PlacedCall,
    images: ImagesOption = "build",
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be applied; needs no cluster.")] = False,
    driver: Annotated[
        str | None,
        typer.Option(metavar="DRIVER", help="minikube's driver.", show_default="minikube's choice"),
        OWN_MINIKUBE,
    ] = None,
    cpus: Annotated[int, typer.Option(metavar="N", min=2, help="CPUs of a new minikube."), OWN_MINIKUBE] = 2,
    memory: Annotated[
        int, typer.Option(metavar="MB", min=1800, help="Memory of a new minikube, in MB."), OWN_MINIKUBE
    ] = 4096,
    kubernetes_version: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help="Of a new minikube, such as v1.34.0.", show_default="minikube's choice"),
        OWN_MINIKUBE,
    ] = None,
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="Port of the web UI; 0 takes any free one."), EMBEDDED
    ] = 0,
    clock_speed: Annotated[
        float,
        typer.Option(
            metavar="TIMES", min=1, max=20, help="How many times faster than Kubernetes' the autoscaler's clock runs."
        ),
        EMBEDDED,
    ] = 1.0,
    sync_seconds: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=1, max=600, help="Between two decisions of the autoscaler, on its clock."),
        EMBEDDED,
    ] = 15.0,
    metric_resolution: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=1, max=600, help="Between two usage samples (minikube's addon by itself: 60)."
        ),
        EMBEDDED_OR_MINIKUBE,
    ] = 15.0,
) -> Up | Objects:
    """Start DockerCoins, and leave it running.

    Example: dclab up
    """
    from dclab.cli.start import KubeOptions, start_lab
    from dclab.engines.embedded.wire import Settings
    from dclab.engines.kube.cluster.minikube import MinikubeSettings

    if dry_run:
        return _rendered(call, images)
    settings = Settings(
        name=call.name,
        clock_speed=clock_speed,
        sync_seconds=sync_seconds,
        metric_resolution_seconds=metric_resolution,
        webui_port=port,
    )
    minikube = MinikubeSettings(driver=driver, cpus=cpus, memory_mb=memory, kubernetes_version=kubernetes_version)
    if call.place == "minikube":
        _refuse_for_what_exists(call)
    lab, started = start_lab(call, settings, KubeOptions(images=images, minikube=minikube, yes=yes))
    if call.place == "embedded" and not started:
        _refuse_other_settings(call, cast("EmbeddedLab", lab).settings, settings)
    try:
        call.output.step("waiting for every replica and for the first hashes")
        lab.ready(UP_SECONDS)
    except KeyboardInterrupt:
        if started:
            lab.down()
        raise
    return Up(
        name=call.name,
        engine=call.choice.engine,
        reason=call.choice.reason,
        **lab.identity(),
        started=started,
        webui=lab.addresses().get("webui"),
    )


def _rendered(call: PlacedCall, images: str) -> Objects:
    from dclab.engines.kube.cluster.images import parse_images
    from dclab.engines.kube.lab.namespace import rendered

    return Objects(objects=rendered(call.name, parse_images(images)))


OPTION_OF = {
    "clock_speed": "clock-speed",
    "sync_seconds": "sync-seconds",
    "metric_resolution_seconds": "metric-resolution",
    "webui_port": "port",
}


def _refuse_other_settings(call: PlacedCall, running: Settings, wanted: Settings) -> None:
    """Raise InvalidInput when an option was typed that the running lab was not started with."""
    now, then = asdict(wanted), asdict(replace(running, name=wanted.name))
    typed = {field: option for field, option in OPTION_OF.items() if call.from_command_line(option.replace("-", "_"))}
    differing = [f"--{typed[one]} {then[one]:g}, not {now[one]:g}" for one in typed if now[one] != then[one]]
    if differing:
        raise InvalidInput(
            f"The lab {call.name!r} is running with other settings: {'; '.join(differing)}.",
            "They are decided when a lab starts; nothing was changed.",
            "Omit them to use the lab as it is, or run `dclab down` first.",
        )


def _refuse_for_what_exists(call: PlacedCall) -> None:
    """Raise InvalidInput when an option for a new minikube was typed, and there is one already."""
    from dclab.engines.kube.cluster.kubeconfig import PROFILE, find_profile

    typed = [one for one in ("driver", "cpus", "memory", "kubernetes_version") if call.from_command_line(one)]
    if typed and find_profile():
        raise InvalidInput(
            f"The minikube profile {PROFILE!r} exists already.",
            f"--{typed[0].replace('_', '-')} is decided when it is made.",
            "Omit it, or run `dclab down --cluster` first.",
        )
