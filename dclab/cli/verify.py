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
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
) -> Result:
    """Check a run against its raw data.

    Every figure that can be is computed once more, and the raw data are held to what is possible: for a student before handing
    in, and for a teacher. Nobody can tell so whether results and raw data were made up together.

    Example: dclab verify reports/20260101-120000-embedded
    """
    from dclab.verify.verify import verify_run

    found = verify_run(run)
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
    if verification.not_shown:
        yield f"Without raw data, so that nothing shows whether they are right: {', '.join(verification.not_shown)}."
