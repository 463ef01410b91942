"""Options that several verbs share, and to which engine an option belongs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from dclab.cli import completion
from dclab.cli.values import (
    MOST_REPLICAS,
    Duration,
    parse_address,
    parse_count,
    parse_counts,
    parse_duration,
    parse_number,
)
from dclab.paths import check_name

__all__ = [
    "EMBEDDED",
    "EMBEDDED_OR_MINIKUBE",
    "KUBE",
    "OWN_MINIKUBE",
    "AddressOption",
    "AppliesTo",
    "ContextOption",
    "CourseOption",
    "Engine",
    "EngineOption",
    "ForceOption",
    "ImagesOption",
    "JsonOption",
    "Language",
    "LanguageOption",
    "Metric",
    "NameOption",
    "OutOption",
    "Place",
    "QuietOption",
    "ScrapeOption",
    "SecondsOption",
    "SloOption",
    "Target",
    "TargetOption",
    "VerboseOption",
    "WorkersOption",
    "YesOption",
    "count_option",
    "counts_option",
    "duration_option",
    "number_option",
]

Engine = Literal["auto", "embedded", "kube"]
Language = Literal["en", "zh"]
Place = Literal["embedded", "minikube", "context"]
"""Where a lab runs: processes of this machine, dclab's own minikube, or a cluster of the user's."""


class Target(StrEnum):
    """A service that can be probed, loaded and scaled by an autoscaler."""

    RNG = "rng"
    HASHER = "hasher"


class Metric(StrEnum):
    """What an autoscaler can scale on."""

    CPU = "cpu"
    LATENCY = "latency"
    REQUESTS = "requests"
    INFLIGHT = "inflight"


@dataclass(frozen=True)
class AppliesTo:
    """Where an option has a meaning; elsewhere it is refused."""

    places: tuple[Place, ...]
    text: str


EMBEDDED = AppliesTo(("embedded",), "embedded engine")
KUBE = AppliesTo(("minikube", "context"), "kube engine")
OWN_MINIKUBE = AppliesTo(("minikube",), "dclab's own minikube")
EMBEDDED_OR_MINIKUBE = AppliesTo(("embedded", "minikube"), "embedded engine, dclab's own minikube")

JsonOption = Annotated[
    bool, typer.Option("--json", envvar="DCLAB_JSON", help="Print one JSON document instead of text.")
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", envvar="DCLAB_QUIET", help="No progress and no warnings; only the result.")
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", envvar="DCLAB_VERBOSE", help="All progress, and tracebacks of failures.")
]
NameOption = Annotated[
    str | None,
    typer.Option(
        "--name",
        envvar="DCLAB_NAME",
        metavar="LAB",
        parser=check_name,
        autocompletion=completion.labs,
        help="Name of the lab; on Kubernetes its namespace (default there: dockercoins).",
        show_default="dclab",
    ),
]
EngineOption = Annotated[
    Engine, typer.Option("--engine", envvar="DCLAB_ENGINE", help="Where the lab runs; auto prefers a cluster.")
]
ContextOption = Annotated[
    str | None,
    typer.Option(
        "--context",
        envvar="DCLAB_CONTEXT",
        metavar="CONTEXT",
        autocompletion=completion.contexts,
        help="A context of your kubeconfig, instead of dclab's own minikube.",
    ),
    KUBE,
]
ImagesOption = Annotated[
    str,
    typer.Option(
        "--images",
        envvar="DCLAB_IMAGES",
        metavar="build|upstream|REGISTRY/PREFIX",
        autocompletion=lambda: ["build", "upstream"],
        help="Container images: build them here, use the course's own, or push them to a registry and pull them from there.",
    ),
    KUBE,
]
YesOption = Annotated[
    bool,
    typer.Option("--yes", envvar="DCLAB_YES", help="Do not ask before changing a cluster that is not on this machine."),
    KUBE,
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        envvar="DCLAB_ADDRESS",
        metavar="IP",
        parser=parse_address,
        help="Forward the page to a port at this address of the machine; 0.0.0.0 for all addresses.",
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        envvar="DCLAB_OUT",
        metavar="FOLDER",
        help="Folder for the results.",
        show_default="reports/<time>-<engine>",
    ),
]
CourseOption = Annotated[
    str | None,
    typer.Option(
        "--course",
        envvar="DCLAB_COURSE",
        metavar="COURSE|FILE",
        autocompletion=completion.courses,
        help="Order the report by a course's sheet, with its marks as the checklist: csc4160-f24, csc4160-f25, hkust-a6 or a YAML file.",
    ),
]
LanguageOption = Annotated[Language, typer.Option("--lang", envvar="DCLAB_LANG", help="Language of the report.")]


def count_option(what: str, shown: str, *, low: int = 1, high: int = MOST_REPLICAS, metavar: str = "N") -> Any:
    """Return the option of a whole number: what it is, for its refusal, and its help."""
    return typer.Option(metavar=metavar, parser=parse_count(what, low=low, high=high), help=shown)


def counts_option(shown: str, *, low: int = 1, high: int = MOST_REPLICAS) -> Any:
    """Return the option of several numbers of workers, with its help."""
    return typer.Option(metavar="N,N,…", parser=parse_counts("number of workers", low=low, high=high), help=shown)


def duration_option(what: str, shown: str, *, low: float = 1.0, default: str | bool = True) -> Any:
    """Return the option of a time: what it is, for its refusal, its help, and its default where that has words."""
    return typer.Option(metavar="TIME", parser=parse_duration(what, low=low), help=shown, show_default=default)


def number_option(what: str, unit: str, shown: str, *, low: float, high: float, metavar: str = "NUMBER") -> Any:
    """Return the option of a number in a unit: what it is, for its refusal, and its help."""
    return typer.Option(metavar=metavar, parser=parse_number(what, unit, low=low, high=high), help=shown)


TargetOption = Annotated[Target, typer.Option(help="Target service.")]
WorkersOption = Annotated[int, count_option("number of workers", "Number of workers during the measurement.")]
SecondsOption = Annotated[
    Duration,
    duration_option(
        "time to sample", "Longest sampling time of each point; it ends sooner once the rate is known to ±2 %.", low=3
    ),
]
ForceOption = Annotated[
    bool,
    typer.Option("--force", help="Continue although there seems to be no room for so many replicas or their queue."),
]
ScrapeOption = Annotated[
    float,
    number_option(
        "scrape period",
        "seconds",
        "Time between two scrapes of the replicas, on the autoscaler's clock; rates are taken over three.",
        low=1,
        high=300,
        metavar="SECONDS",
    ),
]
SloOption = Annotated[
    float,
    number_option(
        "objective", "ms", "Objective: how long a worker's call may wait on average.", low=1, high=10_000, metavar="MS"
    ),
]
