"""dclab's own cluster as it is now: connecting to it, and what is said where that cannot be."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from dclab.engines.kube.api import Api
from dclab.engines.kube.cluster import minikube
from dclab.engines.kube.cluster.connect import connect
from dclab.engines.kube.cluster.kubeconfig import Context, find_context
from dclab.engines.kube.cluster.profile import PROFILE, find_profile, not_ours
from dclab.engines.kube.faults import NoAnswer, NoCluster
from dclab.engines.kube.transport import ANSWER_TIMEOUT
from dclab.errors import DclabError

__all__ = ["Stopped", "connect_own"]

SAYS: Mapping[minikube.State, str] = {
    "running": "runs, but does not answer",
    "stopped": "is stopped",
    "paused": "is paused",
    "failing": "does not work: its machine runs, its API server does not",
    "unknown": "does not answer, and minikube does not tell its state",
}
AGAIN = "`dclab up` starts it again; `dclab down --cluster` deletes it."


class Stopped(NoAnswer):
    """The cluster is shut down, or paused; what is in it is kept."""


def connect_own(seconds: float = ANSWER_TIMEOUT) -> tuple[Context, Api, str]:
    """Return the context of dclab's own profile, its API, which has answered once, and Kubernetes' version.

    The entry in dclab's kubeconfig may be stale, or missing; where it leads nowhere, minikube is asked.

    Args:
        seconds: how long to wait for an answer of the API server, and for one of minikube.

    Raises:
        NoCluster: minikube has no such profile.
        Refused: it has one that dclab has not made.
        Stopped, NoAnswer: the cluster does not run, or does not answer.
    """
    profile = find_profile()
    if profile is None:
        raise NoCluster(
            "There is no cluster of dclab's own.",
            f"minikube has no profile {PROFILE!r}.",
            "`dclab up --engine kube` starts one; --context uses a cluster of yours.",
        )
    if not profile.ours:
        raise not_ours()
    # Of a stale entry the certificates are gone, or another server answers at its port.
    with contextlib.suppress(DclabError):
        return _connected(seconds)
    state = minikube.find_state(seconds)
    if state != "running":
        kind = Stopped if state in ("stopped", "paused") else NoAnswer
        raise kind(f"dclab's own cluster {SAYS[state]}.", "What is in it is kept meanwhile.", AGAIN)
    minikube.update_context()
    try:
        return _connected(seconds)
    except NoAnswer as error:
        raise NoAnswer(f"dclab's own cluster {SAYS[state]}.", f"{error.what} {error.why}", AGAIN) from error


def _connected(seconds: float) -> tuple[Context, Api, str]:
    context = find_context(None)
    if context is None:
        raise NoAnswer("minikube does not say where it is.", "Its context is missing in dclab's kubeconfig.", AGAIN)
    return context, *connect(context, seconds)
