"""What a demonstration of a health probe shows, in words."""

from __future__ import annotations

from collections.abc import Iterator

from dclab.measure.health_watch import cycles, first_event
from dclab.report.language import Words
from dclab.results import HealthPhase, ProbeDemo

__all__ = ["phase_rows", "prediction_sentences", "probe_sentences"]

ENGLISH = Words()


def prediction_sentences(demo: ProbeDemo, words: Words = ENGLISH) -> Iterator[str]:
    """What was predicted."""
    predicted = demo.predicted
    yield words(
        "Predicted: beside {workers} workers a probe waits {wait:.2f} s on average for its turn, and {late:.0f} % of the "
        "probes longer than the timeout of {timeout} s.",
        workers=demo.workers,
        wait=predicted.wait_ms / 1000,
        late=100 * predicted.late_share,
        timeout=demo.timeout_seconds,
    )
    if predicted.outcome == "holds":
        yield words(
            "Predicted: {threshold} failures in a row do not occur, so the probe changes nothing.",
            threshold=demo.failure_threshold,
        )
    elif predicted.outcome == "cannot tell":
        yield words(
            "Whether {threshold} of them fail in a row within {seconds:.0f} s cannot be predicted.",
            threshold=demo.failure_threshold,
            seconds=demo.watch_seconds,
        )
    else:
        first = {"low": predicted.first_low or 0.0, "high": predicted.first_high or 0.0}
        if demo.kind == "readiness":
            yield words(
                "Predicted: the first replica is out of service after {low:.0f} to {high:.0f} s (95 %).", **first
            )
        else:
            yield words(
                "Predicted: the first replica is restarted after {low:.0f} to {high:.0f} s (95 %), {grace:.0f} s of them the "
                "grace period, in which the queue keeps it from ending by itself.",
                **first,
                grace=demo.grace_seconds,
            )
    if predicted.cycle_low is not None and predicted.cycle_high is not None:
        yield words(
            "Predicted: without new requests its queue is served and the next probe succeeds; then the queue comes back, and "
            "it is out of service again {low:.0f} to {high:.0f} s after the last time.",
            low=predicted.cycle_low,
            high=predicted.cycle_high,
        )


def probe_sentences(demo: ProbeDemo, words: Words = ENGLISH) -> Iterator[str]:
    """What was predicted, what happened, and whether it is the same."""
    yield from prediction_sentences(demo, words)
    yield from _first(demo, words)
    yield from _control(demo, words)
    yield from _rates(demo, words)


def _first(demo: ProbeDemo, words: Words) -> Iterator[str]:
    found = first_event(demo.timeline, demo.kind)
    http = _phase(demo, "http")
    if http is None:
        yield words("The HTTP probe was not watched.")
        return
    if found is None:
        yield words(
            "Measured: in {seconds:.0f} s under the HTTP probe no replica was out of service for it, and none restarted."
            if not http.times_out and not http.restarts
            else "Measured: in {seconds:.0f} s under the HTTP probe its failure threshold had no effect.",
            seconds=http.seconds,
        )
    elif demo.kind == "readiness":
        yield words(
            "Measured: the first replica was out of service after {low:.1f} to {high:.1f} s.",
            low=found[0],
            high=found[1],
        )
    else:
        yield words(
            "Measured: the first replica was restarted after {low:.1f} to {high:.1f} s.", low=found[0], high=found[1]
        )
    between = cycles(demo.timeline) if demo.kind == "readiness" else []
    if between:
        yield words(
            "Measured: it was out of service {times} times, {low:.1f} to {high:.1f} s after the time before.",
            times=http.times_out,
            low=min(low for low, _ in between),
            high=max(high for _, high in between),
        )
    yield {
        "as predicted": words("This is as predicted."),
        "not as predicted": words("This is not as predicted."),
        "cannot tell": words("Whether this is as predicted cannot be told."),
    }[demo.verdict]


def _control(demo: ProbeDemo, words: Words) -> Iterator[str]:
    tcp = _phase(demo, "tcp")
    if tcp is None:
        return
    if not tcp.times_out and not tcp.restarts:
        yield words(
            "With the TCP check of the manifest no replica left its service in {seconds:.0f} s under the same workers: the kernel "
            "accepts a connection, however many requests wait.",
            seconds=tcp.seconds,
        )
    else:
        yield words(
            "With the TCP check of the manifest, too, replicas left their service ({times} times) or restarted ({restarts} "
            "times) under the same workers: something else disturbed them.",
            times=tcp.times_out,
            restarts=tcp.restarts,
        )


def _rates(demo: ProbeDemo, words: Words) -> Iterator[str]:
    tcp, http = _phase(demo, "tcp"), _phase(demo, "http")
    if tcp is None or http is None:
        return
    values = {"low": http.rate_low, "high": http.rate_high, "tcp_low": tcp.rate_low, "tcp_high": tcp.rate_high}
    if http.rate_high < tcp.rate_low:
        yield words(
            "The HTTP probe took work away: {low:.1f} to {high:.1f} hashes/s with it, {tcp_low:.1f} to {tcp_high:.1f} without.",
            **values,
        )
    elif http.rate_low > tcp.rate_high:
        yield words(
            "With the HTTP probe there were {low:.1f} to {high:.1f} hashes/s, above the {tcp_low:.1f} to {tcp_high:.1f} before.",
            **values,
        )
    else:
        yield words(
            "Whether the HTTP probe changed the rate cannot be told: {low:.1f} to {high:.1f} hashes/s with it, {tcp_low:.1f} to "
            "{tcp_high:.1f} without.",
            **values,
        )


def _phase(demo: ProbeDemo, name: str) -> HealthPhase | None:
    return next((one for one in demo.phases if one.phase == name), None)


def phase_rows(demo: ProbeDemo, words: Words = ENGLISH) -> list[tuple[str, ...]]:
    """A row for each phase that is compared: seconds, hashes, hashes/s, out of service, restarts."""
    names = {"tcp": words("TCP check"), "http": words("HTTP probe")}
    return [
        (
            names[one.phase],
            f"{one.seconds:.0f}",
            f"{one.hashes}",
            f"{one.rate_low:.1f}–{one.rate_high:.1f}",
            f"{one.times_out}",
            f"{one.out_seconds:.1f}",
            f"{one.restarts}",
        )
        for one in demo.phases
        if one.phase in names
    ]
