"""dclab report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dclab.cli.options import LanguageOption
from dclab.cli.result import Result
from dclab.cli.verb import Call, verb
from dclab.errors import InvalidInput


@verb
def report(
    call: Call,
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folder of a run; several are compared, and a folder of runs is one side.",
            show_default="the last one in reports/",
        ),
    ] = None,
    language: LanguageOption = "en",
    open_page: Annotated[bool, typer.Option("--open", help="Show the page in a browser.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder for the comparison of several runs.",
            show_default="reports/<time>-comparison",
            envvar="DCLAB_OUT",
        ),
    ] = None,
) -> Result:
    """Write the report of a run, or compare several.

    report.html, report.md and the pictures come from the run's results.json alone.

    With two runs or more: comparison.html and comparison.md, of what differs beyond noise.

    Example: dclab report reports/20260101-120000-embedded --open
    """
    from dclab.run_folder import latest_run, load_results, load_side

    paths = runs or [latest_run()]
    if len(paths) == 1:
        from dclab.report.write import write_report

        results = load_results(paths[0])
        if call.from_command_line("out"):
            raise InvalidInput(
                "--out applies only when comparing runs.",
                "A single run's report is written next to its results.json.",
                "Omit --out.",
            )
        folder = paths[0] if paths[0].is_dir() else paths[0].parent
        call.output.step(f"report of {folder}")
        files = write_report(results, folder, language)
        shown = folder / "report.html"
    else:
        from dclab.measure.compare import compare_sides
        from dclab.report.comparison import write_comparison
        from dclab.run_folder import new_folder

        sides = [load_side(path) for path in paths]
        found = compare_sides(sides)
        folder = new_folder(out, "comparison")
        named = [(str(path), side[0]) for path, side in zip(paths, sides, strict=True)]
        files = write_comparison(named, found, folder, language)
        shown = folder / "comparison.html"
    if open_page:
        call.afterwards(lambda: _open(call, shown))
    done = f"Wrote {len(files)} files."
    return Result(_lines, done=done, folder=str(folder), files=[str(one) for one in files])


def _lines(files: list[str], **_: Any) -> list[str]:
    return files


def _open(call: Call, page: Path) -> None:
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        call.output.note(f"No browser could be opened. Open {page} yourself.")
