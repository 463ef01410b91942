"""What needs no lab of dclab's: any URL's latency, any DockerCoins' rate. Here they happen to be the lab's."""

from __future__ import annotations

import pytest

from dclab.errors import ExitCode


@pytest.fixture(scope="module")
def urls(dclab, lab_name):
    assert dclab("scale", "worker", "1", "--name", lab_name).code == 0
    return dclab("status", "--name", lab_name, "--json").data["urls"]


def test_latency_of_urls(dclab, urls, tmp_path):
    rng, hasher = f"{urls['rng']}/32", urls["hasher"]
    done = dclab("latency", "--url", rng, "--url", hasher, "--count", "5", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    found = done.data["urls"]
    assert list(found) == [rng, hasher]
    assert 100 <= found[rng]["min"] < 500
    assert found[hasher]["p50"] < 50
    for one in found.values():
        assert one["connect"] <= one["first_byte"] <= one["mean"]
        assert (one["count"], one["errors"], one["rate"]) == (5, 0, None)
    assert list(tmp_path.iterdir()) == []


def test_an_open_loop_keeps_its_rate(dclab, urls):
    shown = dclab("latency", "--url", urls["hasher"], "--count", "40", "--rate", "20")
    assert shown.code == 0, shown.err
    assert "open, 20 a second" in shown.out


def test_a_url_that_does_not_answer(dclab):
    done = dclab("latency", "--url", "127.0.0.1:1", "--count", "2")
    assert done.code == ExitCode.ERROR
    assert "No probe was answered" in done.err
    assert "refused" in done.err


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://", "http://a b", "http://u:p@127.0.0.1", "http://[::1"])
def test_what_is_no_url(dclab, url):
    done = dclab("latency", "--url", url)
    assert done.code == ExitCode.USAGE
    assert "is not a URL to ask" in done.err


@pytest.mark.parametrize(
    "arguments",
    [("--target", "rng"), ("--name", "x"), ("--out", "x"), ("--context", "x")],
)
def test_a_url_goes_without_a_lab(dclab, arguments):
    assert dclab("latency", "--url", "http://127.0.0.1:1", *arguments).code == ExitCode.USAGE


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "1e9", "fast"])
def test_impossible_rates(dclab, rate):
    assert dclab("latency", "--url", "http://127.0.0.1:1", "--rate", rate).code == ExitCode.USAGE


def test_latency_at_several_numbers_of_workers(dclab, lab_name, tmp_path):
    done = dclab(
        "latency", "--workers", "0,5", "--count", "5", "--name", lab_name, "--out", str(tmp_path / "run"), "--json"
    )
    assert done.code == 0, done.err
    idle, busy = done.data["latency_by_workers"]
    assert (idle["rng"]["workers"], busy["rng"]["workers"]) == (0, 5)
    assert idle["rng"]["probe"]["p50"] < 30 < busy["rng"]["probe"]["p50"]
    assert done.data["latency"] == busy


def test_the_true_rate_of_any_dockercoins(dclab, lab_name, urls):
    assert dclab("scale", "worker", "1", "--name", lab_name).code == 0
    done = dclab("rate", "--webui", urls["webui"], "--json")
    assert done.code == 0, done.err
    rate = done.data["hashes_per_second"]
    assert rate["ci95_low"] < 3.29 < rate["ci95_high"] * 1.02
    assert done.data["on_cap"] is False
    assert done.data["seconds"] < 20


def test_what_is_no_web_ui(dclab, urls):
    done = dclab("rate", "--webui", urls["hasher"])
    assert done.code == ExitCode.ERROR
    assert "counter" in done.err
