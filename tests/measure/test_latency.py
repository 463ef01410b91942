"""Probes of a real server, and their summary."""

from __future__ import annotations

import heapq
import math
import random
import socket
import threading
import time
from dataclasses import replace
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.errors import LabLost
from dclab.lab import ProbeSample, ProbeSpec
from dclab.measure import timed_request
from dclab.measure.caveats import probe_caveats
from dclab.measure.latency import carried_percentiles, median_interval, percentile, summarise
from dclab.measure.probe import probe_many, probe_once, probe_url
from dclab.measure.queueing import expected_call_ms, expected_probe_ms
from dclab.measure.simulate import System, simulate
from dclab.report.latency_words import FIGURES, figures, median_range
from dclab.results import TargetLatency
from dclab.results_check import contradiction
from dclab.run_folder import load_results
from tests.conftest import CHECKOUT

RUN = load_results(CHECKOUT / "reports" / "sample-embedded")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@pytest.fixture
def serve():
    """A server that sends one prepared answer a connection, and counts them."""
    listeners = []

    def start(answer: bytes, wait: float = 0.0):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        seen = []

        def run():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    seen.append(connection.recv(65536))
                    if wait:
                        threading.Event().wait(wait)
                    if answer:
                        connection.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        return listener.getsockname()[1], seen

    yield start
    for listener in listeners:
        listener.close()


def test_each_probe_is_a_fresh_connection(serve):
    port, seen = serve(OK)
    samples = probe_many("127.0.0.1", port, ProbeSpec(path="/32", count=5, interval=0.001))
    assert len(samples) == len(seen) == 5
    assert all(one.startswith(b"GET /32 HTTP/1.1\r\n") for one in seen)
    for one in samples:
        assert one.status == 200
        assert 0 < one.connect_ms <= one.first_byte_ms <= one.total_ms


def test_the_body_of_a_post_is_sent(serve):
    port, seen = serve(OK)
    assert probe_once("127.0.0.1", port, ProbeSpec(method="POST", body=b"abc")).error is None
    assert seen[0].startswith(b"POST / ")
    assert seen[0].endswith(b"\r\n\r\nabc")


def test_a_slow_answer_is_timed(serve):
    port, _ = serve(OK, wait=0.05)
    assert 50 <= probe_once("127.0.0.1", port, ProbeSpec()).total_ms < 500


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 503 no\r\n\r\n", "status 503"),
        (b"", "no answer"),
        (b"nonsense", "the answer is not HTTP: 'nonsense'"),
    ],
)
def test_a_failed_probe_has_no_time(serve, answer, error):
    port, _ = serve(answer)
    found = probe_once("127.0.0.1", port, ProbeSpec())
    assert (found.total_ms, found.error) == (None, error)


def test_a_probe_that_gets_no_answer_in_time(serve):
    port, _ = serve(OK, wait=1.0)
    found = probe_once("127.0.0.1", port, ProbeSpec(timeout=0.05))
    assert found.total_ms is None
    assert "0.05 s" in found.error


def test_a_refused_connection_is_a_sample():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "refused" in probe_once("127.0.0.1", port, ProbeSpec()).error


def sample(ms):
    return ProbeSample(at=0.0, total_ms=ms, error=None if ms is not None else "refused")


@given(st.lists(st.floats(0.01, 60_000), min_size=1, max_size=200))
def test_percentiles_are_in_order_and_are_samples(times):
    found = summarise([sample(one) for one in times])
    assert found.min <= found.p50 <= found.p95 <= found.p99 <= found.max
    assert {found.p50, found.p95, found.p99} <= set(times)
    assert found.count == len(times)


def test_nearest_rank():
    values = list(range(1, 101))
    assert [percentile(values, p) for p in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert percentile([7], 50) == 7


def test_errors_are_counted_and_not_timed():
    found = summarise([sample(1.0), sample(None), sample(3.0)])
    assert (found.mean, found.count, found.errors) == (2.0, 2, 1)


def late(ms):
    return ProbeSample(at=0.0, total_ms=None, error="no answer within 10 s", gave_up_ms=ms)


def shown(found):
    return dict(zip(FIGURES, figures(found), strict=True))


@pytest.mark.parametrize(
    ("count", "carried"),
    [(4, ()), (5, ("p50",)), (58, ("p50",)), (59, ("p50", "p95")), (298, ("p50", "p95")), (299, ("p50", "p95", "p99"))],
)
def test_a_percentile_is_shown_where_there_are_enough_requests(count, carried):
    found = summarise([sample(100 + one / 10) for one in range(count)])
    assert found.carried == carried
    assert [name for name, text in shown(found).items() if text == "–"] == [
        name for name in ("p50", "p95", "p99") if name not in carried
    ]
    old = replace(found, carried=None)  # of a file from before
    assert shown(old) == shown(found)


@pytest.mark.parametrize("percent", [50, 95, 99])
def test_the_largest_of_as_many_requests_is_above_the_percentile_in_95_percent(percent):
    dice = random.Random(percent)
    fewest = next(n for n in range(1, 1000) if f"p{percent}" in carried_percentiles(n))
    above = sum(max(dice.random() for _ in range(fewest)) > percent / 100 for _ in range(2000))
    below = sum(max(dice.random() for _ in range(fewest - 1)) > percent / 100 for _ in range(2000))
    assert below - 40 < 0.95 * 2000 < above + 20


def test_the_intervals_of_a_median_are_those_of_the_tables():
    """Ranks of the 95 % interval for n = 6, 10, 15, 25 and 100 (W. J. Conover, Practical Nonparametric Statistics)."""
    ranks = {n: median_interval(range(1, n + 1)) for n in (5, 6, 10, 15, 25, 100)}
    assert ranks == {5: None, 6: (1, 6), 10: (2, 9), 15: (4, 12), 25: (8, 18), 100: (40, 61)}


def test_the_interval_of_a_median_covers_it():
    dice = random.Random(1)
    found = [summarise([sample(dice.expovariate(0.01)) for _ in range(15)]) for _ in range(400)]
    covered = sum(one.p50_ci95_low <= 100 * math.log(2) <= one.p50_ci95_high for one in found)
    assert covered >= 0.94 * 400


def test_timeouts_are_longer_than_they_were_waited_for():
    """40 % of the requests: the median is known, the mean is not, and of the percentiles only that they are beyond."""
    found = summarise([*(sample(50.0) for _ in range(240)), *(late(10_000.0) for _ in range(160)), sample(None)])
    assert (found.count, found.errors, found.timeouts, found.timeout_ms) == (240, 161, 160, 10_000)
    assert found.mean == pytest.approx(0.6 * 50 + 0.4 * 10_000)
    assert shown(found) == {
        "min": "50.0",
        "mean": "≥ 4030",
        "p50": "50.0",
        "p95": "> 10000",
        "p99": "> 10000",
        "max": "> 10000",
    }
    assert (found.p50_ci95_low, found.p50_ci95_high) == (50.0, 50.0)


def test_the_interval_of_a_median_is_open_where_it_reaches_the_timeouts():
    found = summarise([*(sample(50.0) for _ in range(8)), *(late(10_000.0) for _ in range(7))])
    assert (found.p50_ci95_low, found.p50_ci95_high) == (50.0, None)
    assert median_range(found) == "≥ 50.0"


@given(
    st.lists(st.floats(0.01, 9_999), min_size=1, max_size=80),
    st.lists(st.floats(10_000, 20_000), max_size=80),
    st.integers(0, 5),
)
def test_no_summary_contradicts_itself_or_claims_more_than_its_requests(times, gave_up, failed):
    samples = [sample(one) for one in times] + [late(one) for one in gave_up] + [sample(None)] * failed
    found = summarise(samples)
    results = replace(RUN, latency={"rng": TargetLatency(workers=1, probe=found, call=found)})
    assert contradiction(results) is None
    truth = sorted([*times, *(2 * one for one in gave_up)])  # any that is longer than the wait
    for name, text in shown(found).items():
        value = {"min": truth[0], "max": truth[-1], "mean": sum(truth) / len(truth)}.get(name)
        if value is None:
            value = percentile(truth, float(name[1:]))
        if text.startswith(("≥", ">")):
            assert value > float(text[2:]) - 1
        elif text != "–":
            assert value == pytest.approx(float(text), abs=0.51)


def test_an_open_loop_gives_up_what_it_cannot_send_in_time(serve, monkeypatch):
    """All its threads wait for a server that stalls; the others are counted, and the whole does not take forever."""
    monkeypatch.setattr(timed_request, "MOST_UNDER_WAY", 4)
    port, seen = serve(OK, wait=5.0)
    begin = time.monotonic()
    samples = probe_many("127.0.0.1", port, ProbeSpec(count=40, rate=200.0, timeout=0.3))
    assert time.monotonic() - begin < 2
    assert len(samples) == 40
    assert len(seen) <= 1
    unsent = [one for one in samples if not one.sent]
    assert 20 <= len(unsent) <= 36
    assert all(one.gave_up_ms >= 300 and "not sent" in one.error for one in unsent)
    codes = {one.code for one in probe_caveats(samples, ProbeSpec(count=40, rate=200.0, timeout=0.3), "a probe")}
    assert codes == {"probe-timeouts", "probes-unsent"}


def test_an_open_loop_hands_on_what_is_answered_while_it_sends(serve):
    port, _ = serve(OK)
    begin = time.monotonic()
    first = next(probe_url(f"http://127.0.0.1:{port}/", ProbeSpec(count=20, rate=10.0)))
    assert first.total_ms < 100
    assert time.monotonic() - begin < 1


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 10])
def test_the_theory_of_a_probe_is_what_a_simulation_gives(workers):
    system = System(
        workers=workers, delay=0.1, service=0.1, hashing=0.1, redis=0.0, jitter=0.0002, service_jitter=0.0001
    )
    waits = [one for seed in range(20) for one in simulate(system, 20.0, seed=seed, settle=10.0).rng_waits]
    assert expected_probe_ms(workers) == pytest.approx(1000 * fmean(waits), rel=0.04, abs=3)


@pytest.mark.parametrize("workers", [2, 3, 5, 10])
def test_the_theory_of_a_call_is_what_a_queue_gives(workers):
    """N workers that are away for 0.2 s, and one caller that is away for 0.1 s ± 50 %, at a server of 0.1 s."""
    dice = random.Random(workers)
    free, took = 0.0, []
    arrivals = [(dice.uniform(0, 0.3), one) for one in range(workers + 1)]
    heapq.heapify(arrivals)
    for _ in range(20_000):
        now, who = heapq.heappop(arrivals)
        free = max(now, free) + 0.1 * dice.uniform(0.998, 1.002)
        away = 0.1 * dice.uniform(0.5, 1.5) if who == workers else 0.2 * dice.uniform(0.998, 1.002)
        took += [1000 * (free - now)] if who == workers else []
        heapq.heappush(arrivals, (free + away, who))
    assert expected_call_ms(workers) == pytest.approx(fmean(took), rel=0.01)


def test_the_committed_runs_agree_with_theory():
    """To within the 1.5 % by which a call takes longer than 0.1 s, and what 15 requests tell."""
    for name in ("sample-embedded", "sample-kube"):
        rng = load_results(CHECKOUT / "reports" / name).latency["rng"]
        assert rng.probe.mean == pytest.approx(expected_probe_ms(rng.workers), rel=0.06)
        assert rng.call.mean == pytest.approx(expected_call_ms(rng.workers), rel=0.06)


def test_the_whole_distribution_is_kept():
    from hdrh.histogram import HdrHistogram

    histogram = HdrHistogram.decode(summarise([sample(one) for one in (1, 2, 700)]).histogram.encode())
    assert histogram.get_total_count() == 3
    assert histogram.get_max_value() == pytest.approx(700_000, rel=0.001)


def test_no_answered_probe_is_an_error():
    with pytest.raises(LabLost, match="No probe"):
        summarise([sample(None)])
