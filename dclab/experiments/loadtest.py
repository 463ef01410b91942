"""The load test: siege on one service, and its own summary."""

from __future__ import annotations

import time

from dclab.errors import LabLost
from dclab.experiments.observer import Observer
from dclab.lab import Job, Lab, LoadSpec
from dclab.measure.caveats import generator_caveats, load_caveats
from dclab.measure.siege import parse_siege, ran_its_time
from dclab.results import LoadTest

__all__ = ["collect_load", "run_loadtest"]

OVERTIME = 30.0
"""Seconds that siege may take beyond its time: its users finish the request they are in."""


def run_loadtest(lab: Lab, spec: LoadSpec, observer: Observer) -> LoadTest:
    """Run siege to its end. When this is interrupted, siege is stopped, and its summary so far is kept.

    Raises:
        LabEnded: someone has ended the lab; what siege says of it is recorded where it can still be had.
        DclabError: as `collect_load`.
    """
    workers = lab.replicas("worker").desired
    job = lab.start_load(spec)
    begin = time.monotonic()
    try:
        while job.status().state == "running" and time.monotonic() < begin + spec.seconds + OVERTIME:
            observer.step(f"load test of {spec.target}: {time.monotonic() - begin:.0f} of {spec.seconds:g} s")
            time.sleep(0.2)
    finally:
        result = collect_load(job, spec, workers, observer)
    lab.replicas("worker")  # siege was stopped early, and that the lab is being ended says why
    return result


def collect_load(job: Job, spec: LoadSpec, workers: int, observer: Observer) -> LoadTest:
    """Return the result of a load test; one that still runs is stopped.

    Raises:
        LabLost: not one request was answered.
        DclabError: it printed no summary.
    """
    job.stop()
    state = job.status()
    log = job.log()
    observer.raw("siege", [{"url": job.url, "state": state.state, "exit_code": state.exit_code, "log": log}])
    summary = parse_siege(log)
    if summary.transactions == 0:
        raise LabLost(
            f"The load test of {job.url} had no answered request.",
            f"{summary.failed_transactions} requests failed.",
            "See `dclab status`.",
        )
    result = LoadTest(
        target=spec.target,
        url=job.url,
        concurrent=spec.concurrent,
        requested_seconds=spec.seconds,
        generator=job.generator,
        transactions=summary.transactions,
        availability_percent=summary.availability,
        elapsed_seconds=summary.elapsed_time,
        data_transferred_mb=summary.data_transferred,
        response_time_seconds=summary.response_time,
        transaction_rate=summary.transaction_rate,
        throughput_mb_per_second=summary.throughput,
        concurrency=summary.concurrency,
        successful_transactions=summary.successful_transactions,
        failed_transactions=summary.failed_transactions,
        longest_transaction_seconds=summary.longest_transaction,
        shortest_transaction_seconds=summary.shortest_transaction,
        workers=workers,
        # One that was stopped may have run its time all the same, where the server was away at its end.
        complete=state.state != "failed" and ran_its_time(summary, spec.seconds, log),
        generator_cores=state.cores,
    )
    for caveat in (*generator_caveats(result), *load_caveats(result, stopped=state.state == "stopped")):
        observer.caveat(caveat)
    observer.record(loadtest=result)
    return result
