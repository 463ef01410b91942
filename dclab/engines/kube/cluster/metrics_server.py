"""minikube's metrics-server: how often it looks, and whether it answers."""

from __future__ import annotations

from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.objects import ApiService
from dclab.engines.kube.workloads import Deployment, rolled_out

__all__ = ["prepare_metrics"]

METRICS_SERVER = "metrics-server"
METRIC_RESOLUTION = "--metric-resolution="
METRICS_SECONDS = 120.0
"""For the addon to be restarted and to have looked twice."""


def prepare_metrics(api: Api, seconds: float) -> bool:
    """Have the addon's metrics-server look so often (by itself it does once a minute), and answer.

    Returns:
        Whether it answers; where it does not, an autoscaler knows no usage.
    """
    path = path_of("apps/v1", "Deployment", "kube-system", METRICS_SERVER)
    found = api.get_or_none(path, Deployment)
    if found is None or not found.spec.template.spec.containers:
        return False
    container = found.spec.template.spec.containers[0]
    wanted = f"{METRIC_RESOLUTION}{seconds:.0f}s"
    if wanted not in container.args:
        arguments = [one for one in container.args if not one.startswith(METRIC_RESOLUTION)]
        changed = {"name": container.name, "args": [*arguments, wanted]}
        api.merge(path, {"spec": {"template": {"spec": {"containers": [changed]}}}}, strategic=True)
    # It is ready once it has usage, and then the API server has to see that.
    deployments = path_of("apps/v1", "Deployment", "kube-system")
    services = path_of("apiregistration.k8s.io/v1", "APIService", "")
    return bool(
        api.wait(deployments, Deployment, rolled_out, METRICS_SECONDS, fieldSelector=f"metadata.name={METRICS_SERVER}")
        and api.wait(
            services,
            ApiService,
            lambda found: any(one.available for one in found),
            METRICS_SECONDS,
            fieldSelector="metadata.name=v1beta1.metrics.k8s.io",
        )
    )
