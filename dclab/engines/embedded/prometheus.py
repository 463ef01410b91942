"""The lab's Prometheus: the real program, with a configuration made from the annotated Services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from dclab.loopback import LOOPBACK
from dclab.manifests import ServicePort, Workload
from dclab.tools import find_tool

__all__ = ["PROMETHEUS", "SCRAPE_SECONDS", "prometheus_service", "prometheus_workload"]

PROMETHEUS = "prometheus"

SCRAPE_SECONDS = 2
"""The chart of the exercise scrapes once a minute, so its curve is empty for two; this one is not."""

RETENTION_DAYS = 2
RETENTION_MB = 256
"""How much Prometheus keeps, whichever is reached first; a lab is looked at for hours, not weeks."""


def prometheus_service() -> ServicePort:
    """Its Service."""
    return ServicePort(name=PROMETHEUS, selector={"app": PROMETHEUS}, port=9090)


def prometheus_workload(folder: Path, services: Iterable[ServicePort], ports: Mapping[str, int]) -> Workload | None:
    """Its workload, with the configuration written into the lab's folder; None where it is not installed."""
    import yaml

    program = find_tool(PROMETHEUS)
    if program is None:
        return None
    jobs = [
        {
            "targets": [f"{LOOPBACK}:{ports[service.name]}"],
            "labels": {"service": service.name, "namespace": folder.name},
        }
        for service in services
        if service.annotations.get("prometheus.io/scrape") == "true"
    ]
    config = {
        "global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "scrape_timeout": f"{SCRAPE_SECONDS}s"},
        "scrape_configs": [{"job_name": "kubernetes-service-endpoints", "static_configs": jobs}],
    }
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    return Workload(
        name=PROMETHEUS,
        labels={"app": PROMETHEUS},
        replicas=1,
        command=(
            program,
            f"--config.file={file}",
            "--storage.tsdb.path=/prometheus",
            f"--storage.tsdb.retention.time={RETENTION_DAYS}d",
            f"--storage.tsdb.retention.size={RETENTION_MB}MB",
            "--web.listen-address=$(HOST):$(PORT)",
            "--log.level=warn",
        ),
        env={},
        port=9090,
        mounts=("/prometheus",),
        cpu_request_millicores=0,
        readiness_period=2.0,
        readiness_timeout=5.0,
        grace_seconds=5.0,
    )
