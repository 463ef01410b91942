"""Serving in-flight, requests and latency in the metrics APIs, for as long as a command wants them.

Added for it: Prometheus where there is none, a container beside the target's that counts its requests, how often both are
scraped, the adapter with a certificate, and the registration of the adapter. Each bears the token of the command's hold,
by which all of it is found again and removed: by the command, or by its watchdog. What was there before is added to by
server-side apply under a name of its own (MANAGER), so that it goes back to what others want of it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import time
from collections.abc import Iterator

from dclab import manifests
from dclab.autoscaler.served import IN_FLIGHT, LATENCY, REQUESTS
from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.cluster.images import Images
from dclab.engines.kube.faults import Forbidden, NotFound
from dclab.engines.kube.lab import rollout
from dclab.engines.kube.lab.api_services import find_foreign, register, unregister, wait_available
from dclab.engines.kube.lab.autoscaler_objects import Metric
from dclab.engines.kube.lab.certificate import Certificate, make_certificate
from dclab.engines.kube.lab.metric_apis import CUSTOM, EXTERNAL, observe, why_unknown
from dclab.engines.kube.lab.namespace import is_ours
from dclab.engines.kube.lab.prometheus import ensure_prometheus
from dclab.engines.kube.lab.removal import remove_objects
from dclab.engines.kube.labels import METRICS, SELECTOR
from dclab.engines.kube.objects import ApiService, Object, decode
from dclab.engines.kube.workloads import Pod, is_ready
from dclab.errors import InvalidInput, Refused, TimedOut
from dclab.manifests import Manifest

__all__ = ["ADAPTER", "SCRAPE_SECONDS", "Serving", "serving_objects", "stop_serving"]

ADAPTER = "metrics-adapter"
MANAGER = "dclab-metrics"
INTERVAL = "prometheus.io/interval"
"""Annotation of a service: how often our Prometheus scrapes it."""
CERTIFICATE = "dclab/certificate"
"""Annotation of the adapter's pods: a hash, so that a new certificate means a new pod."""

SCRAPE_SECONDS = 10.0
"""As a rule, between two scrapes."""
SCRAPES = 3
"""Over which rates are taken."""
READY_SECONDS = 60.0
KNOWN_SECONDS = 45.0
"""Beside the scrapes, for values to come."""
FOREIGN_SECONDS = 150.0
"""For someone else's Prometheus to scrape what is new, and its adapter to look what there is: as a rule once a minute each."""
AVAILABLE_SECONDS = 60.0
"""For the API server to see that an adapter that is ready answers."""
EVERY = 0.5


ADDED_TO = {"Deployment": "apps/v1", "Service": "v1"}
"""Kinds of what is there without us, and may be added to."""


def serving_objects(
    namespace: str, images: Images, target: str, scrape_seconds: float, made: Certificate | None = None
) -> list[Manifest]:
    """Return what serving adds to a lab, Prometheus apart, with a certificate, or nothing in its place.

    Of the target's Deployment and httplat's Service only what is added to them.
    """
    interval = f"{round(1000 * scrape_seconds)}ms"
    exporter = manifests.exporter(target)
    manifests.named(exporter, "Service", f"exporter-{target}")["metadata"]["annotations"][INTERVAL] = interval
    httplat = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"httplat-{target}", "annotations": {INTERVAL: interval}},
    }
    adapter = _adapter(namespace, SCRAPES * scrape_seconds, made)
    return images.fit([*exporter, httplat, *adapter])


def _adapter(namespace: str, window: float, made: Certificate | None) -> list[Manifest]:
    objects = manifests.optional("adapter")
    for binding in manifests.of_kind(objects, "RoleBinding"):
        binding["subjects"][0]["namespace"] = namespace
    template = manifests.named(objects, "Deployment", ADAPTER)["spec"]["template"]
    if made:
        data = {"tls.crt": _base64(made.certificate), "tls.key": _base64(made.key)}
        manifests.named(objects, "Secret", ADAPTER)["data"] = data
        template["metadata"]["annotations"] = {CERTIFICATE: hashlib.sha256(made.certificate).hexdigest()[:16]}
    values = {"NAMESPACE": namespace, "WINDOW": f"{window:g}"}
    for one in template["spec"]["containers"][0]["env"]:
        one["value"] = values.get(one["name"], one["value"])
    for one in manifests.of_kind(objects, "APIService"):
        one["spec"]["service"]["namespace"] = namespace
        one["spec"]["caBundle"] = _base64(made.authority) if made else ""
    return objects


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Serving:
    """The metrics of one target, served under a hold."""

    def __init__(
        self, api: Api, namespace: str, images: Images, token: str, target: str, scrape_seconds: float
    ) -> None:
        """Nothing is changed yet.

        Args:
            api: of the cluster.
            namespace: of the lab.
            images: of the lab.
            token: of the hold.
            target: a deployment that has an httplat of its own.
            scrape_seconds: between two scrapes.

        Raises:
            InvalidInput: there is no httplat for the target.
        """
        measured = [one.removeprefix("httplat-") for one in _httplats()]
        if target not in measured:
            raise InvalidInput(f"Nobody measures the latency of {target}.", f"It is measured of {', '.join(measured)}.")
        self._api, self._namespace, self._token = api, namespace, token
        made = make_certificate(f"{ADAPTER}.{namespace}.svc")
        self._objects = serving_objects(namespace, images, target, scrape_seconds, made)
        self._seconds = KNOWN_SECONDS + (SCRAPES + 1) * scrape_seconds
        self.target, self.scrape_seconds = target, scrape_seconds
        self._registered = [self._marked(one) for one in manifests.of_kind(self._objects, "APIService")]
        self._foreign: ApiService | None = None
        """Who else answers the cluster's custom metrics API."""

    def check(self) -> None:
        """See whether everything would be accepted, before anything is changed.

        An external metrics API of someone else's (KEDA has one) is left out: no autoscaler of ours needs it.

        Raises:
            Refused: someone else has the custom metrics API, and cannot serve these metrics.
            Forbidden: the user may not add something.
        """
        if find_foreign(self._api, self._namespace, EXTERNAL):
            self._registered = [one for one in self._registered if one["spec"]["group"] != EXTERNAL]
        if foreign := find_foreign(self._api, self._namespace, CUSTOM):
            self._registered, self._foreign = [], foreign
            self._seconds = FOREIGN_SECONDS
            # Another lab's answers for its own namespace alone. Anyone else's may learn of metrics that are not there yet.
            if is_ours(foreign):
                raise self._refused(foreign, "serves its own namespace alone")
            if not foreign.available:
                raise self._refused(foreign, "does not answer")
        for one in self._registered:
            register(self._api, self._namespace, one, dry_run=True)
        for one in self._added():
            if one["kind"] != "RoleBinding":  # whether it may be given, a role that is there has to say
                self._add(one, dry_run=True)

    def _refused(self, foreign: ApiService, does: str) -> Refused:
        service = foreign.spec.service
        return Refused(
            f"The cluster's custom metrics API is {foreign.metadata.name} of {service.namespace}/{service.name}, which is "
            "not this lab's.",
            f"A cluster has one, and that one {does}.",
            "Have it serve these metrics, remove it, or wait until the lab that it belongs to is done; "
            "an autoscaler on CPU needs none.",
        )

    def _added(self) -> list[Manifest]:
        """What is applied; nothing of the adapter where another answers."""
        others = [one for one in self._objects if one["kind"] != "APIService"]
        return [one for one in others if self._registered or one["metadata"]["name"] != ADAPTER]

    def _add(self, one: Manifest, *, dry_run: bool = False) -> None:
        if "labels" in one["metadata"]:
            self._api.apply(self._marked(one), self._namespace, dry_run=dry_run)
        else:  # it was there before
            self._api.apply(_noted(one, self._token), self._namespace, manager=MANAGER, dry_run=dry_run)

    def apply(self) -> None:
        """Add everything, or what of it is gone; TimedOut when Prometheus does not get ready."""
        ensure_prometheus(self._api, self._namespace, labels={METRICS: self._token})
        for one in self._added():
            self._add(one)

    def wait(self) -> None:
        """Return when every ready replica has its metrics in the APIs; TimedOut or Refused, with what is missing."""
        deployments = [self.target, *([ADAPTER] if self._registered else [])]
        rollout.wait_settled(self._api, self._namespace, deployments, READY_SECONDS)
        for one in self._registered:
            register(self._api, self._namespace, one)
        wait_available(self._api, [one["metadata"]["name"] for one in self._registered], AVAILABLE_SECONDS)
        end = time.monotonic() + self._seconds
        while missing := list(self._missing()):
            if time.monotonic() > end:
                if self._foreign:
                    raise self._refused(
                        self._foreign, f"does not know {', '.join(missing)} after {self._seconds:.0f} s"
                    )
                raise TimedOut(
                    f"After {self._seconds:.0f} s the metrics API does not know {', '.join(missing)}.",
                    self._why_unknown() or "Prometheus has no samples of it.",
                    f"See `kubectl logs --namespace {self._namespace} deployment/{ADAPTER}`.",
                )
            time.sleep(EVERY)

    def _why_unknown(self) -> str:
        asked = f"pods/*/{IN_FLIGHT}", f"services/httplat-{self.target}/{LATENCY}"
        selector = {"labelSelector": f"app={self.target}"}
        return next(filter(None, (why_unknown(self._api, self._namespace, one, **selector) for one in asked)), "")

    def _missing(self) -> Iterator[str]:
        listed = self._api.list(
            path_of("v1", "Pod", self._namespace), Pod, labelSelector=f"app={self.target},{SELECTOR}"
        )
        ready = {one.metadata.name for one in listed if is_ready(one)}
        asked = decode(
            [
                {"type": "Pods", "pods": {"metric": {"name": IN_FLIGHT}}},
                {"type": "Pods", "pods": {"metric": {"name": REQUESTS}}},
                {
                    "type": "Object",
                    "object": {
                        "metric": {"name": LATENCY},
                        "describedObject": {"kind": "Service", "name": f"httplat-{self.target}"},
                    },
                },
            ],
            list[Metric],
        )
        by_pod, values = observe(self._api, self._namespace, asked, f"app={self.target}")
        for metric, known in by_pod.items():
            if unknown := sorted(ready - set(known)):
                yield f"{metric} of {', '.join(unknown)}"
        if LATENCY not in values:
            yield f"{LATENCY} of httplat-{self.target}"

    def _marked(self, one: Manifest) -> Manifest:
        labels = {**one["metadata"]["labels"], METRICS: self._token}
        return {**one, "metadata": {**one["metadata"], "labels": labels}}


def _httplats() -> list[str]:
    names = (one["metadata"]["name"] for one in manifests.of_kind(manifests.load(), "Deployment"))
    return [one for one in names if one.startswith("httplat-")]


def _noted(one: Manifest, token: str) -> Manifest:
    notes = {**one["metadata"].get("annotations", {}), METRICS: token}
    return {**one, "metadata": {**one["metadata"], "annotations": notes}}


def stop_serving(api: Api, namespace: str, token: str) -> list[str]:
    """Remove what serves metrics under a hold with this token, the registration first; return the deployments that roll.

    What others have added, and what is gone already, is left alone.
    """
    unregister(api, namespace, token)
    rolling = []
    for kind, version in ADDED_TO.items():
        for one in api.list(path_of(version, kind, namespace), Object, labelSelector=SELECTOR):
            if one.metadata.annotations.get(METRICS) == token:
                nothing = {"apiVersion": version, "kind": kind, "metadata": {"name": one.metadata.name}}
                with contextlib.suppress(Forbidden, InvalidInput, NotFound):  # it went meanwhile
                    api.apply(nothing, namespace, manager=MANAGER)
                    rolling += [one.metadata.name] if kind == "Deployment" else []
    remove_objects(api, namespace, f"{METRICS}={token}")
    return rolling
