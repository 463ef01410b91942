"""dclab monitor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from dclab.cli.options import KUBE, AddressOption
from dclab.cli.result import Result
from dclab.cli.values import Duration, parse_duration
from dclab.cli.verb import ExperimentCall, verb

if TYPE_CHECKING:
    from dclab.engines.kube.lab.client import KubeLab
    from dclab.engines.kube.lab.prometheus import Source
    from dclab.results import Monitoring

__all__ = ["monitor"]


@dataclass(frozen=True, kw_only=True)
class Monitored(Result):
    """Latencies over time, and where they are kept."""

    folder: str
    prometheus: str | None
    """Address of Prometheus' page; None where the exporters were read."""
    monitoring: Monitoring

    def text(self) -> Iterator[Any]:
        """The page, and the last value of each series."""
        from dclab.cli.tables import monitoring_lines

        if self.prometheus:
            yield f"Prometheus: {self.prometheus}/graph"
        yield from monitoring_lines(self.monitoring)
        yield f"Results: {self.folder}"


@verb
def monitor(
    call: ExperimentCall,
    seconds: Annotated[
        Duration,
        typer.Option(metavar="TIME", parser=parse_duration("time to follow", low=5), help="How long to follow."),
    ] = Duration(30),
    window: Annotated[
        Duration,
        typer.Option(
            metavar="TIME", parser=parse_duration("window", low=5), help="The expression's window (the exercise: 2m)."
        ),
    ] = Duration(120),
    keep: Annotated[
        bool, typer.Option("--keep", help="Then keep Prometheus' page reachable for other commands, until Ctrl-C.")
    ] = False,
    address: AddressOption = None,
    prometheus: Annotated[
        Literal["manifest", "helm"] | None,
        typer.Option(help="Where Prometheus comes from.", show_default="the one that is there, or manifest"),
        KUBE,
    ] = None,
    chart: Annotated[
        str | None,
        typer.Option(
            metavar="CHART",
            help="For helm: folder, archive or reference of a chart.",
            show_default="prometheus-community's",
        ),
        KUBE,
    ] = None,
) -> Monitored:
    """Follow latencies with the exercise's PromQL.

    Prometheus stays up afterwards, for its own page; without it the exporters are read.

    Example: dclab monitor --seconds 30s
    """
    from dclab.cli.page import Page
    from dclab.experiments.monitoring import follow, query, watch_latency

    source = _source(prometheus, chart)
    lab, output = call.lab, call.output
    if source:
        from dclab.engines.kube.lab.prometheus import ensure_prometheus

        output.step(f"Prometheus from {'a chart' if source.kind == 'helm' else 'our manifest'}")
        ensure_prometheus(cast("KubeLab", lab).api, lab.name, source)
    url = lab.prometheus_url()
    page = Page(lab, url, address) if url else None
    if page:
        output.note(f"Prometheus: {page.url}/graph")
        page.explain(output, "/graph")
        output.note(f"PromQL: {query(str(window))}")
    else:
        output.note("Prometheus is not installed (`dclab doctor` says how); reading the exporters themselves.")
    with call.recording() as recorder:
        found = follow(watch_latency(lab, window), seconds, recorder)
    if page and keep:
        call.afterwards(lambda: page.stay(output))
    return Monitored(folder=str(recorder.folder), prometheus=page.url if page else None, monitoring=found)


def _source(kind: str | None, chart: str | None) -> Source | None:
    """Return where Prometheus is wanted from; None when the user does not care."""
    if kind is None and chart is None:
        return None
    from dclab.engines.kube.lab.prometheus import parse_source

    return parse_source(kind, chart)
