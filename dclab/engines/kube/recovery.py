"""How long Kubernetes is waited for: longer where its own parts have yet to notice that their API server is back."""

from __future__ import annotations

import time

from dclab.engines.kube.transport import Transport

__all__ = ["Deadline", "is_calm"]

RECOVERY_SECONDS = 150.0
"""For controllers to see that their server is back: client-go's reflectors back off to 30 s, and up to twice that
by jitter (k8s.io/client-go/tools/cache/reflector.go), and a try that meets a server not yet ready costs another
such pause; then they have to act, and pods to start. After outages of 20 s, 57 to 96 s were seen. Until then the
controllers act on what they last saw: nodes count as silent, their pods as not ready, Jobs as without a pod."""

KUBELETS_SECONDS = 12.0
"""For kubelets to tell what has become of their pods while the server was away: they do so every 10 s (syncPeriod in
pkg/kubelet/status/status_manager.go). Before, a pod that has crashed meanwhile still counts as ready."""


def is_calm(api: Transport) -> bool:
    """Whether the server has been there for long enough that kubelets have told it of their pods."""
    return time.monotonic() - api.last_away > KUBELETS_SECONDS


class Deadline:
    """The end of a wait for something that Kubernetes does: some seconds after all of it was seen to be at work.

    It is not seen to be for RECOVERY_SECONDS after an outage of the server, nor while something waits to be looked at;
    the end comes by RECOVERY_SECONDS later at most.
    """

    def __init__(self, api: Transport, seconds: float) -> None:
        self._api = api
        self._seconds = seconds
        self._begin = self._at_work_since = time.monotonic()

    @property
    def waited(self) -> float:
        """Seconds since the wait began."""
        return time.monotonic() - self._begin

    def left(self, *, unattended: bool = False) -> float:
        """Seconds until it is time to give up, none or less when it is.

        Args:
            unattended: whether no controller, scheduler or kubelet has looked at something at all.
        """
        now = time.monotonic()
        if unattended or now - self._api.last_away < RECOVERY_SECONDS:
            self._at_work_since = now
        return min(self._at_work_since - self._begin, RECOVERY_SECONDS) + self._seconds - self.waited
