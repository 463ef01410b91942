"""Holding a lab, so that nobody else changes it: a Lease of coordination.k8s.io in its namespace, renewed while it is held.

A command that was killed renews it no more. On its own machine that is seen at once, elsewhere once it has not been
renewed for as long as it says. What it has made, a load or an autoscaler, is removed by a watchdog.
"""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
import threading
import time
from datetime import UTC, datetime

from dclab.engines import states
from dclab.engines.kube.api import Api, path_of
from dclab.engines.kube.faults import Conflict, NotFound
from dclab.engines.kube.lab.lease import Lease
from dclab.engines.kube.lab.serving import stop_serving
from dclab.engines.kube.lab.template import roll_back_held
from dclab.engines.kube.labels import HOLD, OURS
from dclab.engines.kube.objects import Lease as HoldObject
from dclab.engines.kube.objects import unix
from dclab.engines.states import Holder
from dclab.errors import DclabError
from dclab.manifests import Manifest

__all__ = ["Hold", "check", "drop"]

NAME = "dclab-hold"
LEASE_SECONDS = 15
RENEW_SECONDS = 4.0
DOUBT_SECONDS = 2 * RENEW_SECONDS + 1
"""How long a hold that looks expired is watched: the clocks of two machines may differ."""

WHAT, PROCESS, HOST, MACHINE = "dclab/what", "dclab/process", "dclab/host", "dclab/machine"
"""Annotations: the command, its process as `pid/start`, and where that runs, for people and for dclab."""


class Hold:
    """One hold of a lab, by this process."""

    def __init__(self, api: Api, namespace: str, what: str, context: str | None) -> None:
        self._api = api
        self._context = context
        self._namespace = namespace
        self._path = _path(namespace)
        self._what = what
        self.token = secrets.token_hex(8)
        self._over = threading.Event()
        self._left = False
        self._lease: Lease | None = None

    def take(self) -> None:
        """Take it, also from a command that is gone. LabHeld: another command has it."""
        while True:
            self._api.create(self._manifest(), self._namespace)
            found = self._api.get_or_none(self._path, HoldObject)
            if found is not None and found.spec.holder_identity == self.token:
                break
            if found is not None:
                _refuse_if_alive(self._api, self._namespace, found)
                # Its watchdog does so, too, unless that is gone with its machine.
                _remove_made(self._api, self._namespace, found.spec.holder_identity)
                _drop(self._api, self._path, found)
        self._lease = Lease(self._context, self._namespace, "hold", self.token)
        threading.Thread(target=self._renew, daemon=True).start()

    def leave_behind(self) -> int | None:
        """Have the watchdog remove what was made under the hold once that is released; return its process, if there is one."""
        self._left = True
        return self._lease.pid if self._lease else None

    def release(self) -> None:
        """Give it up; where the API server is away, it expires."""
        self._over.set()
        with contextlib.suppress(DclabError):
            _give_up(self._api.impatient(), self._path, self.token)
        if self._lease and self._left:
            self._lease.end()
        elif self._lease:
            self._lease.over()

    def _renew(self) -> None:
        while not self._over.wait(RENEW_SECONDS):
            with contextlib.suppress(DclabError):
                found = self._api.get(self._path, HoldObject)
                if found.spec.holder_identity != self.token:
                    return
                version = {"resourceVersion": found.metadata.resource_version}
                self._api.merge(self._path, {"metadata": version, "spec": {"renewTime": _now()}})

    def _manifest(self) -> Manifest:
        now = _now()
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": NAME,
                "labels": OURS,
                "annotations": {
                    WHAT: self._what,
                    PROCESS: f"{os.getpid()}/{_started(os.getpid())}",
                    HOST: platform.node(),
                    MACHINE: _machine(),
                },
            },
            "spec": {
                "holderIdentity": self.token,
                "leaseDurationSeconds": LEASE_SECONDS,
                "acquireTime": now,
                "renewTime": now,
            },
        }


def check(api: Api, namespace: str, token: str) -> None:
    """Raise LabHeld when someone else than the holder of `token` (empty for nobody) holds the lab.

    The hold of one that is gone is removed, so that it is not doubted about again.
    """
    found = api.get_or_none(_path(namespace), HoldObject)
    if found is not None and found.spec.holder_identity != token:
        _refuse_if_alive(api, namespace, found)
        _drop(api, _path(namespace), found)


def drop(api: Api, namespace: str, token: str) -> None:
    """Remove a hold whose command is gone, after what was made under it: autoscalers, jobs, what serves metrics, updates."""
    _remove_made(api, namespace, token)
    _give_up(api, _path(namespace), token)


def _remove_made(api: Api, namespace: str, token: str) -> None:
    for version, kind in (("autoscaling/v2", "HorizontalPodAutoscaler"), ("batch/v1", "Job")):
        api.delete(path_of(version, kind, namespace), labelSelector=f"{HOLD}={token}")
    stop_serving(api, namespace, token)
    roll_back_held(api, namespace, token)


def _give_up(api: Api, path: str, token: str) -> None:
    found = api.get_or_none(path, HoldObject)
    if found is not None and found.spec.holder_identity == token:
        _drop(api, path, found)


def _refuse_if_alive(api: Api, namespace: str, found: HoldObject) -> None:
    """Raise LabHeld unless the holder is gone: its process, or (elsewhere) its renewals."""
    notes = found.metadata.annotations
    pid, _, started = notes.get(PROCESS, "").partition("/")
    here = notes.get(MACHINE) == _machine()
    if here and (not pid.isdecimal() or _started(int(pid)) != started):
        return
    renewed = found.spec.renew_time or found.spec.acquire_time
    fresh = renewed is not None and time.time() - unix(renewed) < found.spec.lease_duration_seconds
    if not here and not fresh and not _changes(api, namespace, found):
        return
    raise states.held(
        namespace,
        Holder(
            what=notes.get(WHAT, "another program"),
            pid=int(pid) if pid.isdecimal() else 0,
            host="" if here else notes.get(HOST, "another machine"),
            since=unix(found.spec.acquire_time) if found.spec.acquire_time else time.time(),
        ),
    )


def _changes(api: Api, namespace: str, found: HoldObject) -> bool:
    """Whether a hold is renewed before our eyes; one that is released is not."""
    end = time.monotonic() + DOUBT_SECONDS
    while time.monotonic() < end:
        now = api.get_or_none(_path(namespace), HoldObject)
        if now is None:
            return False
        if now.metadata.resource_version != found.metadata.resource_version:
            return True
        time.sleep(0.5)
    return False


def _drop(api: Api, path: str, found: HoldObject) -> None:
    """Remove a hold as it was seen; of one that has changed meanwhile nothing happens."""
    with contextlib.suppress(Conflict, NotFound):
        api.delete(path, version=found.metadata.resource_version)


def _path(namespace: str) -> str:
    return path_of("coordination.k8s.io/v1", "Lease", namespace, NAME)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _machine() -> str:
    """Where a process number means the same process: a boot of a machine, and on Linux a namespace of processes."""
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot:
        return f"{boot.read().strip()}/{os.readlink('/proc/self/ns/pid')}"
    import psutil

    return f"{platform.node()}/{psutil.boot_time():.0f}"


def _started(pid: int) -> str:
    """When a process has started, as far as it tells it from another with its number; empty when there is none."""
    import psutil

    try:
        return f"{psutil.Process(pid).create_time():.1f}"
    except psutil.Error:
        return ""
