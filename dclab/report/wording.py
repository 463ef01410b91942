"""Facts as sentences: each evidence code has its words here, and nowhere else."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence

from dclab.measure.ratio import unchanged_rate
from dclab.report.language import Words
from dclab.report.pod_words import POD_SENTENCES
from dclab.results import Bottleneck, Evidence, Intervention, LoadTest, Rate

__all__ = [
    "SENTENCES",
    "change_name",
    "evidence_sentence",
    "interval",
    "siege_rows",
    "times_as_fast",
    "verdict_sentence",
]

SENTENCES = {
    "probe-queues": (
        "With {workers:.0f} workers a probe of {service} (GET /, hardly any work in itself) takes {probe_ms:.0f} ms on "
        "average, so requests queue at {service}."
    ),
    "queue-at-either": (
        "With {workers:.0f} workers probes wait at {service} ({probe_ms:.0f} ms) and at {other} ({other_ms:.0f} ms): they "
        "do not tell which of the two limits the rate."
    ),
    "queue-cannot-tell": (
        "With {workers:.0f} workers a probe of {service} took {probe_ms:.1f} ms on average ({probe_low:.1f} to "
        "{probe_high:.1f}): whether requests queue there cannot be told."
    ),
    "no-queue": "No service keeps a probe waiting: the slowest, {slowest}, answers in {probe_ms:.1f} ms.",
    "plateau": (
        "From {from_workers:.0f} to {to_workers:.0f} workers the rate rose by less than 10 % ({rate_from:.1f} and "
        "{rate_to:.1f} hashes/s), so something other than the workers limits it."
    ),
    "cpu-idle": (
        "{service} uses {cpu_millicores:.0f}m of the {request_millicores:.0f}m CPU that it requests, so it is not "
        "short of CPU."
    ),
    "cpu-above-request": (
        "{service} uses {cpu_millicores:.0f}m CPU and requests {request_millicores:.0f}m: on a busy node it may be short "
        "of CPU."
    ),
    "cpu-at-limit": (
        "{service} uses {cpu_millicores:.0f}m CPU, about as much as its limit of {limit_millicores:.0f}m allows: it may be "
        "short of CPU."
    ),
    "scaling-helps": (
        "With {replicas:.0f} replicas of {service} the rate rose from {from_rate:.1f} to {to_rate:.1f} hashes/s: "
        "{service} was the limit."
    ),
    "scaling-does-not-help": (
        "With {replicas:.0f} replicas of {service} the rate went from {from_rate:.1f} to {to_rate:.1f} hashes/s: "
        "{service} alone is not the limit."
    ),
    "scaling-cannot-tell": (
        "With {replicas:.0f} replicas of {service} the rate went from {from_rate:.1f} ± {from_half:.1f} to {to_rate:.1f} ± "
        "{to_half:.1f} hashes/s: whether {service} is the limit cannot be told."
    ),
    "threads-help": (
        "With {threads:.0f} requests at a time instead of one, a single {service} raised the rate from {from_rate:.1f} to "
        "{to_rate:.1f} hashes/s: serving one at a time was the limit."
    ),
    "threads-do-not-help": (
        "With {threads:.0f} requests at a time instead of one, {service} took the rate from {from_rate:.1f} to "
        "{to_rate:.1f} hashes/s: serving one at a time is not the limit."
    ),
    "threads-cannot-tell": (
        "With {threads:.0f} requests at a time instead of one, {service} took the rate from {from_rate:.1f} ± "
        "{from_half:.1f} to {to_rate:.1f} ± {to_half:.1f} hashes/s: whether serving one at a time is the limit cannot be "
        "told."
    ),
    "longer-would-tell": (
        "A window of about {seconds:.0f} s would tell what {change} does: `dclab prove --seconds {seconds:.0f}`."
    ),
    "chance-costs": (
        "With {replicas:.0f} replicas of {service} a random choice for each connection, as kube-proxy makes it, gave "
        "{random_rate:.1f} hashes/s, {policy} {policy_rate:.1f}: random choice costs {lost_low:.0f} to {lost_high:.0f} %, "
        "since some requests queue at one replica while another is idle."
    ),
    "chance-costs-nothing": (
        "With {replicas:.0f} replicas of {service} a random choice for each connection, as kube-proxy makes it, gave "
        "{random_rate:.1f} hashes/s, {policy} {policy_rate:.1f}: {policy} was slower."
    ),
    "chance-cannot-tell": (
        "With {replicas:.0f} replicas of {service} a random choice for each connection, as kube-proxy makes it, gave "
        "{random_rate:.1f} ± {random_half:.1f} hashes/s, {policy} {policy_rate:.1f} ± {policy_half:.1f}: which of them is "
        "faster cannot be told."
    ),
    "next-limit-workers": (
        "With {change} ({rate:.1f} hashes/s) no service keeps a probe waiting ({probe_ms:.1f} ms at most): what limits "
        "next are the workers themselves, {workers:.0f} of which can make {ceiling:.1f} hashes/s."
    ),
    "next-limit-service": (
        "With {change} ({rate:.1f} hashes/s) a probe of {service} still waits {probe_ms:.0f} ms: {service} is what limits "
        "next, before the workers' own {ceiling:.1f} hashes/s."
    ),
    "next-limit-elsewhere": (
        "With {change} ({rate:.1f} hashes/s) no service keeps a probe waiting ({probe_ms:.1f} ms at most), and yet the rate "
        "stays below the {ceiling:.1f} hashes/s that {workers:.0f} workers can make: something else limits next."
    ),
    "next-limit-no-queue": (
        "With {change} ({rate:.1f} hashes/s) no service keeps a probe waiting ({probe_ms:.1f} ms at most); whether the "
        "workers limit next, {workers:.0f} of which can make {ceiling:.1f} hashes/s, cannot be told."
    ),
    "next-limit-cannot-tell": (
        "With {change} ({rate:.1f} hashes/s) a probe of {service} took {probe_ms:.1f} ms on average ({probe_low:.1f} to "
        "{probe_high:.1f}): whether requests queue there cannot be told, and so neither what limits next."
    ),
    "network-quick": (
        "Connecting takes {connect_ms:.1f} ms of the 300 ms that a hash takes without queueing, so the network is not the "
        "limit."
    ),
    "redis-quick": (
        "The web UI queries Redis twice and answers within {redis_ms:.1f} ms; a worker queries it once a second, so Redis is "
        "not the limit."
    ),
    "above-target-before-load": (
        "Before any load the target already used {cpu_millicores:.0f}m of its {request_millicores:.0f}m CPU request, "
        "{metric_percent:.1f} % against a target of {target_percent:.0f} %: the workers alone make the autoscaler act."
    ),
    "load-slowed-work": (
        "The siege queued with the workers' own requests: mining fell from {before_rate:.1f} to {during_rate:.1f} "
        "hashes/s before the autoscaler was applied."
    ),
    "scaled-up": (
        "The autoscaler went from {from_replicas:.0f} to {to_replicas:.0f} replicas within {seconds:.0f} s of being "
        "applied."
    ),
    "scaled-up-unready": (
        "The autoscaler asked for {to_replicas:.0f} replicas instead of {from_replicas:.0f} within {seconds:.0f} s of being "
        "applied, of which no more than {ready_replicas:.0f} became ready."
    ),
    "never-scaled": "The autoscaler never scaled up.",
    "never-scaled-unknown": "The autoscaler never scaled up: it never knew its metric.",
    "never-scaled-queued": (
        "The autoscaler never scaled up: its metric was at {highest_percent:.0f} % of its target at most, while a probe "
        "waited {latency_ms:.0f} ms."
    ),
    "latency-fell": "Latency under load fell from {before_ms:.0f} ms to {after_ms:.0f} ms once there were more replicas.",
    "scaled-down": (
        "After the load it went from {from_replicas:.0f} down to {to_replicas:.0f} replicas within {seconds:.0f} s."
    ),
    "rest-replicas": (
        "It settled at {replicas:.0f} replicas: {total_cpu_millicores:.0f}m CPU in all, at a target of "
        "{per_replica_target_millicores:.0f}m each."
    ),
    "rest-waits": (
        "Requests still queued then, and a probe waited {latency_ms:.0f} ms: the number of replicas follows from the CPU "
        "request, not from how long requests wait."
    ),
    "rest-answers": "A probe was answered within {latency_ms:.1f} ms then.",
    "not-at-rest": "It had not settled {seconds:.0f} s after the demonstration began.",
    **POD_SENTENCES,
}


OLDER = {
    "chance-costs": (
        "With {replicas:.0f} replicas of {service} a random choice for each connection, as kube-proxy makes it, gave "
        "{random_rate:.1f} hashes/s, taking turns {round_robin_rate:.1f}, the less busy of two {better_of_two_rate:.1f}."
    )
}
"""Of files of older versions, whose evidence has other values."""

ENGLISH = Words()


def change_name(name: str, words: Words = ENGLISH) -> str:
    """Return the name of a change, as results have it in English, in the report's language; others as they are."""
    known = {"as it is": words("as it is"), "as it is, afterwards": words("as it is, afterwards")}
    if name in known:
        return known[name]
    policies = {"round robin": words("round robin"), "better of two": words("better of two")}
    return words(", ").join(policies.get(part) or _threads(part, words) for part in name.split(", "))


def _threads(name: str, words: Words) -> str:
    found = re.fullmatch(r"(\S+) with (\d+) threads", name)
    return words("{service} with {threads} threads", service=found[1], threads=found[2]) if found else name


def evidence_sentence(evidence: Evidence, words: Words = ENGLISH) -> str:
    """One fact in words; an unknown or incomplete one is shown as its code and values."""
    names = {
        key: change_name(str(evidence.values[key]), words) for key in ("change", "policy") if key in evidence.values
    }
    for sentences in (SENTENCES, OLDER):
        with contextlib.suppress(KeyError, ValueError, TypeError):
            return re.sub(
                r"\b1 (replica|worker)s\b", r"1 \1", words(sentences[evidence.code], **{**evidence.values, **names})
            )
    values = ", ".join(f"{name} {value}" for name, value in evidence.values.items())
    return f"{evidence.code}: {values}" if values else evidence.code


def interval(rate: Rate) -> str:
    """Mean and half width of a rate, with no more decimals than the half width bears."""
    digits = 2 if rate.half_width < 1 else 1
    return f"{rate.mean:.{digits}f} ± {rate.half_width:.{digits}f}"


def times_as_fast(one: Intervention, interventions: Sequence[Intervention]) -> str:
    """How many times the unchanged rate a change gave."""
    unchanged = unchanged_rate(interventions)
    return f"{one.hashes_per_second.mean / unchanged.mean:.2f}" if unchanged and unchanged.mean else "–"


def verdict_sentence(bottleneck: Bottleneck, words: Words = ENGLISH) -> str:
    """Which service is the bottleneck, and whether that was proved."""
    if bottleneck.service is None:
        return words("No bottleneck could be proved.")
    if bottleneck.certainty == "suspected":
        return words(
            "The bottleneck is probably {service}: requests queue there, but no change of it has proved it yet.",
            service=bottleneck.service,
        )
    return words("The bottleneck is {service}.", service=bottleneck.service)


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
