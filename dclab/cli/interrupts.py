"""Ctrl-C, SIGTERM and a closed terminal: the first one ends the command, the next ones do not cut its clean-up."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

__all__ = ["Terminated", "ignore", "listen", "until_ctrl_c"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FORCED = 3
"""At the third signal the process ends at once."""
SOON = 0.01
"""Seconds until a signal that came where nothing can be raised is looked at again."""


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP: ends also what Ctrl-C is the usual end of."""


class _Received:
    count = 0


def _heeded() -> list[signal.Signals]:
    """The signals that the parent does not have us ignore, as nohup and a shell's background job do."""
    return [one for one in SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]


def listen(early: list[int]) -> None:
    """Turn signals into KeyboardInterrupt from now on; the one that came before into one at once."""
    for one in _heeded():
        signal.signal(one, _handle)
    sys.unraisablehook = _unraisable
    if early:
        _handle(early[0], None)


def ignore() -> None:
    """Take no more signals: everything has been said and done."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for one in _heeded():
        signal.signal(one, signal.SIG_IGN)


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _again(number: int) -> None:
    """Have a signal handled a little later."""
    signal.signal(signal.SIGALRM, lambda _, later: _handle(number, later))
    signal.setitimer(signal.ITIMER_REAL, SOON)


def _unraisable(lost: sys.UnraisableHookArgs) -> None:
    """Take up again a signal whose exception was swallowed: within a destructor, or a callback from C."""
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    _Received.count -= 1
    _again(signal.SIGTERM if issubclass(lost.exc_type, Terminated) else signal.SIGINT)


def _handle(number: int, frame: FrameType | None) -> None:
    if _importing(frame):
        # Raised within an import it can be swallowed or become another exception.
        _again(number)
        return
    _Received.count += 1
    if _Received.count == 1:
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated
    if _Received.count >= FORCED:
        os._exit(130)
    with contextlib.suppress(OSError):
        os.write(2, b"\nStill cleaning up. Once more ends dclab at once, and may leave a lab running.\n")


@contextlib.contextmanager
def until_ctrl_c() -> Iterator[None]:
    """Run what Ctrl-C is the usual end of: there it is no failure."""
    try:
        yield
    except Terminated:
        raise
    except KeyboardInterrupt:
        _Received.count = 0
