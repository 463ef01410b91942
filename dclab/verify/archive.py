"""The run in an archive: unpacked into a temporary folder, within bounds, and only where nothing in it leads out."""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from dclab.errors import DclabError, InvalidInput
from dclab.run_folder import RESULTS

__all__ = ["run_folder_of"]

LARGEST_ARCHIVE = 50_000_000
"""Bytes; that of a run has 1 to 3 million."""
LARGEST_UNPACKED = 200_000_000
"""Bytes, all files together."""
MOST_FILES = 1000
LARGEST_DIRECTORY = 200 * MOST_FILES
"""Bytes of a zip archive's directory, which is read as a whole before anything else of it."""
CHUNK = 1_000_000

BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    gzip.BadGzipFile,
    NotImplementedError,  # a compression that Python lacks
    RuntimeError,  # a password
    ValueError,
    OverflowError,
)
"""What Python's readers raise where an archive is truncated or damaged."""


@contextlib.contextmanager
def run_folder_of(path: Path) -> Iterator[Path]:
    """Yield the folder of the run that the user named: a folder, its results.json, or an archive (zip, tar.gz) of it.

    Raises:
        InvalidInput: it is none of these; or the archive is damaged, too large, holds no run or several, or something in
            it leads out of it.
    """
    if path.is_dir():
        yield path
        return
    if path.name == RESULTS:
        yield path.parent
        return
    with _opened(path) as file, tempfile.TemporaryDirectory(prefix="dclab-") as made:
        head = file.read(4)
        file.seek(0)
        unpack = _unpack_zip if head[:2] == b"PK" else _unpack_tar if head[:2] == b"\x1f\x8b" else None
        if unpack is None:
            raise InvalidInput(
                f"{path} holds no run.",
                "It is neither a folder nor a zip or tar.gz archive.",
                "Name the folder of a run, or an archive that `dclab report --hand-in` made.",
            )
        folder = Path(made)
        try:
            unpack(path, file, folder)
        except BROKEN as error:
            raise _damaged(path, str(error).partition("\n")[0]) from error
        except OSError as error:  # gzip's own errors have no errno
            if error.errno is None:
                raise _damaged(path, str(error)) from error
            raise InvalidInput(f"{path} cannot be unpacked.", f"The system says: {error.strerror}.") from error
        run = _only_run(path, folder)
        try:
            yield run
        except DclabError as error:  # the user knows the archive, not where it was unpacked
            error.what, error.why = (one.replace(f"{folder}/", f"{path}: ") for one in (error.what, error.why))
            raise


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    hint = "Name the folder of a run, or an archive of it."
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")  # a FIFO without a writer would block
    except (OSError, ValueError) as error:  # ValueError: a name that cannot be one
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(f"{path} cannot be read.", f"The system says: {said}.", hint) from error
    with file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise InvalidInput(f"{path} cannot be read.", "It is a device, a pipe or a socket.", hint)
        if found.st_size > LARGEST_ARCHIVE:
            raise _too_large(
                path, f"The archive has {found.st_size / 1e6:.0f} MB; at most {LARGEST_ARCHIVE / 1e6:.0f} are read."
            )
        yield file


def _unpack_zip(path: Path, file: IO[bytes], folder: Path) -> None:
    tail = _tail(file)
    if (at := tail.rfind(b"PK\x05\x06")) >= 0 and len(tail) >= at + 16:
        (size,) = struct.unpack("<L", tail[at + 12 : at + 16])
        if size > LARGEST_DIRECTORY:
            raise _too_large(path, f"It holds more than {MOST_FILES} files.")
    room = _Room(path, folder)
    with zipfile.ZipFile(file) as archive:
        for one in archive.infolist():
            kind = stat.S_IFMT(one.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(path, one.filename, "is a link or a device")
            if one.is_dir():
                continue
            room.reserve(one.filename)
            with archive.open(one) as opened:
                room.write(one.filename, opened)


def _tail(file: IO[bytes]) -> bytes:
    """Return the end of a zip archive, in which its directory's place and size are."""
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - 66_000))
    tail = file.read()
    file.seek(0)
    return tail


def _unpack_tar(path: Path, file: IO[bytes], folder: Path) -> None:
    room = _Room(path, folder)
    with gzip.GzipFile(fileobj=file) as plain, tarfile.open(fileobj=_Bounded(path, plain), mode="r|") as archive:
        for one in archive:
            if one.isdir():
                continue
            if not one.isreg() or one.issparse():
                raise _refused(path, one.name, "is a link or a device")
            room.reserve(one.name)
            opened = archive.extractfile(one)
            assert opened is not None  # it is a regular file
            with opened:
                room.write(one.name, opened)
        while archive.fileobj is not None and archive.fileobj.read(CHUNK):
            pass  # to the end: only there gzip's checksum shows whether all of it was right


class _Bounded(io.BytesIO):
    """What comes out of gzip, up to a bound: a header may claim any length, too."""

    def __init__(self, path: Path, file: gzip.GzipFile) -> None:
        super().__init__()
        self._path = path
        self._file = file
        self._left = LARGEST_UNPACKED

    def read(self, size: int | None = -1, /) -> bytes:
        """Return what there is, within the bound."""
        data = self._file.read(CHUNK if size is None or size < 0 else min(size, CHUNK))
        self._left -= len(data)
        if self._left < 0:
            raise _too_large(self._path, f"Unpacked it has more than {LARGEST_UNPACKED / 1e6:.0f} MB.")
        return data


class _Room:
    """The folder that is unpacked into, and how much may still go there."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self._folder = folder
        self._left = LARGEST_UNPACKED
        self._names: set[str] = set()

    def reserve(self, name: str) -> None:
        """Refuse a name that leads out of the folder, comes twice, or is one too many."""
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or not parts:
            raise _refused(self._path, name, "leads out of the archive")
        key = "/".join(parts)
        if key in self._names:
            raise _refused(self._path, name, "is in it twice")
        self._names.add(key)
        if len(self._names) > MOST_FILES:
            raise _too_large(self._path, f"It holds more than {MOST_FILES} files.")

    def write(self, name: str, data: IO[bytes]) -> None:
        """Unpack one file."""
        target = self._folder.joinpath(*PurePosixPath(name).parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as made:
            while chunk := data.read(CHUNK):
                self._left -= len(chunk)
                if self._left < 0:
                    raise _too_large(self._path, f"Unpacked it has more than {LARGEST_UNPACKED / 1e6:.0f} MB.")
                made.write(chunk)


def _only_run(path: Path, folder: Path) -> Path:
    runs = sorted(one.parent for one in folder.rglob(RESULTS) if one.is_file())
    if not runs:
        raise InvalidInput(
            f"{path} holds no run.", f"There is no {RESULTS} in it.", "Make it with `dclab report RUN --hand-in`."
        )
    if len(runs) > 1:
        names = ", ".join(str(one.relative_to(folder)) for one in runs[:3])
        raise InvalidInput(
            f"{path} holds {len(runs)} runs: {names}{', …' if len(runs) > 3 else ''}.",
            "One at a time is verified.",
            "Unpack it, and verify each folder.",
        )
    return runs[0]


def _damaged(path: Path, why: str) -> InvalidInput:
    return InvalidInput(
        f"{path} is truncated or damaged.",
        f"It cannot be unpacked: {why.rstrip('.')}.",
        "Get it again from where it came.",
    )


def _too_large(path: Path, why: str) -> InvalidInput:
    return InvalidInput(f"{path} is too large for the archive of a run.", why, "Name the archive of one run.")


def _refused(path: Path, name: str, why: str) -> InvalidInput:
    return InvalidInput(f"{path} was not unpacked.", f"{name!r} {why}.", "Make it with `dclab report RUN --hand-in`.")
