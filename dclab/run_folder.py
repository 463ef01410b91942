"""A run's folder: results.json, written whole after every part, and the raw samples beside it."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from dclab import __version__
from dclab.errors import InvalidInput, MissingTool
from dclab.results import SCHEMA, Caveat, Environment, Results

__all__ = [
    "RESULTS",
    "Run",
    "drop_unused",
    "latest_run",
    "load_results",
    "new_folder",
    "this_environment",
    "write_atomically",
]

RESULTS = "results.json"


def new_folder(out: Path | None, engine: str) -> Path:
    """Make the folder of a new run: `out`, or `reports/<time>-<engine>` here.

    Raises:
        InvalidInput: `out` is there already and is not an empty folder.
        MissingTool: it cannot be made or written to.
    """
    folder = out or Path("reports") / f"{time.strftime('%Y%m%d-%H%M%S')}-{engine}"
    if out is None and folder.exists():  # a second run within the same second
        folder = folder.with_name(f"{folder.name}-{os.getpid()}")
    try:
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise InvalidInput(
                f"{folder} is there already and is not an empty folder.",
                "A run never writes over another.",
                "Give another --out.",
            )
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return folder


def drop_unused(folder: Path) -> None:
    """Remove the folder of a run in which nothing was measured."""
    with contextlib.suppress(OSError):  # something is in it after all
        folder.rmdir()
        if folder.parent == Path("reports"):
            folder.parent.rmdir()


def write_atomically(file: Path, data: bytes) -> None:
    """Write a file whole or not at all; MissingTool when it cannot be written."""
    partial = file.with_name(f".{file.name}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise _cannot_write(file, error) from error


def _cannot_write(path: Path, error: OSError) -> MissingTool:
    return MissingTool(
        f"{path} cannot be written.",
        f"The system says: {error.strerror or error}.",
        "Make room or permission there, or give another folder with --out; what was written before is intact.",
    )


def this_environment(engine_reason: str, versions: Mapping[str, str]) -> Environment:
    """Where this run is made."""
    import psutil

    return Environment(
        dclab=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpus=len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1,
        memory_mb=psutil.virtual_memory().total // 1_000_000,
        engine_reason=engine_reason,
        versions=dict(versions),
    )


class Run:
    """One run being made. Everything is on disk after each call."""

    def __init__(
        self, folder: Path, *, engine: str, lab: str, command: str, environment: Environment, quick: bool = False
    ) -> None:
        self.folder = folder
        self.results = Results(
            schema=SCHEMA,
            engine=engine,
            lab=lab,
            command=command,
            started=_now(),
            environment=environment,
            quick=quick,
        )
        try:
            (folder / "raw").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot_write(folder, error) from error
        self.save()

    def record(self, **parts: Any) -> None:
        """Replace parts of the results, by their names."""
        self.results = replace(self.results, **parts)
        self.save()

    def caveat(self, caveat: Caveat) -> None:
        """Add something that the reader must know."""
        self.record(caveats=(*self.results.caveats, caveat))

    def finish(self) -> None:
        """Note that the run came to its end."""
        self.record(finished=_now())

    def raw(self, name: str, rows: Iterable[Any]) -> None:
        """Add rows to `raw/<name>.jsonl`."""
        import msgspec

        try:
            with (self.folder / "raw" / f"{name}.jsonl").open("ab") as file:
                file.writelines(msgspec.json.encode(row) + b"\n" for row in rows)
        except OSError as error:
            raise _cannot_write(self.folder, error) from error

    def picture(self, name: str, png: bytes) -> None:
        """Write `raw/<name>.png`."""
        write_atomically(self.folder / "raw" / f"{name}.png", png)

    def save(self) -> None:
        """Write results.json."""
        import msgspec

        data = msgspec.json.format(msgspec.json.encode(self.results), indent=1)
        write_atomically(self.folder / RESULTS, data + b"\n")


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def load_results(path: Path) -> Results:
    """The results of a run's folder, or of a results.json itself.

    Raises:
        InvalidInput: it is not there, not readable, or not results of this format.
    """
    import msgspec

    file = path / RESULTS if path.is_dir() else path
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"{file} cannot be read.", f"The system says: {error.strerror}.", "Name a folder that `dclab run` made."
        ) from error
    try:
        head = msgspec.json.decode(data)
        schema = head.get("schema") if isinstance(head, dict) else None
        if schema != SCHEMA:
            raise InvalidInput(
                f"{file} does not hold dclab results of this version.",
                f"Its schema is {schema!r}; this dclab reads {SCHEMA!r}.",
                "Name a folder that this version's `dclab run` made.",
            )
        return msgspec.json.decode(data, type=Results)
    except msgspec.MsgspecError as error:
        raise InvalidInput(
            f"{file} is not a whole results file.", f"{error}.", "Name a folder that `dclab run` made."
        ) from error


def latest_run(base: Path = Path("reports")) -> Path:
    """The run folder written last under `base`; InvalidInput when there is none."""
    found = [file.parent for file in base.glob(f"*/{RESULTS}") if not file.parent.name.startswith("sample-")]
    if not found:
        raise InvalidInput(f"There is no run in {base}/.", "", "Make one with `dclab run`, or name a run's folder.")
    return max(found, key=lambda folder: (folder / RESULTS).stat().st_mtime)
