"""Hashes per second against the number of workers."""

from __future__ import annotations

from collections.abc import Iterator

from dclab.report.blocks import Block, bullets, missing, note, table, text
from dclab.report.language import Words, together
from dclab.report.speedup_words import model_name, model_sentences, speedup_sentences
from dclab.report.wording import interval
from dclab.results import Results, Sweep

__all__ = ["speed"]


def speed(results: Results, words: Words) -> Iterator[Block]:
    """Yield the sweep: rates, speedup, and the model that fits."""
    sweep = results.sweep
    if sweep is None or not sweep.points:
        yield missing(words, "dclab scale-sweep")
        return
    yield text(words("How much faster is it with more workers, and why not as many times?"))
    yield bullets(list(speedup_sentences(sweep, words)) or [words("One point alone has no speedup.")])
    yield Block(kind="picture", text="sweep")
    yield _speed_table(sweep, words)
    if sweep.lost_workers:
        lost = words.listed(map(str, sweep.lost_workers))
        yield note(words("Not measured, although asked for: {lost} workers.", lost=lost))
    if sweep.models:
        yield text(words("Which law does it follow?"))
        head = ("model", "AICc (the lower, the better)", "largest error, hashes/s", "knee, workers")
        yield table(
            [words(one) for one in head],
            [
                (
                    model_name(one.name, words),
                    words("too few points") if one.aicc is None else f"{one.aicc:.1f}",
                    f"{max(abs(each) for each in one.residuals):.2f}",
                    "–" if one.knee is None else f"{one.knee:.1f}",
                )
                for one in sweep.models
            ],
        )
        yield bullets(list(model_sentences(sweep, words)) or [words("There are too few points to tell.")])
    yield text(_how(sweep, words))


def _how(sweep: Sweep, words: Words) -> str:
    """How the figures of the table were got."""
    if all(one.hashes_per_second.reports for one in sweep.points):
        how = words(
            "Each worker reports about once a second how many hashes it has done. Between its first and its last report in "
            "the window their number and the time are exact; the rate is the sum over the workers, with its 95 % interval."
        )
    else:
        how = words("The rate comes from readings of the hash counter, with its 95 % interval.")
    return together(
        how,
        words(
            "The web UI's figure is the difference of two readings one second apart; the column shows the one that it "
            "showed most often. The last column is a check of each point: by Little's law, the rate and the waits "
            "account for so many workers. Whether one rate is more than another is decided at 99.9 %, which is 1.7 times the "
            "interval shown."
        ),
    )


def _speed_table(sweep: Sweep, words: Words) -> Block:
    points = sorted(sweep.points, key=lambda one: one.workers)
    base = points[0]
    rows = []
    for one in points:
        least = base.hashes_per_second.mean
        speedup = one.hashes_per_second.mean / least if least else float("nan")
        rows.append(
            (
                one.workers,
                interval(one.hashes_per_second),
                f"{one.webui_reading:.0f}",
                f"{speedup:.2f}" if least else "–",
                f"{100 * speedup * base.workers / one.workers:.0f} %" if least else "–",
                words("{seconds:.1f} s", seconds=one.seconds),
                "–" if one.littles_law is None else f"{one.littles_law:.1f}",
            )
        )
    head = (
        "workers",
        "hashes/s (95 % interval)",
        "web UI showed",
        "speedup",
        "efficiency",
        "sampled for",
        "workers by Little's law",
    )
    return table([words(one) for one in head], rows)
