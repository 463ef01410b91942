"""The process that ends a lab once the command that has started it is gone, whatever ended that.

    python -m dclab.engines.kube.watchdog CONTEXT NAMESPACE MARK

It reads its input to the end, which comes with the command's. Unless it was told there that all is over, it removes the
lab in the namespace if that still has the mark, or one of those that were named in lines `mark MARK`.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable
from datetime import datetime

from dclab.errors import DclabError
from dclab.paths import state_home

__all__ = ["end_lab", "main"]

TRY_SECONDS = 900.0
"""How long a cluster that is away is waited for."""
PAUSE = 5.0


def main() -> int:
    """Wait, and end the lab if it has to be; the exit code."""
    context, namespace, mark = sys.argv[1:]
    for one in (signal.SIGINT, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    marks = [mark]
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "over":
            return 0
        if word == "mark":
            marks.append(rest)
    end = time.monotonic() + TRY_SECONDS
    while True:
        try:
            end_lab(context or None, namespace, marks)
            return 0
        except DclabError as error:
            if time.monotonic() > end:
                _note(namespace, error)
                return 1
        time.sleep(PAUSE)


def end_lab(context: str | None, namespace: str, marks: Iterable[str]) -> None:
    """Remove the lab in a namespace if it has one of these marks."""
    from dclab.engines.kube.lab.instance import mark_of
    from dclab.engines.kube.lab.namespace import ensure_ours
    from dclab.engines.kube.lab.removal import remove
    from dclab.engines.kube.launch import place

    where = place(context, namespace)
    if mark_of(ensure_ours(where.api, namespace)) in marks:
        remove(where.api, namespace)


def _note(namespace: str, error: DclabError) -> None:
    """Write down what was left, where `dclab down` is not far: nobody reads what this process prints."""
    file = state_home() / "left-behind.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as log:
        log.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} the lab {namespace!r} was not removed: {error}\n")


if __name__ == "__main__":
    sys.exit(main())
