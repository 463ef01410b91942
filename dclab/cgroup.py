"""What the control groups (cgroups(7), versions 1 and 2) of this process allow it, and how often they held it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Throttling", "cpu_limit", "memory_limit", "process_limit", "throttling"]

ROOT = Path("/")

_NO_LIMIT = 2**60
"""Bytes: version 1 says `no limit` by a number near the largest that there is."""


class Throttling(NamedTuple):
    """Periods of a CPU limit (100 ms by default) since some moment."""

    periods: int
    throttled: int
    """Of these, in how many the limit was reached and processes had to wait."""


def cpu_limit(root: Path = ROOT) -> float | None:
    """Return how many CPUs the groups allow at a time, None where they set no limit.

    Args:
        root: folder in which /proc and /sys are looked up.
    """
    limits = [_read(folder / "cpu.max").partition(" ")[::2] for folder in _folders(root, "")]
    limits += [
        (_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")) for folder in _folders(root, "cpu")
    ]
    found = [int(quota) / int(period) for quota, period in limits if quota.isdigit() and period.isdigit()]
    return min(found, default=None)


def memory_limit(root: Path = ROOT) -> int | None:
    """Return how many bytes of memory the groups allow, None where they set no limit."""
    found = [*_numbers(root, "", "memory.max"), *_numbers(root, "memory", "memory.limit_in_bytes")]
    return min((one for one in found if one < _NO_LIMIT), default=None)


def process_limit(root: Path = ROOT) -> int | None:
    """Return how many threads of all processes the groups allow, None where they set no limit."""
    return min([*_numbers(root, "", "pids.max"), *_numbers(root, "pids", "pids.max")], default=None)


def throttling(root: Path = ROOT) -> Throttling:
    """Return how often a CPU limit was reached so far, by all groups together; zeros where there is none."""
    periods = throttled = 0
    for folder in (*_folders(root, ""), *_folders(root, "cpu")):
        counts = dict(line.split(" ", 1) for line in _read(folder / "cpu.stat").splitlines() if " " in line)
        periods += int(counts.get("nr_periods", 0))
        throttled += int(counts.get("nr_throttled", 0))
    return Throttling(periods, throttled)


def _numbers(root: Path, controller: str, name: str) -> Iterator[int]:
    yield from (int(text) for folder in _folders(root, controller) if (text := _read(folder / name)).isdigit())


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folder of this process' group, then those of the groups around it.

    Args:
        root: as `cpu_limit` has it.
        controller: of version 1; empty for version 2, which has all of them in one tree.
    """
    tree = root / "sys/fs/cgroup" / controller
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            # A container without a namespace for its groups is told the host's path, and sees only the end of it.
            group = Path(path)
            for one in (group, *group.parents):
                yield tree / str(one).lstrip("/")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
