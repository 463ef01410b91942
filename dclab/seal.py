"""Checksums of a run's results and raw data, which reveal later changes; anybody who forges both can forge these, too."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dclab.results import KeptFile

__all__ = ["FileDigest", "seal_of"]

CHUNK = 1_000_000


def seal_of(document: Mapping[str, Any]) -> str:
    """Return the checksum of a results.json, decoded, without its `seal`: SHA-256 of its values, whatever its layout."""
    rest = {key: value for key, value in document.items() if key != "seal"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class FileDigest:
    """The digest of a file that is only ever added to.

    It is read off the file, so that it holds for what is there, also when a signal or a full disk has cut a write short.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._bytes = 0
        self._hash = hashlib.sha256()

    def now(self) -> KeptFile:
        """Return what is there, reading what was added since the last time. OSError: the file cannot be read."""
        with contextlib.suppress(FileNotFoundError), self._file.open("rb") as opened:
            opened.seek(self._bytes)
            while data := opened.read(CHUNK):
                self._bytes += len(data)
                self._hash.update(data)
        return KeptFile(bytes=self._bytes, sha256=self._hash.hexdigest())
