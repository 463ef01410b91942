"""One archive of what is handed in: the report, its pictures, the results and the raw data of a run; the same bytes each time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dclab.errors import InvalidInput, Refused
from dclab.redact import private_part
from dclab.run_folder import RAW, RESULTS, write_atomically

__all__ = ["HandIn", "hand_in"]

REPORT_FILES = ("*.html", "*.md", "*.png", "*.svg", "*.cast")
RAW_FILES = ("*.jsonl", "*.png")
TEXTS = (".html", ".md", ".svg", ".cast", ".json", ".jsonl")
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""Of a zip archive: when files were written says nothing of the run, and would make each archive another."""


@dataclass(frozen=True, kw_only=True)
class HandIn:
    """What was made."""

    archive: Path
    files: tuple[str, ...]
    """In it, within a folder that has the archive's name."""
    left_out: tuple[str, ...]
    """Of the run's folder: what dclab has not written."""


def hand_in(folder: Path, course: str | None = None) -> HandIn:
    """Write `<run>[-<course>].zip` beside the run's folder, in place of an earlier one.

    Args:
        folder: of the run, with its report.
        course: short name of the course, for the archive's name.

    Raises:
        InvalidInput: a file to be handed in cannot be read, or is no regular file.
        Refused: one of them names a folder of this machine, or holds a secret.
        MissingTool: the archive cannot be written.
    """
    if folder.name in ("", ".."):
        folder = folder.resolve()
    name = f"{folder.name}-{course}" if course else folder.name
    chosen = sorted(_chosen(folder))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for inner in chosen:
            data = _read(folder / inner)
            if found := private_part(data.decode("utf-8", "replace")) if Path(inner).suffix in TEXTS else None:
                raise Refused(
                    f"{inner} is not handed in as it is.",
                    f"It holds {found}.",
                    "Make the run again with this dclab, or take that out of the file yourself; `dclab verify` then says so.",
                )
            entry = zipfile.ZipInfo(f"{name}/{inner}", EARLIEST)
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    target = folder.parent / f"{name}.zip"
    write_atomically(target, packed.getvalue())
    there = sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if not one.is_dir())
    return HandIn(archive=target, files=tuple(chosen), left_out=tuple(one for one in there if one not in chosen))


def _chosen(folder: Path) -> Iterator[str]:
    yield RESULTS
    for pattern in REPORT_FILES:
        yield from (one.name for one in folder.glob(pattern))
    for pattern in RAW_FILES:
        yield from (f"{RAW}/{one.name}" for one in (folder / RAW).glob(pattern))


def _read(file: Path) -> bytes:
    """Return the bytes of a regular file; a link may lead out of the folder."""
    if file.is_symlink() or not file.is_file():
        raise InvalidInput(
            f"{file} cannot be handed in.",
            "It is a link, a folder or a device, not a file.",
            "Remove it from the run's folder.",
        )
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be handed in.", f"The system says: {error.strerror}.") from error
