"""A contradiction between results and raw data, and how two values are compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Finding", "differences"]

NEAR = 1e-6
"""Relative: what the same formula may differ by on another machine."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that does not fit."""

    where: str
    """In results.json or raw/, such as `sweep.points[0].hashes_per_second.mean`."""
    why: str
    """What stands there, and what should; a sentence without its full stop."""


def differences(where: str, said: Any, computed: Any) -> Iterator[Finding]:
    """Yield each part of a value in which it differs from what was computed; numbers may differ by their last digits."""
    if isinstance(computed, Mapping) and isinstance(said, Mapping):
        for key in dict.fromkeys((*computed, *said)):
            yield from differences(f"{where}.{key}" if where else str(key), said.get(key), computed.get(key))
    elif isinstance(computed, list | tuple) and isinstance(said, list | tuple):
        if len(said) != len(computed):
            yield Finding(where=where, why=f"there are {len(said)} of them, and the raw data give {len(computed)}")
            return
        for index, (a, b) in enumerate(zip(said, computed, strict=True)):
            yield from differences(f"{where}[{index}]", a, b)
    elif not _same(said, computed):
        yield Finding(where=where, why=f"it is {_shown(said)}, and the raw data give {_shown(computed)}")


def _same(a: Any, b: Any) -> bool:
    numbers = [isinstance(one, int | float) and not isinstance(one, bool) for one in (a, b)]
    return math.isclose(a, b, rel_tol=NEAR, abs_tol=NEAR) if all(numbers) else bool(a == b)


def _shown(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else "nothing" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
