"""Ctrl-C, SIGTERM and a closed terminal: the first one ends the command, the next ones do not cut its clean-up."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType

__all__ = ["Terminated", "caught", "ignore", "listen", "until_ctrl_c"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FORCED = 3
"""At the third signal the process ends at once."""
SOON = 0.01
"""Seconds until a signal that came within an import is looked at again."""
SURELY = 0.3
"""Seconds after which a signal's exception has been caught, or is on its way, unless it was swallowed."""


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
    caught()
    for one in _heeded():
        signal.signal(one, signal.SIG_IGN)


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def caught() -> None:
    """Note that a signal's exception has been caught, where it is not raised on: it was not swallowed."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def _later(seconds: float, look: Callable[[FrameType | None], None]) -> None:
    """Have the main thread look again after so many seconds."""
    signal.signal(signal.SIGALRM, lambda _, frame: look(frame))
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _unraisable(lost: sys.UnraisableHookArgs) -> None:
    """Say nothing of a signal's exception that is swallowed, since `_look_after` raises it again."""
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)


def _look_after(number: int, frame: FrameType | None) -> None:
    """Raise a signal's exception again where nobody handles it, though it was not caught either.

    Python swallows what is raised in a destructor or a callback from C, and clears without a word what is raised while a
    file object is finalized (iobase_finalize of Modules/_io/iobase.c). While it is handled, and in all clean-up on its
    way, it is the current exception, or the context of it.
    """
    handled = sys.exception()
    while handled is not None:
        if isinstance(handled, KeyboardInterrupt):
            return
        handled = handled.__context__
    if _Received.count == 1:
        _Received.count = 0
        _handle(number, frame)


def _handle(number: int, frame: FrameType | None) -> None:
    if _importing(frame):
        # Raised within an import it can become another exception.
        _later(SOON, partial(_handle, number))
        return
    _Received.count += 1
    if _Received.count == 1:
        _later(SURELY, partial(_look_after, number))
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated
    if _Received.count >= FORCED:
        os._exit(130)
    with contextlib.suppress(OSError):
        os.write(2, b"\nStill cleaning up. Press Ctrl-C again to end at once; that may leave a lab running.\n")


@contextlib.contextmanager
def until_ctrl_c() -> Iterator[None]:
    """Run what Ctrl-C is the usual end of: there it is no failure."""
    try:
        yield
    except Terminated:
        raise
    except KeyboardInterrupt:
        caught()
        _Received.count = 0
