"""The cluster of the tests, by hand: `python -m tests.cluster up [--kubernetes 1.36] [--nodes 3] | down | status`."""

from __future__ import annotations

import os
import sys
import time

from tests.cluster import lifecycle
from tests.cluster.settings import KUBECONFIG, NODES_VARIABLE, VERSION_VARIABLE, CannotRun

OPTIONS = {"--kubernetes": VERSION_VARIABLE, "--nodes": NODES_VARIABLE}


def main(arguments: list[str]) -> int:
    """Run one verb; the exit code."""
    match arguments:
        case ["up", *options] if len(options) % 2 == 0 and set(options[::2]) <= set(OPTIONS):
            os.environ.update({OPTIONS[name]: value for name, value in zip(options[::2], options[1::2], strict=True)})
        case ["down"] | ["status"]:
            pass
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    if os.geteuid() != 0:
        print("The cluster needs root: its node has namespaces of its own.", file=sys.stderr)
        return 1
    started = time.monotonic()
    try:
        if arguments[0] == "up":
            lifecycle.up()
            print(
                f"Kubernetes {lifecycle.kubernetes_version()} is up after {time.monotonic() - started:.0f} s. It is reached with:"
            )
            print(f"export KUBECONFIG={KUBECONFIG}")
        elif arguments == ["down"]:
            lifecycle.down()
            print(f"Nothing of the cluster is left, after {time.monotonic() - started:.1f} s.")
        elif not lifecycle.running():
            print("The cluster does not run.")
            return 1
        else:
            print(f"The cluster runs. export KUBECONFIG={KUBECONFIG}")
    except (CannotRun, TimeoutError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
