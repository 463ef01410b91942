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

    Recomputes every figure that follows from the raw data, holds these to what is possible, and compares the files with the
    checksums that the run left: for a student before handing in, and for a teacher.

    It cannot tell whether results and raw data were made up together.

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
            f"{count} thing{'s do' if count > 1 else ' does'} not agree.",
            "It was changed after the run, or made by another version of dclab.",
        )
    return Result(_lines, fault=fault, verification=found, fits=not found.findings)


def _lines(verification: Verification, fits: bool, **_: Any) -> Iterator[str]:
    for one in verification.findings:
        yield f"✗ {one.where}: {one.why}."
    if fits:
        yield (
            f"✓ {verification.rates} rates, latencies of {verification.requests} requests and {verification.passes} passes of the "
            "autoscaler follow from the raw data, and the conclusions from them."
        )
        if verification.sealed:
            yield "✓ No file was changed after the run: each has the checksum that the run left."
    if not verification.finished:
        yield "The run was interrupted or is not finished: what it lacks cannot be checked, and results.json has no checksum."
    elif not verification.sealed:
        yield "The run left no checksums, as older versions of dclab do not."
    yield "What is not shown:"
    beside = ", but for the checksum" if verification.sealed else ""
    yield f"- These do not follow from raw data, so nothing shows whether they are right{beside}: {', '.join(verification.not_shown)}."
    yield "- Whether results and raw data were made up together, or on another machine than they say."
