"""Where a run lies: what its files are called, and a folder that no other run has."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from dclab.errors import InvalidInput
from dclab.run_folder.whole_file import cannot_write

__all__ = ["RAW", "RESULTS", "drop_unused", "new_folder", "taken"]

RESULTS = "results.json"
RAW = "raw"

MOST_RUNS_A_SECOND = 100


def new_folder(out: Path | None, engine: str) -> Path:
    """Make the folder of a new run, for this run only: `out`, or `reports/<time>-<engine>` here.

    Raises:
        InvalidInput: `out` is there already and is not an empty folder.
        MissingTool: it cannot be created or written to.
    """
    folder = out or Path("reports")
    try:
        if out is None:
            return _dated(engine)
        if out.is_dir() and not any(out.iterdir()):
            return out  # made for this; of two runs that take it, the second is refused when it begins
        out.mkdir(parents=True)
        return out
    except FileExistsError as error:
        raise taken(folder) from error
    except (OSError, ValueError) as error:  # ValueError: a name that cannot be one
        raise cannot_write(folder, error) from error


def _dated(engine: str) -> Path:
    folder = Path("reports") / f"{time.strftime('%Y%m%d-%H%M%S')}-{engine}"
    for count in range(1, MOST_RUNS_A_SECOND):
        with contextlib.suppress(FileExistsError):  # that of another run within the same second
            numbered = folder if count == 1 else folder.with_name(f"{folder.name}-{count}")
            numbered.mkdir(parents=True)
            return numbered
    raise taken(folder)


def taken(folder: Path) -> InvalidInput:
    """Return the error for a folder that cannot be made a run's."""
    return InvalidInput(
        f"{folder} is there already and is not an empty folder.",
        "A run never overwrites another.",
        "Give another --out.",
    )


def drop_unused(folder: Path) -> None:
    """Remove the folder of a run in which nothing was measured."""
    with contextlib.suppress(OSError):  # something is in it after all
        folder.rmdir()
        if folder.parent == Path("reports"):
            folder.parent.rmdir()
