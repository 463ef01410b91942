"""dclab explain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.options import counts_option
from dclab.cli.result import Result
from dclab.cli.values import MOST_SIMULATED, Counts, parse_number
from dclab.cli.verb import Call, verb
from dclab.errors import InvalidInput

if TYPE_CHECKING:
    from dclab.measure.webui_table import Row, Table

MOST_READ = 1000.0
"""Hashes/s."""


@verb
def explain(
    call: Call,
    readings: Annotated[
        list[float],
        typer.Argument(
            metavar="HASHES/S…",
            parser=parse_number("reading", "hashes/s", low=0, high=MOST_READ),
            help="Readings of the web UI, one for each number of workers.",
        ),
    ],
    workers: Annotated[Counts, counts_option("The numbers of workers.", high=MOST_SIMULATED)] = Counts(
        (1, 2, 3, 4, 5, 10)
    ),
) -> Result:
    """Explain readings of the web UI.

    Prints the true rates, why the page showed something else, and how likely such a table is. It assumes one rng and needs no
    lab.

    Example: dclab explain 4 8 12 12 10 10
    """
    from dclab.measure.webui_table import explain_table

    if len(readings) != len(workers):
        raise InvalidInput(
            f"{len(readings)} readings do not match {len(workers)} numbers of workers.",
            f"The numbers of workers are {','.join(map(str, workers))}.",
            "Give as many numbers with --workers as there are readings, such as --workers 1,10.",
        )
    return Result(_lines, table=explain_table(workers, readings))


def _lines(table: Table) -> Iterator[Any]:
    from dclab.cli import terminal_text
    from dclab.measure.webui_table import LOOK

    rows = [
        (one.workers, f"{one.reading:g}", f"{one.true_rate:.2f}", _share(one.share), _shown(one)) for one in table.rows
    ]
    head = ("workers", "read", "true hashes/s", "seconds that show it", "what the page shows")
    yield terminal_text.table(*head, rows=rows)
    first = min(table.rows, key=lambda one: one.workers)
    yield (
        f"The page shows how much the counter rose in the last second, and a worker adds to the counter only about every "
        f"{first.report_seconds:.1f} s, {first.batch:.1f} hashes at once ({first.workers} "
        f"{'worker' if first.workers == 1 else 'workers'}). So it shows whole batches, or none, and hardly ever the rate."
    )
    never = [one for one in table.rows if not one.share]
    for one in never:
        yield (
            f"At {one.workers} workers no second shows {one.reading:g}: rng had more replicas or threads, "
            "the figure is an average, or it was misread."
        )
    if table.speedup_read is not None and table.speedup is not None:
        yield f"From the table one concludes {table.speedup_read:.1f} ×; the true rates say {table.speedup:.2f} ×."
    if not never:
        yield f"Who writes down the figure that shows most often in {LOOK} s gets exactly this table {_chance(table.chance)}."


def _share(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 or not share else "< 1 %"


def _shown(row: Row) -> str:
    return ", ".join(f"{figure} ({_share(share)})" for figure, share in row.shown[:3])


def _chance(chance: float) -> str:
    if chance >= 0.01:
        return f"in {100 * chance:.0f} of 100 attempts"
    return "in fewer than 1 of 100 attempts"
