"""dclab compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.result import Result
from dclab.cli.verb import Call, verb

if TYPE_CHECKING:
    from dclab.measure.compare import Comparison

__all__ = ["compare"]


@dataclass(frozen=True, kw_only=True)
class Compared(Result):
    """What differs between the first run and each other one."""

    runs: Sequence[str]
    engines: Sequence[str]
    comparisons: Sequence[Comparison]

    def text(self) -> Iterator[Any]:
        """A table for each pair."""
        from dclab.cli.output import table
        from dclab.report.comparison import comparison_rows
        from dclab.report.language import Words

        (base, *others), head = zip(self.runs, self.engines, strict=True), ("", "base", "other", "how sure", "other is")
        for index, (run, engine) in enumerate(others, 1):
            title = f"{base[0]} ({base[1]}) and {run} ({engine})"
            yield table(*head, rows=comparison_rows(self.comparisons, index, Words()), title=title)
        differing = sum(one.verdict in ("higher", "lower") for one in self.comparisons)
        yield f"{differing} of {len(self.comparisons)} differ beyond noise."


@verb
def compare(
    call: Call,
    runs: Annotated[list[Path], typer.Argument(help="Folders of two runs or more; the first is the base.")],
) -> Compared:
    """Say what differs between runs beyond noise.

    Rates by their intervals, latencies by Mann and Whitney's test on all requests.

    Example: dclab compare reports/sample-embedded reports/sample-kube
    """
    from dclab.measure.compare import compare_runs
    from dclab.run_folder import load_results

    loaded = [load_results(one) for one in runs]
    return Compared(
        runs=[str(one) for one in runs],
        engines=[one.engine for one in loaded],
        comparisons=compare_runs(loaded),
    )
