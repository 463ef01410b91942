"""Starting a lab, for the verbs that do: on the engine that was chosen, with what the user may decide."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from dclab.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from dclab.cli.output import Output
    from dclab.cli.verb import PlacedCall
    from dclab.engines.embedded.wire import Settings
    from dclab.engines.kube.cluster.minikube import MinikubeSettings
    from dclab.engines.kube.launch import Place
    from dclab.lab import Lab

__all__ = ["KubeOptions", "refuse_for_existing_profile", "refuse_other_settings", "start_lab"]


@dataclass(frozen=True, kw_only=True)
class KubeOptions:
    """What only the kube engine wants to know."""

    images: str = "build"
    minikube: MinikubeSettings | None = None
    yes: bool = False


def start_lab(call: PlacedCall, settings: Settings, kube: KubeOptions, *, leased: bool = False) -> tuple[Lab, bool]:
    """Return the lab of that name, started if need be, and whether it was. Its replicas may not be ready yet.

    Args:
        call: names the lab.
        settings: of a lab that has to be started.
        kube: what only the kube engine wants to know.
        leased: a lab that had to be started is this process' own: it holds it, and the lab ends with it, however it ends.
    """
    call.output.step(f"starting {settings.name} on the {call.choice.engine} engine")
    if call.choice.engine == "kube":
        return _on_kube(call, settings, kube, leased=leased)
    from dclab.engines.embedded import launch

    holder = f"dclab {call.click.info_name}" if leased else ""
    return launch.start(settings, leased=leased, held_by=holder, say=call.output.step)


def _on_kube(call: PlacedCall, settings: Settings, kube: KubeOptions, *, leased: bool) -> tuple[Lab, bool]:
    from dclab.engines.kube import launch
    from dclab.engines.kube.cluster import minikube
    from dclab.engines.kube.cluster.images import parse_images
    from dclab.engines.kube.cluster.metrics_server import prepare_metrics

    output = call.output
    images = parse_images(kube.images)
    if call.context is None:
        minikube.ensure_running(kube.minikube or minikube.MinikubeSettings(), output.step)
    where = launch.place(call.context, settings.name)
    output.note(f"{where}.")
    if not where.local and not launch.exists(where):
        _confirm(output, where, yes=kube.yes)
    lab, started = launch.start(where, images, output.step, leased=leased)
    if call.context is None:
        output.step("waiting for metrics-server")
        if not prepare_metrics(where.api, settings.metric_resolution_seconds):
            output.note("metrics-server does not answer yet; until it does, no autoscaler knows any usage.")
    return lab, started


def _confirm(output: Output, where: Place, *, yes: bool) -> None:
    """Ask before anything is put into a cluster that may be someone's."""
    if yes or output.confirm(
        f"This does not look like a cluster of this machine. Make the namespace {where.namespace!r} in it?"
    ):
        return
    raise Refused(
        f"Nothing was changed in the cluster of the context {where.api.context!r}.",
        "The cluster does not seem to run on this machine, and the question was not answered with yes.",
        "Add --yes to use this cluster.",
    )


OPTION_OF = {
    "clock_speed": "clock-speed",
    "sync_seconds": "sync-seconds",
    "metric_resolution_seconds": "metric-resolution",
    "webui_port": "port",
}


def refuse_other_settings(call: PlacedCall, running: Settings, wanted: Settings) -> None:
    """Raise InvalidInput when an option was typed that the running lab was not started with; note one from elsewhere."""
    now, then = asdict(wanted), asdict(replace(running, name=wanted.name))
    given = {field: option for field, option in OPTION_OF.items() if call.is_given(option.replace("-", "_"))}
    differing = {
        option: f"--{option} {then[field]:g}, not {now[field]:g}"
        for field, option in given.items()
        if now[field] != then[field]
    }
    said = f"The lab {call.name!r} is running with other settings: {'; '.join(differing.values())}."
    if any(call.from_command_line(option.replace("-", "_")) for option in differing):
        raise InvalidInput(
            said,
            "These settings are fixed when a lab starts; nothing was changed.",
            f"Omit them to use the lab as it is, or run `dclab down{call.again}` first.",
        )
    if differing:
        call.output.note(said)


def refuse_for_existing_profile(call: PlacedCall, wanted: MinikubeSettings) -> None:
    """Raise InvalidInput when an option for a new minikube was typed, and there is one already that is otherwise."""
    from dclab.engines.kube.cluster.profile import PROFILE, find_profile

    found = find_profile()
    if found is None or found.half_made:
        return
    settings = {
        "driver": (wanted.driver, found.driver),
        "cpus": (wanted.cpus, found.cpus),
        "memory": (wanted.memory_mb, found.memory_mb),
        "kubernetes_version": (
            (wanted.kubernetes_version or "").removeprefix("v"),
            found.kubernetes_version.removeprefix("v"),
        ),
    }
    differing = [
        f"--{option.replace('_', '-')} {then}, not {now}"
        for option, (now, then) in settings.items()
        if call.from_command_line(option) and now != then
    ]
    if differing:
        raise InvalidInput(
            f"The minikube profile {PROFILE!r} exists already, with other settings: {'; '.join(differing)}.",
            "These settings are fixed when the profile is created; nothing was changed.",
            "Omit them to use it as it is, or run `dclab down --cluster` first.",
        )
