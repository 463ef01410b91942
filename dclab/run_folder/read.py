"""Reading runs back: one, those of a side of a comparison, the latest."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from dclab.errors import InvalidInput
from dclab.results import SCHEMA, Results
from dclab.run_folder.place import RESULTS
from dclab.user_files import read_text

__all__ = ["latest_run", "load_results", "load_side"]


def load_results(path: Path) -> Results:
    """Return the results of a run's folder, or of a results.json itself.

    Raises:
        InvalidInput: it is not there, not readable, not results of this format, or it contradicts itself; the error
            names the field.
    """
    import msgspec

    from dclab.results_check import contradiction

    file = path / RESULTS if os.path.isdir(path) else path  # false, too, for a name that cannot be one
    data = read_text(file, hint="Name a folder that `dclab run` made.")
    try:
        head = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        schema = msgspec.json.decode(head["schema"]) if "schema" in head else None
        if schema != SCHEMA:
            raise InvalidInput(
                f"{file} does not hold dclab results of this version.",
                f"Its schema is {schema!r}; this dclab reads {SCHEMA!r}.",
                "Name a folder that this version's `dclab run` made.",
            )
        results = msgspec.json.decode(data, type=Results)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _damaged(file, str(error)) from error
    if fault := contradiction(results):
        raise _damaged(file, fault)
    return results


def load_side(path: Path) -> list[Results]:
    """Return the results of a run, or of every run whose folder is in this one, in the order of their names.

    Raises:
        InvalidInput: as `load_results`.
    """
    inner = sorted(file.parent for file in path.glob(f"*/{RESULTS}")) if not (path / RESULTS).exists() else []
    return [load_results(one) for one in inner or [path]]


def _damaged(file: Path, fault: str) -> InvalidInput:
    return InvalidInput(
        f"{file} is not a whole results file.", f"{fault}.", "It is damaged, or dclab did not write it. Name another."
    )


def latest_run(base: Path = Path("reports")) -> Path:
    """Return the run folder written last under `base`; InvalidInput: there is none."""
    found: dict[Path, float] = {}
    for file in base.glob(f"*/{RESULTS}"):
        with contextlib.suppress(OSError):  # removed meanwhile
            if not file.parent.name.startswith("sample-"):
                found[file.parent] = file.stat().st_mtime
    if not found:
        raise InvalidInput(f"There is no run in {base}/.", "", "Make one with `dclab run`, or name a run's folder.")
    return max(found, key=found.__getitem__)
