"""dclab report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dclab.cli.options import JsonOption, LanguageOption, OutOption, QuietOption, VerboseOption
from dclab.cli.session import session
from dclab.errors import InvalidInput

__all__ = ["report"]


def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(help="A run's folder; the last one in reports/ if left away. Several: compared."),
    ] = None,
    language: LanguageOption = "en",
    open_page: Annotated[bool, typer.Option("--open", help="Show the page in a browser.")] = False,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Write the report of a run anew, or a comparison of several.

    report.html, report.md and the pictures come from the run's results.json alone.

    With two runs or more: comparison.html and comparison.md, of what differs beyond noise.

    Example: dclab report reports/20260101-120000-embedded --open
    """
    with session("report", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.report.language import Words
        from dclab.run_folder import latest_run, load_results

        Words(language)  # says so at once when there is no such language
        paths = runs or [latest_run()]
        loaded = [load_results(path) for path in paths]
        if len(paths) == 1:
            from dclab.report import write_report

            if out is not None:
                raise InvalidInput(
                    "A report stands beside its results.json.", "--out is for a comparison.", "Leave --out away."
                )
            folder = paths[0] if paths[0].is_dir() else paths[0].parent
            output.step(f"report of {folder}")
            written = write_report(loaded[0], folder, language)
            shown = folder / "report.html"
        else:
            from dclab.measure.compare import compare_runs
            from dclab.report.comparison import write_comparison
            from dclab.run_folder import new_folder

            found = compare_runs(loaded)
            folder = new_folder(out, "comparison")
            named = [(str(path), results) for path, results in zip(paths, loaded, strict=True)]
            written = write_comparison(named, found, folder, language)
            shown = folder / "comparison.html"
        output.done(f"Wrote {len(written)} files.")
        output.show(*(str(one) for one in written))
        if open_page:
            import webbrowser

            if not webbrowser.open(shown.resolve().as_uri()):
                output.note(f"No browser could be opened. Open {shown} yourself.")
        output.result({"folder": str(folder), "files": [str(one) for one in written]})
