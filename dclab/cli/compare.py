"""dclab compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.result import Result
from dclab.cli.verb import Call, verb

if TYPE_CHECKING:
    from dclab.measure.compare import Comparison


@verb
def compare(
    call: Call,
    runs: Annotated[list[Path], typer.Argument(help="Folders of two runs or more; the first is the base.")],
) -> Result:
    """Say what differs between runs beyond noise.

    Rates by their intervals, latencies by Mann and Whitney's test on all requests.

    Example: dclab compare reports/sample-embedded reports/sample-kube
    """
    from dclab.measure.compare import compare_runs
    from dclab.run_folder import load_results

    loaded = [load_results(one) for one in runs]
    engines = [one.engine for one in loaded]
    return Result(_lines, runs=[str(one) for one in runs], engines=engines, comparisons=compare_runs(loaded))


def _lines(runs: Sequence[str], engines: Sequence[str], comparisons: Sequence[Comparison]) -> Iterator[Any]:
    from dclab.cli.output import table
    from dclab.report.comparison import comparison_rows
    from dclab.report.language import Words

    head = ("", "base", "other", "how sure", "other is")
    for index, (run, engine) in enumerate(zip(runs[1:], engines[1:], strict=True), 1):
        title = f"{runs[0]} ({engines[0]}) and {run} ({engine})"
        yield table(*head, rows=comparison_rows(comparisons, index, Words()), title=title)
    differing = sum(one.verdict in ("higher", "lower") for one in comparisons)
    yield f"{differing} of {len(comparisons)} differ beyond noise."
