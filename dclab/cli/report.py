"""dclab report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from dclab.cli.options import CourseOption, LanguageOption
from dclab.cli.result import Result
from dclab.cli.verb import Call, verb
from dclab.errors import InvalidInput


@verb
def report(
    call: Call,
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folder of a run. Several are compared; a folder of runs counts as one side.",
            show_default="the last one in reports/",
        ),
    ] = None,
    language: LanguageOption = "en",
    course: CourseOption = None,
    hand_in: Annotated[
        bool,
        typer.Option("--hand-in", help="Also make one archive of the files to hand in, beside the run's folder."),
    ] = False,
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

    --course orders them by a course's sheet: csc4160-f24, csc4160-f25, hkust-a6, or a YAML file with course, title and questions. Each
    question has title and marks, and optionally parts, the parts of a run that answer it (speed, latency, bottleneck, pods,
    monitoring, load, autoscaler, metric, latency-autoscaler, own-autoscaler); asks, its full text; workers, the numbers wanted; and
    by_hand, what the student has to add.

    For two runs or more it writes comparison.html and comparison.md, with the differences beyond noise.

    Example: dclab report reports/20260101-120000-embedded --course csc4160-f25 --hand-in
    """
    from dclab.run_folder import latest_run, load_side

    paths = runs or [latest_run()]
    if len(paths) == 1:
        if call.from_command_line("out"):
            raise InvalidInput(
                "--out applies only when comparing runs.",
                "A single run's report is written next to its results.json.",
                "Omit --out.",
            )
        result, shown = _of_one(call, paths[0], language, course, hand_in=hand_in)
    else:
        from dclab.measure.compare import compare_sides
        from dclab.report.comparison import write_comparison
        from dclab.run_folder import new_folder

        for option, name in (("--course", "course"), ("--hand-in", "hand_in")):
            if call.from_command_line(name):
                raise InvalidInput(
                    f"{option} applies to a single run.", f"{len(paths)} runs were given.", "Name one run."
                )
        sides = [load_side(path) for path in paths]
        found = compare_sides(sides)
        folder = new_folder(out, "comparison")
        named = [(str(path), side[0]) for path, side in zip(paths, sides, strict=True)]
        files = write_comparison(named, found, folder, language)
        shown = folder / "comparison.html"
        result = Result(
            _lines, done=f"Wrote {len(files)} files.", folder=str(folder), files=[str(one) for one in files]
        )
    if open_page:
        call.afterwards(lambda: _open(call, shown))
    return result


def _of_one(call: Call, path: Path, language: str, course: str | None, *, hand_in: bool) -> tuple[Result, Path]:
    """Return the result for a single run, and its page."""
    from dclab.courses.answers import answers
    from dclab.courses.sheet import load_sheet, said
    from dclab.report.hand_in import hand_in as pack
    from dclab.report.write import write_report
    from dclab.run_folder import load_results

    sheet = load_sheet(course) if course else None
    results = load_results(path)
    folder = path if path.is_dir() else path.parent
    call.output.step(f"report of {folder}")
    files = write_report(results, folder, language, sheet)
    data: dict[str, Any] = {"folder": str(folder), "files": [str(one) for one in files]}
    if sheet:
        data["course"] = sheet.course
        data["questions"] = [
            {
                "question": said(one.question.title, language),
                "marks": one.question.marks,
                "state": one.state,
                "commands": list(one.commands),
                "by_hand": one.question.by_hand is not None,
            }
            for one in answers(sheet, results)
        ]
    if hand_in:
        packed = pack(folder, sheet.course if sheet else None)
        data |= {"archive": str(packed.archive), "contents": packed.files, "left_out": packed.left_out}
    return Result(_lines, done=f"Wrote {len(files)} files.", **data), folder / "report.html"


def _lines(
    files: list[str],
    questions: list[dict[str, Any]] | None = None,
    archive: str | None = None,
    contents: tuple[str, ...] = (),
    left_out: tuple[str, ...] = (),
    **_: Any,
) -> Iterator[str]:
    yield from files
    for one in questions or ():
        sign = {"answered": "✓", "in part": "◐", "missing": "✗", "by hand": "✎"}[one["state"]]
        todo = [f"`{command}`" for command in one["commands"]] + ["to be added by hand"] * one["by_hand"]
        yield f"{sign} {one['marks']:g} {one['question']}" + (f": {'; '.join(todo)}" if todo else "")
    if questions:
        total, answered = (
            sum(one["marks"] for one in questions if one["state"] in states)
            for states in (("answered", "in part", "missing", "by hand"), ("answered",))
        )
        yield f"{answered:g} of {total:g} marks are answered in full."
    if archive:
        yield f"{archive}: {', '.join(contents)}"
        if left_out:
            yield f"Not in it, since dclab did not write it: {', '.join(left_out)}"


def _open(call: Call, page: Path) -> None:
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        call.output.note(f"No browser could be opened. Open {page} yourself.")
