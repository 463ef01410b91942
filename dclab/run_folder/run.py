"""A run being made: its results on disk after every part, and the raw samples beside them."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from dclab import __version__
from dclab.measure.merge_caveats import merge_caveats
from dclab.platforms import usable_cpus
from dclab.redact import redacted, redactor
from dclab.results import SCHEMA, Caveat, Environment, Results
from dclab.run_folder.place import RAW, RESULTS, drop_unused, taken
from dclab.run_folder.whole_file import cannot_write, write_atomically
from dclab.seal import FileDigest, seal_of

__all__ = ["Run", "this_environment"]


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
            raise taken(folder) from error
        except OSError as error:
            raise cannot_write(folder, error) from error
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
            raise cannot_write(self.folder, error) from error

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
            raise cannot_write(self.folder, error) from error
        self.results = replace(self.results, raw=kept, seal=None)
        data = msgspec.json.encode(self.results)
        if self.results.finished is not None:
            self.results = replace(self.results, seal=seal_of(json.loads(data)))
            data = msgspec.json.encode(self.results)
        write_atomically(self.folder / RESULTS, msgspec.json.format(data, indent=1) + b"\n")


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
