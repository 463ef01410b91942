"""The process that cleans up after a command, however the command ended.

    python -m dclab.engines.kube.watchdog CONTEXT NAMESPACE lab|hold TOKEN

It reads its input to the end, which comes with the command's. Unless it was told there that all is over, it removes the
lab in the namespace if that still has the mark, or the hold with the jobs and autoscalers that were made under it.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable
from datetime import datetime

from dclab.errors import DclabError, LabLost, TimedOut
from dclab.paths import state_home

__all__ = ["end_hold", "end_lab", "main"]

TRY_SECONDS = 900.0
"""How long a cluster that is away is waited for."""
PAUSE = 5.0


def main() -> int:
    """Wait, and clean up if that is needed; the exit code."""
    context, namespace, of, token = sys.argv[1:]
    for one in (signal.SIGINT, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    tokens = [token]
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "over":
            return 0
        if word == "token":
            tokens.append(rest)
    end = time.monotonic() + TRY_SECONDS
    while True:
        try:
            (end_lab if of == "lab" else end_hold)(context or None, namespace, tokens)
            return 0
        except DclabError as error:
            if time.monotonic() > end or not isinstance(error, LabLost | TimedOut):
                _note(namespace, of, error)
                return 1
        time.sleep(PAUSE)


def end_lab(context: str | None, namespace: str, tokens: Iterable[str]) -> None:
    """Remove the lab in a namespace if its mark is one of these tokens."""
    from dclab.engines.kube.lab.instance import mark_of
    from dclab.engines.kube.lab.namespace import ensure_ours
    from dclab.engines.kube.lab.removal import remove
    from dclab.engines.kube.launch import place

    where = place(context, namespace)
    if mark_of(ensure_ours(where.api, namespace)) in tokens:
        remove(where.api, namespace)


def end_hold(context: str | None, namespace: str, tokens: Iterable[str]) -> None:
    """Remove what was made under holds with these tokens, and the holds."""
    from dclab.engines.kube.lab.hold import drop
    from dclab.engines.kube.launch import place

    for token in tokens:
        drop(place(context, namespace).api, namespace, token)


def _note(namespace: str, of: str, error: DclabError) -> None:
    """Write down what was left, where `dclab down` is not far: nobody reads what this process prints."""
    file = state_home() / "left-behind.log"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as log:
        what = f"the lab {namespace!r}" if of == "lab" else f"what a killed command had started in {namespace!r}"
        log.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} {what} was not removed: {error}\n")


if __name__ == "__main__":
    sys.exit(main())
