"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from dclab.errors import MissingTool

__all__ = ["cannot_write", "write_atomically"]


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
        raise cannot_write(file, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    with contextlib.suppress(OSError):  # not every file system can
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def cannot_write(path: Path, error: Exception) -> MissingTool:
    """Return the error for a file or a folder of a run that the system does not let be written."""
    return MissingTool(
        f"{path} cannot be written.",
        f"The system says: {(isinstance(error, OSError) and error.strerror) or error}.",
        "Free space or get permission there, or give another folder with --out. What was written before is intact.",
    )
