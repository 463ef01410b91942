"""Autoscalers on a lab, and the metrics that they go by."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from dclab.autoscaler import parse_autoscaler
from dclab.autoscaler.served import check_served
from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.cluster.connect import check_version
from dclab.engines.kube.faults import NotFound
from dclab.engines.kube.lab import rollout, states
from dclab.engines.kube.lab.autoscaler_objects import Autoscaler
from dclab.engines.kube.lab.autoscaler_status import EventLog, autoscaler_status
from dclab.engines.kube.lab.autoscaler_trace import AutoscalerWatch
from dclab.engines.kube.lab.hold import Hold
from dclab.engines.kube.lab.metric_apis import custom_metrics, observe, served
from dclab.engines.kube.lab.prometheus import PROMETHEUS
from dclab.engines.kube.lab.quantities import read_quantities
from dclab.engines.kube.lab.serving import Serving, stop_serving
from dclab.engines.kube.lab.tenancy import Tenancy, used
from dclab.engines.kube.labels import SELECTOR
from dclab.engines.kube.objects import Event
from dclab.engines.kube.workloads import Pod, PodMetrics
from dclab.errors import InvalidInput, LabLost, NotAnswering, NotSupported
from dclab.lab import AutoscalerStatus, Quantities

__all__ = ["AutoscaledLab"]

SERVED_SECONDS = 60.0
"""For the target's pods to be replaced by those without what counts their requests."""

T = TypeVar("T")


def tolerances(manifest: Mapping[str, Any]) -> set[str]:
    """Return the directions, scaleUp and scaleDown, for which an autoscaler has a tolerance of its own."""
    spec = manifest.get("spec")
    behavior = spec.get("behavior") if isinstance(spec, Mapping) else None
    if not isinstance(behavior, Mapping):
        return set()
    return {direction for direction, rules in behavior.items() if isinstance(rules, Mapping) and "tolerance" in rules}


class AutoscaledLab(Tenancy):
    """What the Lab protocol (`dclab.lab.Lab`) has of autoscalers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As for any `Tenancy`."""
        super().__init__(*args, **kwargs)
        self._watches: dict[str, AutoscalerWatch] = {}
        self._events: dict[str, EventLog] = {}
        """About autoscalers, by uid."""
        self._serving: Serving | None = None

    @used
    def apply_autoscaler(self, manifest: Mapping[str, Any]) -> None:
        """Apply a HorizontalPodAutoscaler.

        InvalidInput: it is not a valid one, or nobody serves a metric of it. NotSupported: the cluster would ignore a part of it.
        """
        self.may_change()
        self._check_served(manifest)
        held = self.held(manifest)
        if asked := tolerances(manifest):
            ignored = asked - tolerances(self.api.would_be(held, self.name, dict[str, Any]))
            if ignored:
                raise NotSupported(
                    f"This cluster ignores spec.behavior.{min(ignored)}.tolerance: the autoscaler would not do what its file says.",
                    "HPAConfigurableTolerance is off there, as it is by default before Kubernetes 1.35.",
                    "Remove the tolerance, or use a cluster with Kubernetes 1.35 or later.",
                )
        self.api.apply(held, self.name)
        self._watches[manifest["metadata"]["name"]] = AutoscalerWatch()

    def _check_served(self, manifest: Mapping[str, Any]) -> None:
        try:
            spec = parse_autoscaler(manifest)
        except (InvalidInput, NotSupported):  # what is wrong with it the API server says, which may know more
            return
        others = [one for one in spec.metrics if one.type != "Resource"]  # usage may still come
        if others:
            names = {one.partition("/")[2] for one in custom_metrics(self.api)}
            # Of which objects there is a metric no list tells.
            objects = {one.served_as for one in others if one.type == "Object" and one.name in names}
            there = {"resource/cpu", *objects, *served(self.api, self.name, spec.target)}
            check_served(replace(spec, metrics=tuple(others)), there)

    @contextlib.contextmanager
    def serve_metrics(self, target: str, scrape_seconds: float) -> Iterator[None]:
        """For the duration have autoscalers find in-flight, requests and latency of the target's replicas.

        The target's pods are replaced twice: with what counts their requests, and without it.
        """
        with self.hold("dclab"):
            assert self._hold is not None
            serving = Serving(self.api, self.name, self.images, self._hold.token, target, scrape_seconds)
            with self.using():
                serving.check()
            well = False
            try:
                with self.using():
                    serving.apply()
                    serving.wait()
                self._serving = serving
                yield
                well = True
            finally:
                self._serving = None
                rolling = self._stop_serving(self.api if well else self.api.impatient(), self._hold)
            with self.using():
                rollout.wait_settled(self.api, self.name, rolling, SERVED_SECONDS)

    def _stop_serving(self, api: Api, hold: Hold) -> list[str]:
        """Remove what serves metrics, or leave it to the watchdog; return the deployments whose pods are replaced."""
        try:
            return stop_serving(api, self.name, hold.token)
        except BaseException as error:
            pid = hold.leave_behind()
            if not isinstance(error, NotAnswering):
                raise
            raise NotAnswering(
                error.what,
                f"{error.why} So what serves metrics could not be removed yet.",
                f"A process of dclab ({pid}) does so once the cluster answers, within 15 minutes.",
            ) from error

    def deploy(self) -> None:
        """Apply the manifests, and again what serves metrics; replica counts stay as they are."""
        super().deploy()
        if self._serving:
            with self.using():
                self._serving.apply()

    @used
    def served_metrics(self, target: str) -> Collection[str]:
        """Return the metrics that an autoscaler of the target can use now."""
        return served(self.api, self.name, target)

    @used
    def quantities(self, target: str) -> Mapping[str, Quantities]:
        """What each replica of the target has been asked so far, as of the last scrape; empty while nobody counts."""
        if self._serving is None or self._serving.target != target:
            return {}
        seconds = 2.5 * self._serving.scrape_seconds
        return self._read(PROMETHEUS, lambda url: read_quantities(url, target, seconds))

    @used
    def remove_autoscaler(self, name: str) -> None:
        """Remove it; nothing happens when there is none. Replica counts stay as they are."""
        self.may_change()
        self.api.delete(self._autoscaler(name))

    @used
    def autoscalers(self) -> Mapping[str, str]:
        """Return the deployment that each autoscaler scales, by the autoscaler's name, no matter who applied it."""
        found = self.api.list(path_of("autoscaling/v2", "HorizontalPodAutoscaler", self.name), Autoscaler)
        return {one.metadata.name: one.spec.scale_target_ref.name for one in found}

    @used
    def autoscaler(self, name: str) -> AutoscalerStatus:
        """Its status, read again each time, so that there is no watch to drop; LabLost when there is none of that name."""
        try:
            found = self.api.get(self._autoscaler(name), Autoscaler)
        except NotFound as error:
            raise LabLost(
                f"There is no autoscaler {str(name)!r}.", "Someone has deleted it.", "Leave it alone while it is shown."
            ) from error
        if name in self._watches:
            target = found.spec.scale_target_ref.name
            others = observe(self.api, self.name, found.spec.metrics, f"app={target}")
            self._watches[name].look(time.time(), found.status, self._pods(target), self._metrics(target), *others)
        uid = found.metadata.uid
        return autoscaler_status(found, self._events.setdefault(uid, EventLog()).read(self._events_about(uid)))

    def autoscaler_passes(self, name: str) -> Sequence[Any]:
        """As far as looking at it since it was applied shows them."""
        watch = self._watches.get(name)
        return watch.passes() if watch else ()

    def _events_about(self, uid: str) -> Sequence[Event]:
        return self.api.list(path_of("v1", "Event", self.name), Event, fieldSelector=f"involvedObject.uid={uid}")

    def _autoscaler(self, name: str) -> str:
        return path_of("autoscaling/v2", "HorizontalPodAutoscaler", self.name, name)

    def _pods(self, app: str) -> Sequence[Pod]:
        return self.api.list(path_of("v1", "Pod", self.name), Pod, labelSelector=f"app={app},{SELECTOR}")

    def _metrics(self, app: str) -> Sequence[PodMetrics]:
        return states.metrics(self.api, self.name, f"app={app}")

    def _read(self, service: str, read: Callable[[str], T]) -> T:
        """Read from a service; once more where it is forwarded, when the API server that forwards it is back."""
        url = self.reach.url(service)
        try:
            return read(url)
        except LabLost:
            if not self.reach.forwards(service):
                raise
        check_version(self.api)
        return read(url)
