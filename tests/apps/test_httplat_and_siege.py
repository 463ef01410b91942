"""The exporter, and the load generator for where there is no siege."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from statistics import median

import pytest

from dclab.measure.httplat import parse_scrape
from dclab.measure.siege import parse_siege
from dclab.paths import shipped
from tests.measure.lingering import LINGER, LingeringServer


def scrape(httplat):
    status, page = httplat.ask(path="/metrics")
    assert status == 200
    return page.decode()


def test_latency_of_a_target(start, wait_until):
    rng = start("rng", DELAY=0)
    httplat = start("httplat", TARGET=f"http://127.0.0.1:{rng.port}/", INTERVAL=0.05)
    wait_until(lambda: parse_scrape(scrape(httplat)).probes >= 5)
    page = scrape(httplat)
    assert 'httplat_latency_seconds_bucket{le="0.005"}' in page
    assert 0 < parse_scrape(page).sum_seconds < 1
    assert "httplat_errors_total 0.0" in page


def test_its_probes_do_not_keep_a_server_lingering(start, wait_until):
    """They close when they have the answer, so that a server of one thread that waits for that can go on."""
    server = LingeringServer()
    try:
        start("httplat", TARGET=f"http://127.0.0.1:{server.port}/", INTERVAL=0.05)
        wait_until(lambda: len(server.served) >= 5)
        assert median(one.free - one.began for one in server.served) < LINGER / 2
    finally:
        server.close()


def test_failed_probes_are_counted_and_not_timed(start, wait_until):
    httplat = start("httplat", TARGET="http://127.0.0.1:1/", INTERVAL=0.05)
    wait_until(lambda: "httplat_errors_total 0.0" not in scrape(httplat))
    assert parse_scrape(scrape(httplat)).probes == 0


def siege(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "apps.siege", *arguments],
        cwd=shipped(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_summary_is_sieges(start):
    rng = start("rng", DELAY=0)
    process = siege("--concurrent=5", "--benchmark", "--time=1S", f"http://127.0.0.1:{rng.port}/")
    found = parse_siege(process.communicate(timeout=10)[0])
    assert process.returncode == 0
    assert found.transactions == found.successful_transactions > 50
    assert (found.availability, found.failed_transactions) == (100, 0)
    assert 0.9 < found.elapsed_time < 2
    assert found.transaction_rate * found.elapsed_time == pytest.approx(found.transactions, rel=0.02)
    assert 3 < found.concurrency <= 5.1


def test_post_with_data(start):
    hasher = start("hasher", DELAY=0)
    process = siege("-c2", "-b", "-t1S", f"http://127.0.0.1:{hasher.port}/ POST abc")
    assert parse_siege(process.communicate(timeout=10)[0]).failed_transactions == 0


def test_an_interrupted_siege_prints_its_summary(start, wait_until):
    rng = start("rng", DELAY=0)
    process = siege("-c2", "-b", "-t1M", f"http://127.0.0.1:{rng.port}/32")
    wait_until(lambda: json.loads(rng.ask(path="/served")[1])["served"] > 0)
    process.send_signal(signal.SIGINT)
    assert parse_siege(process.communicate(timeout=5)[0]).elapsed_time < 5


def test_it_gives_up_when_nothing_answers():
    process = siege("-c5", "-b", "-t1M", "http://127.0.0.1:1/")
    found = parse_siege(process.communicate(timeout=20)[0])
    assert process.returncode == 1
    assert (found.transactions, found.availability) == (0, 0)


def test_wrong_options_are_refused():
    for arguments in (["-t0S", "http://x/"], ["-t1S", "ftp://x/"], ["-c0", "-t1S", "http://x/"]):
        process = siege(*arguments)
        process.communicate(timeout=5)
        assert process.returncode == 2
