"""Facts as sentences: each evidence code has its words here, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dclab.measure.queueing import bound_rate, knee
from dclab.report.language import Words
from dclab.results import Evidence, Intervention, LoadTest, Rate, Sweep

__all__ = [
    "SENTENCES",
    "evidence_sentence",
    "interval",
    "model_sentences",
    "siege_rows",
    "speedup_sentences",
    "times_as_fast",
]

SENTENCES = {
    "probe-queues": (
        "With {workers:.0f} workers a probe of {service} waits {probe_ms:.0f} ms for an answer that itself takes no "
        "time, so requests queue at {service}."
    ),
    "no-queue": "No service keeps a probe waiting: the slowest, {slowest}, answers in {probe_ms:.1f} ms.",
    "plateau": (
        "The rate stands still from {from_workers:.0f} to {to_workers:.0f} workers ({rate_from:.1f} and {rate_to:.1f} "
        "hashes/s), so something other than the workers limits it."
    ),
    "cpu-idle": (
        "{service} uses {cpu_millicores:.0f}m of the {request_millicores:.0f}m CPU that it requests, so it is not "
        "short of CPU: it waits."
    ),
    "scaling-helps": (
        "With {replicas:.0f} replicas of {service} the rate rose from {from_rate:.1f} to {to_rate:.1f} hashes/s: "
        "{service} was the limit."
    ),
    "scaling-does-not-help": (
        "With {replicas:.0f} replicas of {service} the rate went from {from_rate:.1f} to {to_rate:.1f} hashes/s: "
        "{service} is not the limit."
    ),
    "threads-help": (
        "With {threads:.0f} requests at a time instead of one, a single {service} raised the rate from {from_rate:.1f} to "
        "{to_rate:.1f} hashes/s: it is its one-at-a-time that limits, not the machine."
    ),
    "threads-do-not-help": (
        "With {threads:.0f} requests at a time instead of one, {service} took the rate from {from_rate:.1f} to "
        "{to_rate:.1f} hashes/s: that is not the limit."
    ),
    "chance-costs": (
        "With {replicas:.0f} replicas of {service} a random choice for each connection, as kube-proxy makes it, gave "
        "{random_rate:.1f} hashes/s, taking turns {round_robin_rate:.1f}, the less busy of two {better_of_two_rate:.1f}: "
        "chance costs {lost_percent:.0f} %, since some queue at one replica while another is idle."
    ),
    "next-limit-workers": (
        "With {change} ({rate:.1f} hashes/s) no service keeps a probe waiting ({probe_ms:.1f} ms at most): what limits "
        "next are the workers themselves, {workers:.0f} of which can make {ceiling:.1f} hashes/s."
    ),
    "next-limit-service": (
        "With {change} ({rate:.1f} hashes/s) a probe of {service} still waits {probe_ms:.0f} ms: {service} is what limits "
        "next, before the workers' own {ceiling:.1f} hashes/s."
    ),
    "network-quick": "A connection stands after {connect_ms:.1f} ms, of the 300 ms that a hash takes: it is not the network.",
    "redis-quick": (
        "The web UI asks Redis twice and answers within {redis_ms:.1f} ms; a worker asks it once a second: it is not Redis."
    ),
    "above-target-before-load": (
        "Before any load the target already used {cpu_millicores:.0f}m of its {request_millicores:.0f}m CPU request, "
        "{metric_percent:.1f} % against a target of {target_percent:.0f} %: the workers alone make the autoscaler act."
    ),
    "load-slowed-work": (
        "The siege queued with the workers' own requests: mining fell from {before_rate:.1f} to {during_rate:.1f} "
        "hashes/s until the autoscaler acted."
    ),
    "scaled-up": (
        "The autoscaler went from {from_replicas:.0f} to {to_replicas:.0f} replicas within {seconds:.0f} s of being "
        "applied."
    ),
    "never-scaled": "The autoscaler never scaled up: CPU stayed at its target while requests queued.",
    "latency-fell": "Latency under load fell from {before_ms:.0f} ms to {after_ms:.0f} ms once there were more replicas.",
    "scaled-down": (
        "After the load it went from {from_replicas:.0f} down to {to_replicas:.0f} replicas within {seconds:.0f} s."
    ),
    "rest-replicas": (
        "It came to rest at {replicas:.0f} replicas, not because nothing waits any more: {total_cpu_millicores:.0f}m CPU "
        "in all, at a target of {per_replica_target_millicores:.0f}m each. That number follows from the CPU request, not from how long "
        "requests wait."
    ),
    "not-at-rest": "It had not come to rest {seconds:.0f} s after the demonstration began.",
}


ENGLISH = Words()


def evidence_sentence(evidence: Evidence, words: Words = ENGLISH) -> str:
    """One fact in words; an unknown or incomplete one is shown as its code and values."""
    try:
        return re.sub(r"\b1 replicas\b", "1 replica", words(SENTENCES[evidence.code], **evidence.values))
    except (KeyError, ValueError, TypeError):
        values = ", ".join(f"{name} {value}" for name, value in evidence.values.items())
        return f"{evidence.code}: {values}" if values else evidence.code


def interval(rate: Rate) -> str:
    """Mean and half width of a rate."""
    return f"{rate.mean:.2f} ± {(rate.ci95_high - rate.ci95_low) / 2:.2f}"


def times_as_fast(one: Intervention, unchanged: Intervention) -> str:
    """How many times the unchanged rate a change gave."""
    base = unchanged.hashes_per_second.mean
    return f"{one.hashes_per_second.mean / base:.2f}" if base else "–"


def speedup_sentences(sweep: Sweep, words: Words = ENGLISH) -> Iterator[str]:
    """The exercise's question: how much faster, and why not as many times as there are workers."""
    if sweep.speedup is None:
        return
    points = sorted(sweep.points, key=lambda one: one.workers)
    few, many = points[0], points[-1]
    low, high = sweep.speedup_ci95_low, sweep.speedup_ci95_high
    times = many.workers / few.workers
    known = low is not None and high is not None
    sure = words(" (95 %: {low:.2f} to {high:.2f})", low=low, high=high) if known else ""
    made = words("{times:g} times the workers made it {speedup:.2f} times as fast", times=times, speedup=sweep.speedup)
    if low is not None and high is not None and low <= times <= high:
        yield made + sure + words(": as many times as there are workers, within what was measured.")
    else:
        yield made + sure + words(", not {times:g} times.", times=times)
    if sweep.webui_speedup is not None and abs(sweep.webui_speedup - sweep.speedup) > 0.1:
        yield words(
            "Read off the web UI it would have been {times:.1f} times: its one-second figure shows the workers' "
            "batches, not the rate.",
            times=sweep.webui_speedup,
        )
    if many.workers > knee():
        yield words(
            "One rng serves one request of 0.1 s at a time, so {most:.0f} hashes/s is the most that any number of "
            "workers can reach, and {knee:.0f} workers (0.3 s a hash each) reach it already; more only queue.",
            most=bound_rate(many.workers),
            knee=knee(),
        )


def model_sentences(sweep: Sweep, words: Words = ENGLISH) -> Iterator[str]:
    """Which model the points bear out, and where it bends."""
    best = next((one for one in sweep.models if one.name == sweep.best_model), None)
    if best is None:
        return
    far = max(abs(one) for one in best.residuals)
    if best.name == "bound" and best.knee is not None:
        yield words(
            "Of the models the queueing bound fits best (to within {far:.2f} hashes/s): a worker alone takes "
            "{cycle_ms:.0f} ms a hash, all of them together are held to {cap:.2f} hashes/s, and the two meet at "
            "{knee:.1f} workers.",
            far=far,
            cycle_ms=1000 * best.parameters["cycle_seconds"],
            cap=best.parameters["cap"],
            knee=best.knee,
        )
    else:
        yield words("Of the models {name} fits best, to within {far:.2f} hashes/s.", name=best.name, far=far)
    usl = next((one for one in sweep.models if one.name == "USL" and one.knee is not None), None)
    if usl is not None and best.name == "bound" and usl.knee is not None:
        yield words(
            "The universal scalability law alone would see a peak at {knee:.0f} workers and a decline after it; there "
            "is none, only a level.",
            knee=usl.knee,
        )


def siege_rows(load: LoadTest) -> list[tuple[str, str]]:
    """The summary's lines in siege's own words."""
    return [
        ("Transactions", f"{load.transactions} hits"),
        ("Availability", f"{load.availability_percent:.2f} %"),
        ("Elapsed time", f"{load.elapsed_seconds:.2f} secs"),
        ("Data transferred", f"{load.data_transferred_mb:.2f} MB"),
        ("Response time", f"{load.response_time_seconds:.2f} secs"),
        ("Transaction rate", f"{load.transaction_rate:.2f} trans/sec"),
        ("Throughput", f"{load.throughput_mb_per_second:.2f} MB/sec"),
        ("Concurrency", f"{load.concurrency:.2f}"),
        ("Successful transactions", f"{load.successful_transactions}"),
        ("Failed transactions", f"{load.failed_transactions}"),
        ("Longest transaction", f"{load.longest_transaction_seconds:.2f}"),
        ("Shortest transaction", f"{load.shortest_transaction_seconds:.2f}"),
    ]
