"""dclab compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dclab.cli.options import JsonOption, QuietOption, VerboseOption
from dclab.cli.session import session

__all__ = ["compare"]


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of two runs or more; the first is the base.")],
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Say what differs between runs beyond noise.

    Rates by their intervals, latencies by Mann and Whitney's test on all requests.

    Example: dclab compare reports/sample-embedded reports/sample-kube
    """
    with session("compare", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.measure.compare import compare_runs
        from dclab.output import table
        from dclab.report.comparison import comparison_rows
        from dclab.report.language import Words
        from dclab.run_folder import load_results

        loaded = [load_results(one) for one in runs]
        found = compare_runs(loaded)
        for index, one in enumerate(runs[1:], 1):
            named = f"{runs[0]} ({loaded[0].engine}) and {one} ({loaded[index].engine})"
            head = ("", "base", "other", "how sure", "other is")
            output.show(table(*head, rows=comparison_rows(found, index, Words()), title=named))
        differing = sum(one.verdict in ("higher", "lower") for one in found)
        output.show(f"{differing} of {len(found)} differ beyond noise.")
        output.result({"runs": [str(one) for one in runs], "comparisons": found})
