"""Questions about metrics, and about the autoscalers that go by them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec

from dclab.engines.embedded.questions.lab import Port
from dclab.engines.embedded.questions.question import Question, Waiting
from dclab.lab import AutoscalerStatus, Quantities

__all__ = [
    "ApplyAutoscaler",
    "AskAutoscaler",
    "AskPasses",
    "AskPrometheus",
    "AskQuantities",
    "AskServedMetrics",
    "RemoveAutoscaler",
    "ScrapeEvery",
]


class AskPrometheus(Waiting[Port | None], frozen=True):
    """Port of the lab's Prometheus, started if need be; None where none is installed."""

    verb: ClassVar[str] = "prometheus"


class ScrapeEvery(Question[float | None], frozen=True):
    """Set the seconds between two scrapes on the autoscaler's clock, None for the default; what it was is the answer."""

    verb: ClassVar[str] = "scrape_every"
    seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] | None


class AskServedMetrics(Question[tuple[str, ...]], frozen=True):
    """Metrics that an autoscaler of a deployment can use."""

    verb: ClassVar[str] = "served_metrics"
    deployment: str


class AskQuantities(Question[dict[str, Quantities]], frozen=True):
    """What each replica of a deployment has been asked so far, by its name."""

    verb: ClassVar[str] = "quantities"
    deployment: str

    @property
    def patience(self) -> float:
        """The data path is asked first, and may just be replaced."""
        return 5.0


class ApplyAutoscaler(Question[None], frozen=True):
    """Apply a HorizontalPodAutoscaler."""

    verb: ClassVar[str] = "apply_autoscaler"
    manifest: dict[str, Any]


class RemoveAutoscaler(Question[None], frozen=True):
    """Remove an autoscaler."""

    verb: ClassVar[str] = "remove_autoscaler"
    name: str


class AskAutoscaler(Question[AutoscalerStatus], frozen=True):
    """Status of an autoscaler."""

    verb: ClassVar[str] = "autoscaler"
    name: str


class AskPasses(Question[msgspec.Raw], frozen=True):
    """Every pass of an autoscaler: a list of `dclab.autoscaler.trace.Pass`, which only its reader needs to import."""

    verb: ClassVar[str] = "autoscaler_passes"
    name: str
