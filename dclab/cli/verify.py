"""dclab verify."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.result import Result
from dclab.cli.verb import Call, verb
from dclab.errors import DclabError

if TYPE_CHECKING:
    from dclab.verify.verify import Verification


class DoesNotFit(DclabError):
    """Results and raw data of a run contradict each other."""

    code = "does-not-fit"


@verb
def verify(
    call: Call,
    run: Annotated[Path, typer.Argument(help="Folder of a run, or an archive of it (zip, tar.gz).")],
) -> Result:
    """Check a run against its raw data.

    Recomputes every figure that follows from the raw data, checks the raw data for what is impossible, and compares the files with the
    run's checksums. Students can use it before they hand in, and teachers to check a hand-in.

    It cannot detect results and raw data that were made up together.

    Example: dclab verify reports/20260101-120000-embedded
    """
    from dclab.verify.archive import run_folder_of
    from dclab.verify.verify import verify_run

    with run_folder_of(run) as folder:
        found = verify_run(folder)
    fault = None
    if found.findings:
        count = len(found.findings)
        fault = DoesNotFit(
            f"{run} does not fit its raw data.",
            f"{count} contradiction{'s were' if count > 1 else ' was'} found.",
            "The run was changed afterwards, or made by another version of dclab.",
        )
    return Result(_lines, fault=fault, verification=found, fits=not found.findings)


def _lines(verification: Verification, fits: bool, **_: Any) -> Iterator[str]:
    for one in verification.findings:
        yield f"✗ {one.where}: {one.why}."
    if fits:
        yield f"✓ {_recomputed(verification)} follow from the raw data, and the conclusions from them."
        if verification.sealed:
            yield "✓ No file was changed after the run: every checksum matches."
    if not verification.finished:
        yield "The run was interrupted or is not finished: its missing parts cannot be checked, and results.json has no checksum."
    elif not verification.sealed:
        yield "The run has no checksums: an older version of dclab made it."
    yield "Not checked:"
    beside = " except by the checksum" if verification.sealed else ""
    yield f"- These do not follow from raw data, so they cannot be checked{beside}: {', '.join(verification.not_shown)}."
    yield "- Results and raw data may have been made up together, or on another machine than they say."


def _recomputed(found: Verification) -> str:
    """Name the kinds of figures that were computed again, and how many there were of each."""
    counts = (
        (found.rates, f"{found.rates} rates"),
        (found.requests, f"latencies of {found.requests} requests"),
        (found.passes, f"{found.passes} passes of the autoscaler"),
    )
    *most, last = [text for count, text in counts if count] or ["All figures that can be computed again"]
    return f"{', '.join(most)} and {last}" if most else last
