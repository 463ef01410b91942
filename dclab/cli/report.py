"""dclab report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dclab.cli.options import JsonOption, QuietOption, VerboseOption
from dclab.cli.session import session

__all__ = ["report"]


def report(
    run: Annotated[Path | None, typer.Argument(help="A run's folder; the last one in reports/ if left away.")] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Write the report of a run anew.

    report.html, report.md and the pictures come from the run's results.json alone.

    Example: dclab report reports/20260101-120000-embedded
    """
    with session("report", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.report import write_report
        from dclab.run_folder import latest_run, load_results

        path = run or latest_run()
        results = load_results(path)
        folder = path if path.is_dir() else path.parent
        output.step(f"report of {folder}")
        written = write_report(results, folder)
        output.done(f"Wrote {len(written)} files.")
        output.show(*(str(one) for one in written))
        output.result({"folder": str(folder), "files": [str(one) for one in written]})
