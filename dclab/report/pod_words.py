"""Sentences about CPU and memory of the services: each fact of `dclab.experiments.pod_facts` in words."""

from __future__ import annotations

__all__ = ["POD_SENTENCES"]

POD_SENTENCES = {
    "pods-most": (
        "With {workers:.0f} workers {service} uses more CPU than {other}: {cpu_millicores:.1f}m ({low:.1f} to {high:.1f}) "
        "and {other_millicores:.1f}m ({other_low:.1f} to {other_high:.1f})."
    ),
    "pods-cannot-tell": (
        "With {workers:.0f} workers {service} used {cpu_millicores:.1f}m CPU ({low:.1f} to {high:.1f}) and {other} "
        "{other_millicores:.1f}m ({other_low:.1f} to {other_high:.1f}): which of them uses more cannot be told."
    ),
    "pods-one-window": (
        "With {workers:.0f} workers {service} used {cpu_millicores:.1f}m CPU and {other} {other_millicores:.1f}m in the one "
        "window of the metric that lies wholly in this state: which of them uses more cannot be told from a single window."
    ),
    "pods-latency": (
        "With {workers:.0f} workers {service} has the higher latency: a probe takes {latency_ms:.1f} ms, and of {other} "
        "{other_ms:.1f} ms."
    ),
    "pods-latency-cannot-tell": (
        "With {workers:.0f} workers a probe of {service} took {latency_ms:.1f} ms and of {other} {other_ms:.1f} ms: which of "
        "them has the higher latency cannot be told."
    ),
    "pods-same": "So the service that uses more CPU is also the one with the higher latency: {service}.",
    "pods-differ": "So it is not the same service: {service} uses more CPU, {other} has the higher latency.",
    "pods-same-cannot-tell": (
        "Whether the service that uses more CPU is the one with the higher latency cannot be told."
    ),
    "pods-not-bound": (
        "The app is not CPU-bound: with {workers:.0f} workers all its services together use {total_millicores:.1f}m ± "
        "{half_millicores:.1f}m, {total_percent:.1f} % of {cores_millicores:.0f}m, and no replica uses half of what it may "
        "(the most by this measure, {service}: {cpu_millicores:.1f}m of {allowed_millicores:.0f}m)."
    ),
    "pods-not-at-limit": (
        "No service is short of what it may use: with {workers:.0f} workers a replica of {service}, the most by this "
        "measure, uses {cpu_millicores:.1f}m of {allowed_millicores:.0f}m. How many CPUs the nodes have may not be read, so "
        "whether these are short of CPU cannot be told."
    ),
    "pods-bound-service": (
        "The app is CPU-bound: with {workers:.0f} workers a replica of {service} uses {cpu_millicores:.0f}m CPU, about all "
        "of the {allowed_millicores:.0f}m that it may use."
    ),
    "pods-bound-machine": (
        "The app is CPU-bound: with {workers:.0f} workers its services together use {total_millicores:.0f}m, about all of "
        "the {cores_millicores:.0f}m that there are."
    ),
    "pods-bound-busy": (
        "All services together use {total_millicores:.0f}m with {workers:.0f} workers, but other programs kept the CPUs "
        "busy meanwhile: whether the app is CPU-bound cannot be told from this run."
    ),
    "pods-bound-cannot-tell": (
        "With {workers:.0f} workers all services together use {total_millicores:.1f}m ± {half_millicores:.1f}m, and a "
        "replica of {service} {cpu_millicores:.0f}m of the {allowed_millicores:.0f}m that it may use: whether the app is "
        "CPU-bound cannot be told."
    ),
    "pods-bound-one-window": (
        "Whether the app is CPU-bound with {workers:.0f} workers cannot be told: not every service has two windows of the "
        "metric that lie wholly in this state."
    ),
    "pods-hash-waits": (
        "A hash takes {hash_ms:.0f} ms with {workers:.0f} workers (workers / hashes per second). {cpu_ms:.1f} ms of it are "
        "CPU, in all services together; for the rest of the time it sleeps or waits."
    ),
    "pods-hash-works": (
        "A hash takes {hash_ms:.0f} ms with {workers:.0f} workers (workers / hashes per second). {cpu_ms:.1f} ms of it are "
        "CPU, in all services together: computing takes most of its time."
    ),
    "pods-cpu-lags": (
        "From {from_workers:.0f} to {to_workers:.0f} workers the CPU of {service} went from {from_millicores:.1f}m to "
        "{to_millicores:.1f}m, not {workers_times:.4g} times: it follows the requests that {service} serves, and not those "
        "that wait there. So CPU as a metric does not show the queue, and its target says nothing of the latency."
    ),
    "pods-cpu-leads": (
        "From {from_workers:.0f} to {to_workers:.0f} workers the CPU of {service} went from {from_millicores:.1f}m to "
        "{to_millicores:.1f}m, over {workers_times:.4g} times: here CPU as a metric does show that there is more to do."
    ),
    "pods-cpu-cannot-tell": (
        "From {from_workers:.0f} to {to_workers:.0f} workers the CPU of {service} went from {from_millicores:.1f}m to "
        "{to_millicores:.1f}m: whether it grows with the number of workers cannot be told."
    ),
}
"""By code of the evidence."""
