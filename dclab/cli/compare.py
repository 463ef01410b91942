"""dclab compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dclab.cli.options import JsonOption, QuietOption, VerboseOption
from dclab.cli.session import session
from dclab.errors import InvalidInput

if TYPE_CHECKING:
    from dclab.measure.compare import Comparison

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
        from dclab.measure.compare import compare as compare_runs
        from dclab.output import table
        from dclab.run_folder import load_results

        if len(runs) < 2:
            raise InvalidInput("There is nothing to compare one run with.", "", "Name two runs or more.")
        loaded = [load_results(one) for one in runs]
        found = compare_runs(loaded)
        if not found:
            raise InvalidInput("These runs have measured nothing in common.", "", "Compare runs of the same command.")
        for index, one in enumerate(runs[1:], 1):
            rows = [
                (f"{each.what}: {each.unit}", f"{each.base:.2f}", f"{each.other:.2f}", _sure(each), each.verdict)
                for each in found
                if each.run == index
            ]
            head = ("", "base", "other", "how sure", "other is")
            named = f"{runs[0]} ({loaded[0].engine}) and {one} ({loaded[index].engine})"
            output.show(table(*head, rows=rows, title=named))
        differing = sum(one.verdict in ("higher", "lower") for one in found)
        output.show(f"{differing} of {len(found)} differ beyond noise.")
        output.result({"runs": [str(one) for one in runs], "comparisons": found})


def _sure(one: Comparison) -> str:
    if one.p is not None:
        return f"p = {one.p:.2g}"
    if one.ratio_ci95_low is not None:
        return f"× {one.ratio_ci95_low:.3f} to {one.ratio_ci95_high:.3f}"
    return "too few"
