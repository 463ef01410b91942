"""The guard around every background task of a supervisor: failures are logged, and the task is restarted."""

from __future__ import annotations

import asyncio
import errno
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

__all__ = ["Guard", "is_shortage"]

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
"""Seconds before a task that failed is run again: doubled from one failure to the next."""

SHORTAGE_PAUSE = 1.0
"""The longest pause after an OSError: the machine was short of something, and may not be any more."""

MOST_FAILURES = 10
"""In a row, after which a root task is given up."""

STEADY_AFTER = 30.0
"""Seconds that a task has run after which a failure is the first again."""

SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EAGAIN, errno.EADDRINUSE}

Work = Callable[[], Awaitable[None]]


class Guard:
    """Runs tasks until they return; one that raises is run again after a pause.

    A root task is one without which the lab is none. Only a fault of dclab's own makes it be given up: an OSError
    says that the machine is short of something (descriptors, room, memory), which passes.
    """

    def __init__(self, say: Callable[[str], None], give_up: Callable[[str], None]) -> None:
        """`say` takes a line for the log; `give_up` the reason for which a root task is given up."""
        self._say = say
        self._give_up = give_up
        self._roots: dict[asyncio.Task[None], tuple[str, Work]] = {}
        self._ending = False

    def start(self, name: str, work: Work, *, root: bool = False) -> asyncio.Task[None]:
        """Run `work()` in a task of its own until it returns, or the task is cancelled."""
        task = asyncio.get_running_loop().create_task(self._keep(name, work, root), name=name)
        if root:
            self._roots[task] = (name, work)
            task.add_done_callback(self._root_done)
        return task

    def end(self) -> None:
        """Cancel the root tasks."""
        self._ending = True
        for task in tuple(self._roots):
            task.cancel()

    def _root_done(self, task: asyncio.Task[None]) -> None:
        name, work = self._roots.pop(task)
        if task.cancelled() and not self._ending:
            self._say(f"{name} was cancelled and is started again")
            self.start(name, work, root=True)

    async def _keep(self, name: str, work: Work, root: bool) -> None:
        failures = 0
        said = ""
        while True:
            began = time.monotonic()
            try:
                await work()
                return
            except asyncio.CancelledError as cancelled:
                if (task := asyncio.current_task()) is None or task.cancelling():
                    raise
                error: BaseException = cancelled  # of something that it waited for
            except Exception as raised:
                error = raised
            failures = 1 if time.monotonic() - began > STEADY_AFTER else failures + 1
            passes = isinstance(error, OSError | MemoryError)
            text = f"{name} failed: {_described(error)}"
            if root and not passes and failures >= MOST_FAILURES:
                self._give_up(f"{text}, {failures} times in a row")
                return
            if text != said:
                self._say(f"{text}; it is run again")
                said = text
            longest = SHORTAGE_PAUSE if passes else LONGEST_PAUSE
            await asyncio.sleep(min(longest, FIRST_PAUSE * 2 ** min(failures - 1, 10)))


def is_shortage(error: Exception) -> bool:
    """Whether this machine was short of something, which says nothing of the program that was to be started or asked."""
    return isinstance(error, OSError) and error.errno in SHORTAGES


def _described(error: BaseException) -> str:
    """Return what an error says, and where it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{error!r}{where}"
