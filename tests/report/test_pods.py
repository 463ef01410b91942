"""The section on CPU and memory: its tables and answers, and what stands there where nothing was measured."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from dclab.experiments.pod_facts import pod_facts
from dclab.report.content import sections
from dclab.report.language import Words
from dclab.report.render import render_html, render_markdown
from dclab.results import Pods, PodState, Resources, ServiceUsage
from dclab.results_check import contradiction
from tests.report.results_at_random import SAMPLE, pods

LEVELS = {"redis": 2.0, "rng": 12.0, "hasher": 5.0, "worker": 12.0, "webui": 1.0}
ALLOWED = Resources(
    cpu_request_millicores=200.0, cpu_limit_millicores=500.0, memory_request_mib=64.0, memory_limit_mib=64.0
)


def state(workers, share, half=0.02):
    """The services of DockerCoins at a share of what they use when rng is busy all the time."""
    services = {
        name: ServiceUsage(
            replicas=workers if name == "worker" else 1,
            windows=5,
            cpu_millicores=share * level,
            cpu_ci95=None if half is None else (share * level * (1 - half), share * level * (1 + half)),
            memory_mib=18.0 * (workers if name == "worker" else 1),
            resources=ALLOWED if name in ("rng", "hasher") else Resources(cpu_request_millicores=20.0),
        )
        for name, level in LEVELS.items()
    }
    return PodState(workers=workers, began=0.0, ended=4.0, window_seconds=0.7, services=services)


TYPICAL = replace(
    SAMPLE, pods=Pods(source="processes", cores=2.0, states=(state(1, 1 / 3), state(10, 1.0))), caveats=()
)


def block(results, words=None):
    (found,) = [one for one in sections(results, words or Words()) if one.name == "pods"]
    return found


def codes(results):
    return [one.code for one in pod_facts(results)]


def test_a_typical_run_answers_every_question_of_the_sheet():
    assert codes(TYPICAL) == [
        "pods-most",
        "pods-most",
        "pods-latency",
        "pods-same",
        "pods-not-bound",
        "pods-hash-waits",
        "pods-cpu-lags",
    ]
    said = render_markdown(TYPICAL, {})
    assert "With 1 worker rng uses more CPU than hasher: 4.0m (3.9 to 4.1) and 1.7m (1.6 to 1.7)." in said
    rng, hasher = (f"{TYPICAL.latency[name].probe.mean:.1f} ms" for name in ("rng", "hasher"))
    assert f"With 10 workers rng has the higher latency: a probe takes {rng}, and of hasher {hasher}." in said
    assert "the one with the higher latency: rng." in said
    assert "use 32.0m ± 0.4m, 1.6 % of 2000m" in said
    rate = TYPICAL.sweep.points[-1].hashes_per_second.mean
    assert f"{32.0 / rate:.1f} ms of it are CPU" in said
    assert "went from 4.0m to 12.0m, not 10 times" in said


def test_the_tables_are_those_of_kubectl_with_requests_and_limits():
    rest, most = [one for one in block(TYPICAL).blocks if one.kind == "table"]
    assert rest.head[:3] == ("", "replicas", "CPU")
    (worker,) = [row for row in most.rows if row[0] == "worker"]
    assert worker == ("worker", "10", "12.0m", "11.8–12.2", "6.0 % (200m)", "–", "180Mi", "–", "–")
    (rng,) = [row for row in most.rows if row[0] == "rng"]
    assert rng[4:6] == ("6.0 % (200m)", "2.4 % (500m)")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_run_without_it_says_in_a_line_how_to_get_it(language):
    (only,) = block(replace(SAMPLE, pods=None), Words(language)).blocks
    assert "`dclab run`" in only.text
    assert codes(replace(SAMPLE, pods=None)) == []


def test_both_languages_and_both_pages_have_it():
    words = Words("zh")
    assert "各服务的 CPU 与内存" in render_html(TYPICAL, {}, words)
    assert "应用不是 CPU 密集型" in render_markdown(TYPICAL, {}, words)
    assert 'id="pods"' in render_html(TYPICAL, {})


def test_of_a_single_window_nothing_is_concluded():
    once = replace(TYPICAL, pods=replace(TYPICAL.pods, states=(state(1, 1 / 3, None), state(10, 1.0, None))))
    assert codes(once) == [
        "pods-one-window",
        "pods-one-window",
        "pods-latency",
        "pods-same-cannot-tell",
        "pods-bound-one-window",
    ]
    assert "–" in block(once).blocks[2].rows[0]


def test_latencies_at_another_number_of_workers_answer_nothing():
    other = {name: replace(one, workers=5) for name, one in SAMPLE.latency.items()}
    assert not {"pods-latency", "pods-same", "pods-cpu-lags"} & set(codes(replace(TYPICAL, latency=other)))


@pytest.mark.parametrize("seed", range(30))
def test_what_is_possible_is_no_contradiction(seed):
    found = pods(random.Random(seed), SAMPLE.sweep, SAMPLE.latency)
    assert contradiction(replace(SAMPLE, pods=found)) is None


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        (lambda one: replace(one, ended=-1.0), "ended"),
        (lambda one: replace(one, services={"rng": replace(one.services["rng"], cpu_millicores=99.0)}), "services.rng"),
        (lambda one: replace(one, services={"rng": replace(one.services["rng"], windows=0)}), "services.rng"),
        (lambda one: replace(one, workers=1), "in order of workers"),
    ],
)
def test_a_contradiction_is_named_by_its_field(changed, field):
    first, last = TYPICAL.pods.states
    made = replace(TYPICAL.pods, states=(first, changed(last)))
    assert field in contradiction(replace(TYPICAL, pods=made))
