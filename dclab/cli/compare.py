"""dclab compare."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.options import ForceOption, SecondsOption, WorkersOption, count_option
from dclab.cli.result import Result
from dclab.cli.values import MOST_SIMULATED, Duration
from dclab.cli.verb import ExperimentCall, verb
from dclab.errors import InvalidInput

if TYPE_CHECKING:
    from dclab.experiments.alternate import Side
    from dclab.experiments.observer import Observer
    from dclab.experiments.proof import Change
    from dclab.measure.compare import Difference

UNCHANGED = "as it is"
CHANGE = re.compile(
    r"(?P<service>rng|hasher)(?: x(?P<replicas>[0-9]{1,3}))?(?: with (?P<threads>[0-9]{1,3}) threads)?"
    r"(?:, (?P<policy>random|round robin|better of two))?"
)
MOST_RUNS = 50


def parse_change(value: str) -> str:
    """Return a change as `dclab prove` names it, or `as it is`; else InvalidInput."""
    if value == UNCHANGED:
        return value
    why = f"It must be one of what dclab can change, with a number from 2 to {MOST_SIMULATED}."
    if found := CHANGE.fullmatch(value):
        numbers = [int(one) for one in (found["replicas"], found["threads"]) if one]
        if found["service"] == "hasher" and found["threads"]:
            why = "Only rng serves one request at a time as it is."
        elif (numbers or found["policy"]) and all(2 <= one <= MOST_SIMULATED for one in numbers):
            return value
    examples = 'Give one such as "rng x2", "hasher x2", "rng with 10 threads" or "rng x3, round robin".'
    raise InvalidInput(f"{value!r} is not a change.", why, examples)


@verb
def compare(
    call: ExperimentCall,
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders of two runs or more; the first is the base. A folder of runs counts as one side.",
            show_default="two sides made by --change",
        ),
    ] = None,
    change: Annotated[
        str | None,
        typer.Option(
            metavar="CHANGE",
            parser=parse_change,
            help='Instead of folders: make runs of the lab as it is and with this change, such as "rng x2".',
        ),
    ] = None,
    repeat: Annotated[
        int, count_option("number of runs", "With --change: how many runs of each side.", low=2, high=MOST_RUNS)
    ] = 5,
    workers: WorkersOption = 10,
    seconds: SecondsOption = Duration(30),
    force: ForceOption = False,
) -> Result:
    """Compare runs, and tell differences from noise.

    Each figure is higher, lower, the same within 3 %, or could not be determined, at 95 % for all of them together.

    With one run per side only differences of more than 3 % are reported, and the machine may have caused them. With several runs per
    side, the run is the statistical unit. --change makes the runs, alternately in ABBA order, each with its rate and latencies.

    Example: dclab compare reports/sample-embedded reports/sample-kube

    Example: dclab compare --change "rng x2" --repeat 5
    """
    from dclab.measure.compare import compare_sides
    from dclab.run_folder import load_side

    only_with_change = ("repeat", "workers", "seconds", "force", "out", "name", "engine", "context")
    if change is None:
        if given := [one for one in only_with_change if call.from_command_line(one)]:
            raise InvalidInput(
                f"--{given[0]} applies only with --change.",
                "The runs in these folders have been made already.",
                f"Omit --{given[0]}.",
            )
        folder, sides = None, runs or []
    elif runs:
        raise InvalidInput("--change makes its own runs.", "", "Omit the folders, or omit --change.")
    else:
        call.check_room(workers, force=force)
        folder = _made(call, change, repeat, workers, seconds)
        sides = [folder / "base", folder / "other"]
    loaded = [load_side(one) for one in sides]
    comparisons = compare_sides(loaded)
    if folder:
        from dclab.report.comparison import write_comparison

        names = ("as it is", change or "")
        write_comparison([(name, side[0]) for name, side in zip(names, loaded, strict=True)], comparisons, folder)
    engines = [one[0].engine for one in loaded]
    return Result(
        comparison_lines,
        runs=[str(one) for one in sides],
        engines=engines,
        comparisons=comparisons,
        folder=folder and str(folder),
    )


def _made(call: ExperimentCall, change: str, repeat: int, workers: int, seconds: float) -> Path:
    """Make the runs of both sides; return the folder that holds them."""
    from dclab.experiments.alternate import AlternateSettings, alternate
    from dclab.experiments.latency import LatencySettings
    from dclab.experiments.sweep import SweepSettings
    from dclab.run_folder import new_folder

    lab = call.lab
    asked = _change(change)
    if asked and asked.load_balancing not in lab.load_balancing_policies:
        raise InvalidInput(
            f"This lab does not have the load-balancing policy {asked.load_balancing!r}.",
            f"It has: {', '.join(lab.load_balancing_policies)}.",
        )
    settings = AlternateSettings(
        change=asked,
        repeat=repeat,
        sweep=SweepSettings(workers=(workers,), seconds=seconds),
        latency=LatencySettings(workers=(workers,)),
    )
    folder = new_folder(call.out, "comparison")

    def recording(side: Side, number: int) -> AbstractContextManager[Observer]:
        what = change if side == "other" else UNCHANGED
        call.output.note(f"Run {number} of {repeat}: {what}")
        return call.recording(lab=lab, folder=new_folder(folder / side / f"{number:02}", lab.engine))

    with call.holding(lab):
        alternate(lab, settings, recording)
    return folder


def _change(text: str) -> Change | None:
    from dclab.experiments.proof import Change

    found = CHANGE.fullmatch(text)
    if found is None:
        return None
    return Change(
        service=found["service"],
        replicas=int(found["replicas"] or 1),
        threads=int(found["threads"] or 1),
        load_balancing=found["policy"] or "random",
    )


def comparison_lines(
    runs: Sequence[str], engines: Sequence[str], comparisons: Sequence[Difference], folder: str | None = None
) -> Iterator[Any]:
    """A table for each side beside the base, what the verdicts rest on, and how many there are of each."""
    from dclab.cli.terminal_text import table
    from dclab.report.comparison import comparison_notes, comparison_rows, comparison_summary
    from dclab.report.language import Words

    head = ("", "base", "other", "how sure", "other is")
    for index, (run, engine) in enumerate(zip(runs[1:], engines[1:], strict=True), 1):
        yield f"{runs[0]} ({engines[0]}) and {run} ({engine})"
        yield table(*head, rows=comparison_rows(comparisons, index, Words()))
    yield from comparison_notes(comparisons, Words())
    yield comparison_summary(comparisons, Words())
    if folder:
        yield f"Results: {folder}"
