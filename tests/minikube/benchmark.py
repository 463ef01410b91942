"""The figures of tests.cluster.benchmark on the real minikube, or on kind: `./dev python -m tests.minikube.benchmark [kind]`."""

from __future__ import annotations

import json
import statistics
import sys
from typing import Any

from tests.benchmark import line, seconds_of
from tests.cluster.benchmark import Verb, of_a_sweep, of_latency, of_life, of_status
from tests.minikube import kind, lifecycle, outer
from tests.minikube.settings import HOME, KUBERNETES

MINIKUBE = ("--engine", "kube", "--driver", "docker", "--kubernetes-version", KUBERNETES)


def _verbs(*where: str) -> Verb:
    def run(verb: str, *arguments: str) -> dict[str, Any]:
        done = lifecycle.dclab(verb, *arguments, *where, "--json")
        if done.returncode:
            raise RuntimeError(done.stderr)
        data: dict[str, Any] = json.loads(done.stdout)["data"]
        return data

    return run


def _up_again(run: Verb) -> None:
    """A lab's way up in a minikube that runs: of dclab's own, `down` would stop that, too."""
    own = HOME / ".local" / "state" / "dclab" / "kubeconfig"
    ups = []
    for _ in range(3):
        outer.run("kubectl", "--kubeconfig", own, "delete", "namespace", "dockercoins", user=True)
        ups.append(seconds_of(lambda: run("up")))
    line("up in a minikube that runs, median of 3", f"{statistics.median(ups):.1f} s", "≤ 20 s")


def main() -> None:
    """Measure everything, and end what was started."""
    on_kind = sys.argv[1:] == ["kind"]
    ran = lifecycle.running()
    lifecycle.up()
    run = _verbs("--context", kind.CONTEXT) if on_kind else _verbs()
    try:
        if on_kind:
            made = seconds_of(lambda: kind.create(lifecycle.programs()))
            line("kind create cluster", f"{made:.0f} s", "")
            of_life(run)
            run("up", "--yes")
        else:
            line("up with a new minikube", f"{seconds_of(lambda: run('up', *MINIKUBE)):.0f} s", "≤ 150 s")
            _up_again(run)
        of_a_sweep(run)
        of_latency(run)
        of_status(run)
        if not on_kind:
            demo = run("hpa-demo", "--load-time", "60s", "--out", str(HOME / "demo"))
            most = max(point["ready"] for point in demo["autoscale"]["timeline"])
            line("the autoscaler took rng to", f"{most} replicas", "")
    finally:
        if on_kind:
            run("down")
            kind.delete()
        else:
            run("down", "--cluster")
        if not ran:
            lifecycle.down()


if __name__ == "__main__":
    main()
