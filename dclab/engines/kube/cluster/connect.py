"""Speaking to the cluster of a context: once at first, to see that it answers, takes us, and is new enough."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from dclab.engines.kube import faults
from dclab.engines.kube.api import Api
from dclab.engines.kube.cluster.credentials import client_of
from dclab.engines.kube.cluster.kubeconfig import Context
from dclab.engines.kube.objects import Version
from dclab.engines.kube.transport import ANSWER_TIMEOUT
from dclab.errors import DclabError, LabLost
from dclab.loopback import is_loopback

__all__ = ["check_version", "connect", "is_local"]

OLDEST = (1, 25)


def connect(context: Context, answer_seconds: float = ANSWER_TIMEOUT) -> tuple[Api, str]:
    """Return the API of a context, which has answered once, and Kubernetes' version.

    Args:
        context: where to connect.
        answer_seconds: how long to wait for an answer.

    Raises:
        InvalidInput: the context's entry cannot be used.
        PluginFailed: its exec plugin gave no credentials.
        NoAnswer: nothing answers there.
        NotKubernetes: what answers is not an API server.
        Unauthorized: it does not accept the user.
    """
    client, headers = client_of(context)
    api = Api(client, context.name, headers)
    api.answer_seconds = answer_seconds
    patience, api.patience = api.patience, 0.0
    try:
        version = check_version(api)
    except faults.NotKubernetes:
        raise
    except LabLost as error:
        start = f"`minikube start -p {context.name}` starts it" if context.minikube else "Start it"
        raise faults.NoAnswer(
            error.what, error.why, f"{start}; or name another --context. `dclab status` shows when it answers."
        ) from error
    api.patience = patience
    return api, version


def is_local(context: Context, api: Api) -> bool:
    """Whether the cluster looks like one on this machine: at a loopback address, or started by minikube."""
    return context.minikube or is_loopback(urlsplit(api.server).hostname or "")


def check_version(api: Api) -> str:
    """Return Kubernetes' version, as `v1.34.4`; DclabError when it is too old to take the manifests."""
    version = api.get("/version", Version)
    # Of some clusters it says 29+ or 27+gke.
    numbers = [re.match(r"\d+", one) for one in (version.major, version.minor)]
    found = [int(one.group()) for one in numbers if one]
    if len(found) < 2:
        raise faults.not_kubernetes(
            api.server, f"/version has the major {version.major!r} and the minor {version.minor!r}"
        )
    name = version.git_version or f"v{found[0]}.{found[1]}"
    if tuple(found) < OLDEST:
        raise DclabError(
            f"Kubernetes {name} is too old.",
            "It lacks Pod Security admission or autoscaling/v2, which dclab uses.",
            f"Use Kubernetes {'.'.join(map(str, OLDEST))} or newer.",
        )
    return name
