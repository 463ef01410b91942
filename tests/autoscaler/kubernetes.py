"""Kubernetes' own autoscaling code, asked by way of the Go program in upstream/.

Its go.mod is of the release whose algorithm dclab has; `kubernetes-1.36.mod` and the like beside it are of others.
The program is built when it is not in the cache, which is keyed by its files and Go's version. Go's own cache of packages
is shared with the cluster of the tests (tests/cluster/binaries.py), so whichever is built second takes half a minute.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dclab.autoscaler.spec import ALGORITHM
from tests.cluster.settings import CACHE

SOURCES = Path(__file__).with_name("upstream")
NEWEST_OLD_GO = (1, 24)
"""Before 1.25 there is no testing/synctest."""


class CannotBuild(Exception):
    """The program cannot be had; the text says why."""


def modules(version: str) -> Path:
    """Return the go.mod for one minor version of Kubernetes, as `1.36`; CannotBuild when there is none."""
    file = SOURCES / ("go.mod" if version == ALGORITHM else f"kubernetes-{version}.mod")
    if not file.exists():
        raise CannotBuild(f"upstream/ has no {file.name}")
    return file


def build(version: str = ALGORITHM) -> Path:
    """Return the program of one minor version of Kubernetes; CannotBuild when there is no Go of the right age."""
    module = modules(version)
    if not shutil.which("go"):
        raise CannotBuild("Go is not installed")
    go = subprocess.run(["go", "env", "GOVERSION"], check=True, capture_output=True, text=True).stdout.strip()
    if tuple(int(one) for one in go.removeprefix("go").split(".")[:2]) <= NEWEST_OLD_GO:
        raise CannotBuild(f"{go} is too old: upstream/ needs Go 1.25")
    key = hashlib.sha256(go.encode())
    for file in (module, module.with_suffix(".sum"), *sorted(SOURCES.glob("*.go"))):
        key.update(file.name.encode() + file.read_bytes())
    folder = CACHE / "autoscaler"
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / f"upstream-{version}-{key.hexdigest()[:12]}"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers of pytest want it at once
        if not program.is_file():
            _compile(program, module)
    return program


def _compile(program: Path, module: Path) -> None:
    started = time.monotonic()
    of = f"-modfile={module}"
    listed = subprocess.run(
        ["go", "list", of, "-deps", "-test", "."], check=False, cwd=SOURCES, capture_output=True, text=True
    )
    if listed.returncode:
        raise CannotBuild(f"Go cannot get the modules: {listed.stderr.strip()[-300:]}")
    print("Building Kubernetes' autoscaler …", flush=True)
    unfinished = program.with_name(f"{program.name}.unfinished")
    subprocess.run(
        ["go", "test", of, "-c", "-trimpath", "-ldflags", "-s -w", "-o", unfinished, "."],
        cwd=SOURCES,
        check=True,
        env={**os.environ, "CGO_ENABLED": "0"},
    )
    version = program.name.rpartition("-")[0]
    for other in program.parent.glob(f"{version}-*"):
        if other != unfinished:
            other.unlink()
    unfinished.rename(program)
    print(f"  {time.monotonic() - started:.0f} s", flush=True)


def _as_json(value: Any) -> Any:
    """YAML as kubectl sends it: its float 10.0 is JSON's 10."""
    if isinstance(value, dict):
        return {key: _as_json(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_as_json(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Kubernetes:
    """The running program; to be used in a `with`."""

    def __init__(self, version: str = ALGORITHM) -> None:
        self.version = version
        # Its answers come on descriptor 3, since Go's testing package prints to the first.
        command = 'exec "$0" -test.run=^TestAnswer$ -test.timeout=0 3>&1 >/dev/null'
        self.process = subprocess.Popen(
            ["sh", "-c", command, str(build(version))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> Kubernetes:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)

    def ask(
        self, manifest: Any, passes: Sequence[Mapping[str, Any]] = (), *, gates: Mapping[str, bool] | None = None
    ) -> Any:
        """Return what it says of a manifest, and of each pass (see answer_test.go and decide_test.go).

        Args:
            manifest: of a HorizontalPodAutoscaler, as it would be given to kubectl.
            passes: as in a trace (`dclab.autoscaler.trace.Pass`).
            gates: feature gates that are set otherwise than the release has them.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        asked = {"manifest": json.dumps(_as_json(manifest)), "passes": passes, "gates": gates or {}}
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the program ended at {json.dumps(asked)}")
        return json.loads(answer)
