"""Whether the files of a run are those that it wrote: the digests of raw/, and the seal of results.json."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from dclab.results import KeptFile, Results
from dclab.run_folder import RAW, RESULTS
from dclab.seal import CHUNK, seal_of
from dclab.user_files import read_text
from dclab.verify.finding import Finding

__all__ = ["verify_integrity"]


def verify_integrity(results: Results, folder: Path) -> Iterator[Finding]:
    """Yield what was changed, left out or added after the run. Files of older versions have none."""
    if results.raw:
        for name, kept in results.raw.items():
            if why := _fault(folder / RAW / name, kept, grows=results.finished is None):
                yield Finding(where=f"{RAW}/{name}", why=why)
        if results.finished is not None:
            for file in sorted((folder / RAW).glob("*.jsonl")):
                if file.name not in results.raw:
                    yield Finding(where=f"{RAW}/{file.name}", why="the run did not write it")
    if results.raw and results.finished is not None and results.seal is None:
        yield Finding(where=RESULTS, why="the run is finished, and its seal is missing")
    if results.seal is not None:
        document = json.loads(read_text(folder / RESULTS))
        if seal_of(document) != results.seal:
            yield Finding(where=RESULTS, why="it was changed after the run: its seal does not fit what it says")


def _fault(file: Path, kept: KeptFile, *, grows: bool) -> str | None:
    """Say how a file differs from what the run wrote; one of a run that was cut off may have more at its end."""
    if not file.is_file():
        return "it is missing, and the run wrote it"
    size = file.stat().st_size
    if size < kept.bytes or (size > kept.bytes and not grows):
        return f"it has {size} bytes, and the run wrote {kept.bytes}"
    digest, left = hashlib.sha256(), kept.bytes
    with file.open("rb") as opened:
        while left and (data := opened.read(min(left, CHUNK))):
            digest.update(data)
            left -= len(data)
    return None if digest.hexdigest() == kept.sha256 else "it was changed after the run: its checksum is another"
