"""Probes: timed requests as samples."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from dclab.lab import ProbeSample, ProbeSpec
from dclab.measure.timed_request import timed_request, timed_requests

__all__ = ["probe_many", "probe_once", "probe_url"]


def probe_once(host: str, port: int, spec: ProbeSpec) -> ProbeSample:
    """Make one request."""
    return ProbeSample(**timed_request(host, port, spec.method, spec.path, spec.body or b"", spec.timeout))


def probe_url(url: str, spec: ProbeSpec) -> Iterator[ProbeSample]:
    """Make requests to an http or https URL, in a closed or an open loop as the spec says; the spec's path is not used."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    made = timed_requests(
        parts.hostname or "",
        parts.port or (443 if tls else 80),
        method=spec.method,
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        body=spec.body or b"",
        timeout=spec.timeout,
        count=spec.count,
        interval=spec.interval,
        rate=spec.rate,
        tls=tls,
    )
    return (ProbeSample(**one) for one in made)


def probe_many(host: str, port: int, spec: ProbeSpec) -> list[ProbeSample]:
    """Make all requests of a series to a service's own address."""
    return list(probe_url(f"http://{host}:{port}{spec.path}", spec))
