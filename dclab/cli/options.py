"""Options that several verbs share, and the checks of their values."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from dclab.errors import InvalidInput

__all__ = [
    "AddressOption",
    "ContextOption",
    "EngineOption",
    "ImagesOption",
    "JsonOption",
    "LanguageOption",
    "NameOption",
    "OutOption",
    "QuietOption",
    "VerboseOption",
    "YesOption",
    "parse_address",
    "parse_count",
    "parse_counts",
    "parse_duration",
    "parse_path",
    "parse_rate",
    "parse_target",
    "parse_targets",
    "parse_url",
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
LanguageOption = Annotated[str, typer.Option("--lang", help="Language of the report: en or zh.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no warnings; only the result.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="All progress, and tracebacks of failures.")]
NameOption = Annotated[
    str | None,
    typer.Option(
        "--name",
        help="Which lab, where there are several: its namespace on Kubernetes (dockercoins).",
        show_default="dclab",
    ),
]
EngineOption = Annotated[str, typer.Option("--engine", help="embedded, kube, or auto.")]
ContextOption = Annotated[
    str | None, typer.Option("--context", help="A context of your kubeconfig, instead of dclab's own minikube.")
]
ImagesOption = Annotated[
    str, typer.Option("--images", help="On Kubernetes: build, upstream, or a REGISTRY/PREFIX to push to and pull from.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask about a cluster that is not of this machine.")]
AddressOption = Annotated[
    str | None,
    typer.Option("--address", help="Forward the page, listening at this address of the machine; 0.0.0.0 for all."),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Folder for the results, instead of reports/<time>-<engine>.")
]

MOST_REPLICAS = 50
"""As many processes as a laptop carries."""

TARGETS = ("rng", "hasher")

FASTEST = 1000.0
"""Requests per second of an open loop: each has a thread while it is under way."""

LONGEST_SECONDS = 24 * 3600.0


def parse_address(value: str | None) -> str | None:
    """An IP address; else InvalidInput."""
    if value is not None:
        try:
            ip_address(value)
        except ValueError as error:
            raise InvalidInput(
                f"{value!r} is not an address.", "It must be an IP address of this machine.", "Try 127.0.0.1."
            ) from error
    return value


def parse_count(value: str, what: str, *, low: int = 1, high: int = MOST_REPLICAS) -> int:
    """A whole number within bounds; else InvalidInput."""
    if not re.fullmatch(r"-?\d+", value.strip()) or not low <= int(value) <= high:
        raise InvalidInput(f"{value!r} is not a possible {what}.", f"It must be a whole number from {low} to {high}.")
    return int(value)


def parse_counts(value: str, what: str, *, low: int = 1) -> tuple[int, ...]:
    """Whole numbers with commas between them, each once; else InvalidInput."""
    counts = tuple(parse_count(one, what, low=low) for one in value.split(","))
    if len(set(counts)) != len(counts):
        raise InvalidInput(f"{value!r} names a {what} twice.", "Each is measured once.", "Leave the second away.")
    return counts


def parse_duration(value: str, what: str, *, low: float = 1.0) -> float:
    """Seconds of `90`, `90s`, `4m` or `1h`; else InvalidInput."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhSMH]?)", value.strip())
    seconds = float(found.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3600}[found.group(2).lower()] if found else 0.0
    if not low <= seconds <= LONGEST_SECONDS:
        raise InvalidInput(
            f"{value!r} is not a possible {what}.",
            f"It must be a time from {low:g} s to 24 h, such as 30s or 4m.",
        )
    return seconds


def parse_target(value: str) -> str:
    """`rng` or `hasher`; else InvalidInput."""
    if value not in TARGETS:
        raise InvalidInput(f"{value!r} is not a target.", f"Targets are {' and '.join(TARGETS)}.")
    return value


def parse_targets(values: list[str]) -> tuple[str, ...]:
    """Targets, each once; else InvalidInput."""
    return tuple(dict.fromkeys(parse_target(one) for one in values))


def parse_rate(value: str) -> float:
    """Requests per second; else InvalidInput."""
    if not re.fullmatch(r"\d+(\.\d+)?", value.strip()) or not 0.1 <= float(value) <= FASTEST:
        raise InvalidInput(
            f"{value!r} is not a possible rate.", f"It must be a number from 0.1 to {FASTEST:g} a second."
        )
    return float(value)


def parse_url(value: str) -> str:
    """An http or https URL without a user or a fragment; a bare `host:port` is http's. Else InvalidInput."""
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        known = False
    if not known or parts.fragment or not url.isascii() or re.search(r"\s", url):
        raise InvalidInput(f"{value!r} is not a URL to ask.", "It must be such as http://127.0.0.1:8080/path.")
    return url


def parse_path(value: str) -> str:
    """The path of a URL; else InvalidInput."""
    if not re.fullmatch(r"/[\w\-./~%?=&+]*", value, re.ASCII):
        raise InvalidInput(f"{value!r} is not a path.", "It begins with a slash and has no spaces.", "Try / or /32.")
    return value
