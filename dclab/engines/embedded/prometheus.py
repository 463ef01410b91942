"""The lab's Prometheus: the real program, with a configuration that names what it scrapes."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Mapping
from pathlib import Path

from dclab.engines.embedded.deployment import Deployment
from dclab.loopback import LOOPBACK
from dclab.manifests import ServicePort, Workload
from dclab.tools import find_tool

__all__ = ["PROMETHEUS", "SCRAPE_SECONDS", "configure", "prometheus_service", "prometheus_workload", "reload"]

PROMETHEUS = "prometheus"

SCRAPE_SECONDS = 2.0
"""The chart of the exercise scrapes once a minute, so its curve is empty for two; this one is not."""

LONGEST_SCRAPE = 5.0
"""Seconds that a page may take to answer."""

RETENTION_DAYS = 2
RETENTION_MB = 256
"""How much Prometheus keeps, whichever is reached first; a lab is looked at for hours, not weeks."""


def prometheus_service() -> ServicePort:
    """Its Service."""
    return ServicePort(name=PROMETHEUS, selector={"app": PROMETHEUS}, port=9090)


def configure(folder: Path, targets: Mapping[str, int], seconds: float) -> None:
    """Write its configuration into the lab's folder; OSError when that cannot be written.

    Args:
        folder: of the lab.
        targets: ports of the services to scrape, by their names. Where a page has a label `service` of its own, that counts.
        seconds: between two scrapes.
    """
    import yaml

    every, timeout = (f"{max(1, round(1000 * one))}ms" for one in (seconds, min(seconds, LONGEST_SCRAPE)))
    jobs = [
        {"targets": [f"{LOOPBACK}:{port}"], "labels": {"service": name, "namespace": folder.name}}
        for name, port in targets.items()
    ]
    config = {
        "global": {"scrape_interval": every, "scrape_timeout": timeout},
        "scrape_configs": [{"job_name": "kubernetes-service-endpoints", "honor_labels": True, "static_configs": jobs}],
    }
    _file(folder).write_text(yaml.safe_dump(config), encoding="utf-8")


def reload(deployment: Deployment) -> None:
    """Have Prometheus read its configuration again."""
    for replica in deployment.replicas:
        if replica.process is not None and replica.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                replica.process.send_signal(signal.SIGHUP)


def prometheus_workload(folder: Path) -> Workload | None:
    """Its workload, which reads the configuration in the lab's folder; None where it is not installed."""
    program = find_tool(PROMETHEUS)
    if program is None:
        return None
    return Workload(
        name=PROMETHEUS,
        labels={"app": PROMETHEUS},
        replicas=1,
        command=(
            program,
            f"--config.file={_file(folder)}",
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


def _file(folder: Path) -> Path:
    return folder / "prometheus.yml"
