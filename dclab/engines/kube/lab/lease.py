"""What ends with the process that started it, however that ends: a lab of `run`, or what was made under a hold."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import IO, Literal

__all__ = ["Lease"]

WATCHDOG = "dclab.engines.kube.watchdog"


class Lease:
    """A watchdog process that cleans up at the end of its input, which comes when this process ends."""

    def __init__(self, context: str | None, namespace: str, of: Literal["lab", "hold"], token: str) -> None:
        """Start the watchdog of something that is about to be made.

        Args:
            context: of the user's kubeconfig; None for dclab's own profile.
            namespace: of the lab.
            of: a lab, or a hold with what is made under it.
            token: the mark of that lab, or the token of that hold: nothing else is touched.
        """
        self.token = token
        self._watchdog = subprocess.Popen(
            [sys.executable, "-m", WATCHDOG, context or "", namespace, of, token],
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

    def covers(self, token: str) -> None:
        """Have it clean up after this token, too: a lab that had crashed keeps its own mark."""
        self._tell(f"token {token}\n")

    def over(self) -> None:
        """Have the watchdog end, since nothing is left for it."""
        self._tell("over\n")
        self.end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._watchdog.wait(2.0)

    def end(self) -> None:
        """Have it clean up."""
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
