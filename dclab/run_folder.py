"""The folder of a run: results.json, written whole after every part, and the raw samples beside it.

It is handed in, so nothing private is written to it (`dclab.redact`).
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from dclab import __version__
from dclab.errors import InvalidInput, MissingTool
from dclab.measure.merge_caveats import merge_caveats
from dclab.platforms import usable_cpus
from dclab.redact import redacted, redactor
from dclab.results import SCHEMA, Caveat, Environment, Results
from dclab.seal import FileDigest, seal_of
from dclab.user_files import read_text

__all__ = [
    "RAW",
    "RESULTS",
    "Run",
    "drop_unused",
    "latest_run",
    "load_results",
    "load_side",
    "new_folder",
    "this_environment",
    "write_atomically",
]

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
        raise _taken(folder) from error
    except (OSError, ValueError) as error:  # ValueError: a name that cannot be one
        raise _cannot_write(folder, error) from error


def _dated(engine: str) -> Path:
    folder = Path("reports") / f"{time.strftime('%Y%m%d-%H%M%S')}-{engine}"
    for count in range(1, MOST_RUNS_A_SECOND):
        with contextlib.suppress(FileExistsError):  # that of another run within the same second
            numbered = folder if count == 1 else folder.with_name(f"{folder.name}-{count}")
            numbered.mkdir(parents=True)
            return numbered
    raise _taken(folder)


def _taken(folder: Path) -> InvalidInput:
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


def write_atomically(file: Path, data: bytes) -> None:
    """Write a file whole or not at all, also when the machine fails; MissingTool: it cannot be written."""
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        partial.unlink(missing_ok=True)
        with partial.open("xb") as opened:  # a link of that name in a stranger's folder is not followed
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
        partial.replace(file)
    except OSError as error:
        raise _cannot_write(file, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    with contextlib.suppress(OSError):  # not every file system can
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _cannot_write(path: Path, error: Exception) -> MissingTool:
    return MissingTool(
        f"{path} cannot be written.",
        f"The system says: {(isinstance(error, OSError) and error.strerror) or error}.",
        "Free space or get permission there, or give another folder with --out. What was written before is intact.",
    )


def this_environment(engine_reason: str, versions: Mapping[str, str]) -> Environment:
    """Where this run is made."""
    import psutil

    return Environment(
        dclab=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpus=usable_cpus(),
        memory_mb=psutil.virtual_memory().total // 1_000_000,
        engine_reason=engine_reason,
        versions=dict(versions),
    )


class Run:
    """One run being made. Everything is on disk after each call, redacted, and `results` is what is on disk.

    Args:
        folder: of the run (`new_folder`).
        engine: of the lab.
        lab: its name.
        command: that makes the run.
        environment: where.
        quick: whether it is a compressed run.
        identity: of the lab (`Lab.identity`), of which nothing private is written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        engine: str,
        lab: str,
        command: str,
        environment: Environment,
        quick: bool = False,
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self._redact = redactor(identity or {}, lab)
        self._caveats: list[Caveat] = []
        self._kept: dict[str, FileDigest] = {}
        results = Results(
            schema=SCHEMA,
            engine=cast(Any, engine),
            lab=lab,
            command=command,
            started=_now(),
            environment=environment,
            quick=quick,
        )
        self.results = self._empty = redacted(results, self._redact)
        try:
            (folder / RAW).mkdir(parents=True)
        except FileExistsError as error:
            raise _taken(folder) from error
        except OSError as error:
            raise _cannot_write(folder, error) from error
        self.save()

    def record(self, **parts: Any) -> None:
        """Replace parts of the results, by their names."""
        self.results = replace(self.results, **redacted(parts, self._redact))
        self.save()

    def caveat(self, caveat: Caveat) -> None:
        """Add something that the reader must know; those that differ only in numbers become one."""
        self._caveats.append(redacted(caveat, self._redact))
        self.record(caveats=merge_caveats(self._caveats))

    def finish(self) -> None:
        """Note that the run came to its end."""
        self.record(finished=_now())

    def discard(self) -> bool:
        """Remove the folder of a run in which nothing was measured; return whether it was one."""
        if self._empty != replace(self.results, caveats=()) or any((self.folder / RAW).iterdir()):
            return False
        (self.folder / RESULTS).unlink()
        (self.folder / RAW).rmdir()
        drop_unused(self.folder)
        return True

    def raw(self, name: str, rows: Iterable[Any]) -> None:
        """Add rows to `raw/<name>.jsonl`."""
        import msgspec

        file = self._keep(f"{name}.jsonl")
        try:
            with file.open("ab") as opened:
                opened.writelines(msgspec.json.encode(redacted(row, self._redact)) + b"\n" for row in rows)
        except OSError as error:
            raise _cannot_write(self.folder, error) from error

    def picture(self, name: str, png: bytes) -> None:
        """Write `raw/<name>.png`."""
        self._kept.pop(f"{name}.png", None)  # it takes the place of an earlier one
        write_atomically(self._keep(f"{name}.png"), png)

    def _keep(self, name: str) -> Path:
        """Return the path of a file of raw/, of which results.json is to know."""
        file = self.folder / RAW / name
        self._kept.setdefault(name, FileDigest(file))
        return file

    def save(self) -> None:
        """Write results.json: what was measured, the digests of raw/, and of a run that is finished its seal."""
        import msgspec

        try:
            kept = {name: one.now() for name, one in sorted(self._kept.items())}
        except OSError as error:
            raise _cannot_write(self.folder, error) from error
        self.results = replace(self.results, raw=kept, seal=None)
        data = msgspec.json.encode(self.results)
        if self.results.finished is not None:
            self.results = replace(self.results, seal=seal_of(json.loads(data)))
            data = msgspec.json.encode(self.results)
        write_atomically(self.folder / RESULTS, msgspec.json.format(data, indent=1) + b"\n")


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


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
