"""What results.json says of the files beside it."""

from __future__ import annotations

from dataclasses import dataclass

from dclab.results.bounds import Count, Name

__all__ = ["KeptFile"]


@dataclass(frozen=True, kw_only=True)
class KeptFile:
    """A file of raw/ as it was when the results were written; in a run that was cut off it may have grown since."""

    bytes: Count
    sha256: Name
    """Of so many bytes from its beginning, in hexadecimal."""
