"""Every table that a command prints, on a terminal of 80 columns and with large figures: none is cut."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from dclab.cli import score_table, tables, top
from dclab.cli.compare import comparison_lines
from dclab.cli.output import table
from dclab.measure.compare import compare_runs
from dclab.results import (
    AutoscalerRun,
    Comparison,
    DemandStep,
    Elasticity,
    ElasticPoint,
    LatencySummary,
    Rate,
    Resources,
)
from dclab.run_folder import load_results
from tests.conftest import CHECKOUT

RUN = load_results(CHECKOUT / "reports" / "sample-embedded")
LARGE = Rate(mean=12345.67, ci95_low=11111.11, ci95_high=13580.23)
MANY = Rate(mean=345.67, ci95_low=322.21, ci95_high=369.13)
"""Of as many workers as a lab may have."""
SLOW = LatencySummary(
    min=98_765.4,
    mean=123_456.7,
    p50=123_456.0,
    p95=234_567.0,
    p99=345_678.0,
    max=345_678.0,
    count=9999,
    errors=8888,
    timeouts=7777,
    timeout_ms=300_000.0,
    carried=("p50", "p95", "p99"),
    p50_ci95_low=112_233.0,
    p50_ci95_high=223_344.0,
    connect=54_321.98,
    first_byte=65_432.19,
)
SERVICES = {name: replace(one, workers=50, probe=SLOW, call=SLOW) for name, one in RUN.latency.items()}
POINTS = tuple(replace(one, workers=1000 + one.workers, hashes_per_second=LARGE) for one in RUN.sweep.points)
CHANGES = tuple(
    replace(one, hashes_per_second=MANY, predicted=345.6, at_most=456.7, probe_ms={"rng": 34567.8, "hasher": 45678.9})
    for one in RUN.interventions
)
SERIES = dict.fromkeys(("rng", "hasher"), ((1.0, 123456.7), (2.0, 234567.8)))
SWEEP = replace(RUN.sweep, points=POINTS)
OTHER = replace(RUN, sweep=SWEEP, latency=SERVICES, interventions=CHANGES)

SCORES = Elasticity(
    accuracy_under=10.0,
    accuracy_over=123.456,
    timeshare_under=0.457,
    timeshare_over=0.999,
    jitter=12.345,
    reversals=9999,
    over_slo=0.123,
    first_enough_seconds=123_456.0,
    pod_minutes=1234.56,
    ideal_pod_minutes=2345.67,
    cost=1234.5678,
)
RUNS = tuple(
    AutoscalerRun(
        name=name,
        metric="cpu",
        origin="file",
        manifest={},
        demand=(DemandStep(t=0.0, workers=10, users=15, needed=4, needed_high=5, reachable=False),),
        timeline=(ElasticPoint(t=0.0, desired=10, ready=9),),
        seconds=1020.0,
        scores=SCORES,
        settled=settled,
        resting=resting,
    )
    for name, settled, resting in (("latency tuned", False, None), ("cpu-and-latency-of-mine.yaml", True, 9999))
)
COMPARED = Comparison(target="rng", slo_ms=100.0, clock_speed=5.0, scrape_seconds=10.0, runs=RUNS)

ALLOWED = Resources(
    cpu_request_millicores=200.0, cpu_limit_millicores=500.0, memory_request_mib=64.0, memory_limit_mib=64.0
)
PODS = {
    "httplat-hasher": top.ShownService(
        cpu_millicores=49_999.5,
        memory_mib=6399.9,
        resources=ALLOWED,
        replicas={
            f"httplat-hasher-7d9f8b6c5{n}-x2x9p": top.ShownReplica(
                cpu_millicores=499.5, memory_mib=63.9, age_seconds=14.0, window_seconds=15.0
            )
            for n in range(100)
        },
    )
}
"""As many replicas as a lab may have, with names as long as Kubernetes' are."""

SHOWN = {
    "sweep": (tables.sweep_lines(SWEEP), ["12345.7 ± 1234.6", "1010"]),
    "latency": (
        tables.latency_lines(SERVICES, (SERVICES, SERVICES)),
        [
            "98765",
            "≥ 123457",
            "234567",
            "> 345678",
            "9999",
            "8888 (7777 late)",
            "112233–223344",
            "54321.98",
            "65432.19",
        ],
    ),
    "urls": (
        tables.url_lines({f"http://example.com/{'x' * 90}": SLOW, "http://b": SLOW}),
        ["98765", "≥ 123457", "> 345678", "9999", "8888 (7777 late)", "112233–223344", "54321.98", "65432.19"],
    ),
    "proof": (tables.proof_lines(CHANGES), ["345.7 ± 23.5", "345.6", "456.7", "34567.8", "45678.9"]),
    "load": (tables.load_lines(RUN.loadtest), [f"{RUN.loadtest.transactions} hits"]),
    "monitoring": (tables.monitoring_lines(replace(RUN.monitoring, series=SERIES), "http://x"), ["234567.8"]),
    "pods": (top.usage_lines(PODS), ["50000m", "20000m", "6399Mi", "500m", "250 %", "100 %", "63Mi"]),
    "summary": (tables.summary_lines(OTHER), ["12345.7 ± 1234.6", "≥ 123457"]),
    "autoscalers": (
        score_table.comparison_lines(COMPARED),
        ["10.00", "123.46", "45.7 %", "9999", "1234.6", "2345.7", "123456", "+12.35"],
    ),
    "comparison": (
        comparison_lines(["reports/a-long-name-of-a-run"] * 2, ["embedded"] * 2, compare_runs([OTHER, OTHER])),
        ["12345.67", "123456.00"],
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_no_figure_is_cut_at_80_columns(name):
    lines, figures = SHOWN[name]
    file = StringIO()
    console = Console(file=file, width=80, highlight=False, markup=False, emoji=False)
    for one in lines:
        console.print(one)
    text = file.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in re.sub(r"^[^│┃┡]*$", "", text, flags=re.MULTILINE)
    for figure in figures:
        assert re.search(rf"(^|[ │]){re.escape(figure)}($|[ │])", text, re.MULTILINE), figure


def test_the_demonstration_is_shown_too():
    assert any("replicas" in str(one) for one in tables.demo_lines(RUN.loadtest, RUN.autoscale))


def test_heads_are_broken_only_where_the_table_would_be_too_wide():
    narrow = table("what", "hashes/s (95 %)", rows=[("x", 1)])
    wide = table("what", *["hashes/s (95 %)"] * 6, rows=[("x", *range(6))])
    assert narrow.columns[1].header == "hashes/s (95 %)"
    assert wide.columns[1].header == "hashes/s\n(95\N{NO-BREAK SPACE}%)"
