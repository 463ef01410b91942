"""How many files, and so connections, this process may have open."""

from __future__ import annotations

import contextlib
import resource

__all__ = ["allow_descriptors"]

MOST_DESCRIPTORS = 65536
"""A connection that is passed on takes two; the usual limit is for the sake of programs that call select()."""


def allow_descriptors() -> None:
    """Raise the soft limit, often 1024, to what this process may have, as far as MOST_DESCRIPTORS."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft not in (resource.RLIM_INFINITY, wanted):
        with contextlib.suppress(OSError, ValueError):  # macOS has another limit beside it
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
