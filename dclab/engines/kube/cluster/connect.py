"""Speaking to the cluster of a context: once at first, to see that it answers, takes us, and is new enough."""

from __future__ import annotations

from urllib.parse import urlsplit

from kubernetes import config
from kubernetes.client import ApiClient, ApiException, Configuration
from kubernetes.config.config_exception import ConfigException

from dclab.engines.kube import faults
from dclab.engines.kube.api import Api
from dclab.engines.kube.cluster.kubeconfig import Context
from dclab.errors import DclabError, LabLost
from dclab.loopback import is_loopback

__all__ = ["check_version", "connect", "is_local"]


def connect(context: Context) -> tuple[Api, str]:
    """The API of a context, having answered once, and Kubernetes' version.

    Raises:
        NoCluster: nothing answers there.
        Unauthorized: it does not know the user.
    """
    configuration = Configuration()
    try:
        # Nothing is ever written to a kubeconfig, not even a token that was renewed.
        config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=context.files,
            context=context.name,
            client_configuration=configuration,
            persist_config=False,
        )
    except (ConfigException, ApiException, OSError, ValueError) as error:
        raise faults.Unauthorized(
            f"The context {context.name!r} cannot be used.", f"{error}.", "Fetch the cluster's kubeconfig anew."
        ) from error
    configuration.retries = False
    api = Api(ApiClient(configuration), context.name)
    patience, api.patience = api.patience, 0.0
    try:
        version = check_version(api)
    except LabLost as error:
        raise faults.NoCluster(error.what, error.why, "Start it, or name another --context.") from error
    api.patience = patience
    return api, version


def is_local(context: Context, api: Api) -> bool:
    """Whether the cluster looks like one on this machine: at a loopback address, or started by minikube."""
    return context.minikube or is_loopback(urlsplit(api.server).hostname or "")


def check_version(api: Api) -> str:
    """Kubernetes' version, as `v1.34.4`; DclabError when it is too old to take the manifests."""
    version = api.get("/version")
    if (int(version["major"]), int(version["minor"].rstrip("+"))) < (1, 25):
        raise DclabError(
            f"Kubernetes {version['gitVersion']} is too old.",
            "Its Pod Security and autoscaling/v2 are not those that dclab uses.",
            "Use Kubernetes 1.25 or newer.",
        )
    return str(version["gitVersion"])
