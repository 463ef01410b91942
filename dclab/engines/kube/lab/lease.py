"""The lease of a lab that ends with the process that started it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import IO

from dclab.engines.kube.lab.instance import new_mark

__all__ = ["Lease"]

WATCHDOG = "dclab.engines.kube.watchdog"


class Lease:
    """A watchdog process that ends a lab at the end of its input, which comes when this process ends, whatever ends it.

    It ends only the lab with one of the marks that it was told.
    """

    def __init__(self, context: str | None, namespace: str) -> None:
        """Start the watchdog of a lab that is about to be made.

        Args:
            context: of the user's kubeconfig; None for dclab's own profile.
            namespace: of the lab.
        """
        self.mark = new_mark()
        self._watchdog = subprocess.Popen(
            [sys.executable, "-m", WATCHDOG, context or "", namespace, self.mark],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Of the watchdog."""
        return self._watchdog.pid

    def covers(self, mark: str) -> None:
        """Have it end a lab with this mark, too: one that had crashed keeps its own."""
        self._tell(f"mark {mark}\n")

    def over(self) -> None:
        """Have the watchdog end, since nothing is left for it."""
        self._tell("over\n")
        self.end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._watchdog.wait(2.0)

    def end(self) -> None:
        """Let the lab end."""
        with contextlib.suppress(OSError):
            self._stdin.close()

    @property
    def _stdin(self) -> IO[str]:
        assert self._watchdog.stdin is not None
        return self._watchdog.stdin

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the watchdog is gone, or was told already
            self._stdin.write(line)
            self._stdin.flush()
