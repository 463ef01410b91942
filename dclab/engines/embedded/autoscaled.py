"""Autoscalers on a lab, and the metrics that they go by, as their supervisor is asked for them."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from dclab.engines.embedded import questions
from dclab.engines.embedded.ask import ask
from dclab.engines.embedded.tenancy import Tenancy
from dclab.errors import InvalidInput, LabEnded, LabLost
from dclab.lab import AutoscalerStatus, Quantities

__all__ = ["AutoscaledLab"]


class AutoscaledLab(Tenancy):
    """What the Lab protocol (`dclab.lab.Lab`) has of autoscalers."""

    _scrape_seconds: float | None = None
    """Of the metrics that are served for this command."""

    def deploy(self) -> None:
        """As `Tenancy.deploy`, and scrape as often again as this command wants it."""
        super().deploy()
        if self._scrape_seconds is not None:
            self.ask(questions.ScrapeEvery(seconds=self._scrape_seconds))

    @contextlib.contextmanager
    def serve_metrics(self, target: str, scrape_seconds: float) -> Iterator[None]:
        """Scrape so often for the duration. The replicas are counted, and the metrics served, at any time.

        Raises:
            InvalidInput: the replicas of the target are not counted.
        """
        from dclab.autoscaler.served import IN_FLIGHT

        if f"pods/{IN_FLIGHT}" not in self.served_metrics(target):
            raise InvalidInput(
                f"The replicas of {target} are not counted.", "Those of rng and hasher are.", "Name one of these."
            )
        with self.hold("serving metrics"):
            before = self.ask(questions.ScrapeEvery(seconds=scrape_seconds))
            self._scrape_seconds, outer = scrape_seconds, self._scrape_seconds
            try:
                yield
            finally:
                self._scrape_seconds = outer
                with contextlib.suppress(LabLost, LabEnded):  # with the lab, its scrapes are gone
                    self.ask(questions.ScrapeEvery(seconds=before))

    def served_metrics(self, target: str) -> Collection[str]:
        """Return the metrics that an autoscaler of the target can use."""
        return self.ask(questions.AskServedMetrics(deployment=target))

    def quantities(self, target: str) -> Mapping[str, Quantities]:
        """What each replica of the target has been asked so far, by its name; empty where nobody counts."""
        return self.ask(questions.AskQuantities(deployment=target))

    def apply_autoscaler(self, manifest: Mapping[str, Any]) -> None:
        """Apply a HorizontalPodAutoscaler; InvalidInput when it is not a valid one, or asks for a metric that nobody serves."""
        self.ask(questions.ApplyAutoscaler(manifest=dict(manifest)))

    def remove_autoscaler(self, name: str) -> None:
        """Remove it; nothing happens when there is none. Replica counts stay as they are."""
        self.ask(questions.RemoveAutoscaler(name=name))

    def autoscalers(self) -> Mapping[str, str]:
        """Return the deployment that each autoscaler scales, by the autoscaler's name, no matter who applied it."""
        return self.about().autoscalers

    def autoscaler(self, name: str) -> AutoscalerStatus:
        """Its status; LabLost when there is none of that name."""
        return self.ask(questions.AskAutoscaler(name=name))

    def autoscaler_passes(self, name: str) -> Sequence[Any]:
        """Every pass so far, with what it saw; its times are on the autoscaler's clock."""
        from dclab.autoscaler.trace import Pass

        return self._understood(
            lambda: ask(
                self.folder, questions.AskPasses(name=name), instance=self._instance, hold=self._token, kind=list[Pass]
            )
        )
