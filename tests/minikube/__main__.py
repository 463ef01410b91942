"""`python -m tests.minikube up | down | status | dclab …`: a machine with docker and the minikube of the tests, by hand."""

from __future__ import annotations

import os
import sys
import time

from tests.cluster.settings import CannotRun
from tests.minikube import lifecycle


def main(arguments: list[str]) -> int:
    """Run one verb; the exit code."""
    if arguments not in (["up"], ["down"], ["status"]) and arguments[:1] != ["dclab"]:
        print(__doc__, file=sys.stderr)
        return 2
    if os.geteuid() != 0:
        print("The machine needs root: it has namespaces of its own.", file=sys.stderr)
        return 1
    started = time.monotonic()
    try:
        if arguments == ["up"]:
            lifecycle.up()
            print(
                f"The machine is up after {time.monotonic() - started:.0f} s: python -m tests.minikube dclab up --engine kube"
            )
        elif arguments == ["down"]:
            lifecycle.down()
            print(f"Nothing of the machine is left, after {time.monotonic() - started:.1f} s.")
        elif arguments[0] == "dclab":
            done = lifecycle.dclab(*arguments[1:])
            print(done.stdout, end="")
            print(done.stderr, end="", file=sys.stderr)
            return done.returncode
        else:
            print("The machine runs." if lifecycle.running() else "The machine does not run.")
            return 0 if lifecycle.running() else 1
    except (CannotRun, TimeoutError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
