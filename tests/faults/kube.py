"""Faults on the real Kubernetes of the tests: its programs, its node, pods, objects, other users, the client."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

from kubernetes.client import ApiException

from tests.cluster import faults
from tests.faults.fault import Fault, Row
from tests.faults.kube_giving import (
    Give,
    autoscaled_by_another,
    away,
    deleted,
    evicted_pod,
    frozen,
    hung_process,
    killed_pod,
    killed_process,
    quota,
    restarted,
    scaled_by_hand,
    set_scale,
    spoiled,
)
from tests.faults.kube_room import NAMESPACE, KubeRoom
from tests.faults.meanwhile import Meanwhile, Running, check, desired
from tests.faults.signals import cut_off, killed_client
from tests.faults.together import down_during, first_point, second, seconds
from tests.faults.trial import heal, on_lab, start_again
from tests.faults.user import Command

SWEEP = Meanwhile(("scale-sweep", "--workers", "1,2,3", "--seconds", "8s"), measures=True, changes={"worker": 3})
SCALE = Meanwhile(("scale", "worker", "4"), changes={"worker": 4})
LOAD = Meanwhile(("loadtest", "--concurrent", "5", "--time", "15s"), measures=True)


def changed_in_window(kind: str, give: Give) -> Fault:
    """Something from elsewhere changes the lab within a window: it is noticed and told, or the window done again."""

    def play(room: KubeRoom, row: Row) -> None:
        room.up()
        running = Running(room, SWEEP)
        room.wanted.pop("rng", None)
        with give(room):
            done = running.finish(row)
            pods = room.core.list_namespaced_pod(NAMESPACE, label_selector="app=rng").items
        codes = {one.get("code") for one in done.envelope.get("warnings", ())}
        ended = time.time() - (time.monotonic() - done.end)
        within = len(pods) > 1 and max(one.metadata.creation_timestamp.timestamp() for one in pods) < ended - 2.0
        row.see(f"{len(pods)} rng")
        if done.code == 0 and within and not codes & {"disturbed", "rescaled"}:
            row.false.append("rng was scaled within a window, and the sweep says nothing of it")
        row.foreign += room.foreign()
        set_scale(room, "rng", 1)
        room.wanted["rng"] = 1
        row.seconds = heal(room, row, time.monotonic())

    return Fault(kind, "rng in a sweep", play, "kube")


def namespace_deleted(during: str, start: Callable[[KubeRoom], Command]) -> Fault:
    """Somebody deletes the namespace in a command: it says so, keeps what it had, and does not bring it back."""

    def play(room: KubeRoom, row: Row) -> None:
        command = start(room)
        first_point(room, command)
        room.core.delete_namespace(NAMESPACE)
        room.wanted = {}
        ended = command.end(180)
        row.say(f"{during}: {ended.cause if ended.code else '✓'}")
        row.failed += ended.improper()
        if ended.code == 0:
            row.false.append(f"{during} says ✓ though its namespace was deleted")
        _wait_gone(room, 60)
        time.sleep(2)
        row.left += room.left()
        row.foreign += room.foreign()

    return Fault("namespace deleted", during, play, "kube")


def _wait_gone(room: KubeRoom, longest: float) -> float:
    begin = time.monotonic()
    while room.look().folder and time.monotonic() - begin < longest:
        time.sleep(0.3)
    return time.monotonic() - begin


def foreign_namespace(room: KubeRoom, row: Row) -> None:
    """A namespace of that name is someone else's: every verb that would change it is refused, and it stays as it is."""
    room.down()
    room.sweep_out()
    room.core.create_namespace({"metadata": {"name": NAMESPACE}})
    with room.touched(lambda: room.core.delete_namespace(NAMESPACE)):
        before = room.core.read_namespace(NAMESPACE).metadata
        for verb in (("up",), ("down",), ("scale", "worker", "2")):
            said = room.tell(*verb)
            row.say(f"{verb[0]}: {said.cause if said.code else '✓'}")
            row.failed += said.improper()
            if said.code == 0:
                row.false.append(f"{verb[0]} says ✓ on someone else's namespace")
        after = room.core.read_namespace(NAMESPACE).metadata
        if (after.labels, after.resource_version, after.uid) != (before.labels, before.resource_version, before.uid):
            row.foreign.append("someone else's namespace was changed")
    _wait_gone(room, 60)


def foreign_object(room: KubeRoom, row: Row) -> None:
    """Something of someone else's is in the lab's namespace: `down` leaves it there, and says so."""
    room.up()
    room.core.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": "of-another"}, "data": {"a": "b"}})
    said = room.down()
    row.say(f"down: {said.cause or said.data.get('kept')}")
    row.failed += said.improper()
    if not any("of-another" in one for one in said.data.get("kept") or ()):
        row.false.append("down does not say what it has left there")
    try:
        room.core.read_namespaced_config_map("of-another", NAMESPACE)
    except ApiException:
        row.foreign.append("someone else's ConfigMap was deleted")
    row.left += [f"pod {one.name}" for one in room.look().processes]
    room.sweep_out()


def api_away_during(verb: tuple[str, ...], outage: float, wait: float, *, up_first: bool = True) -> Fault:
    """The API server is away for a while in a command that is under way: it goes on, or says why it cannot."""

    def play(room: KubeRoom, row: Row) -> None:
        room.up() if up_first else room.down()
        command = room.start(*verb)
        time.sleep(wait)
        said = None
        with faults.without("kube-apiserver"):
            end = time.monotonic() + outage
            while time.monotonic() < end:
                if said is None and not command.running:
                    said = command.end(0)
                    check(room, row, said)  # it gave up, and said why: now it has to be so
                time.sleep(0.2)
        over = time.monotonic()
        if said is None:
            said = command.end(200)
            room.wanted = {} if verb[0] == "down" else dict.fromkeys(room.usual, 1) if not up_first else room.wanted
            if verb[0] == "latency":
                room.wanted["worker"] = desired(room, "worker")  # it is the command's to change
            check(room, row, said)
        if said.code and not said.cause:
            row.failed.append(f"{verb[0]} failed without a cause")
        if verb[0] == "down":
            if said.code:
                check(room, row, room.down())
            room.wanted = {}
            row.seconds = _wait_gone(room, 60)
            row.left += room.left()
            return
        if said.code and not up_first:
            over = start_again(room, row)
        row.seconds = heal(room, row, max(over, said.end))

    return Fault("API server away", f"in {verb[0]}", play, "kube")


def signal_in_run(name: str, numbers: tuple[signal.Signals, ...], moments: tuple[float, ...]) -> Fault:
    """`run`, which has started its lab, is cut off: the lab goes with it."""

    def play(room: KubeRoom, row: Row) -> None:
        for moment in moments:
            room.down()
            cut_off(room, row, numbers, moment, clean_up=90)

    return Fault(f"{name} to run", "client", play, "kube")


def _on(kind: str, component: str, give: Give, **more: Any) -> Fault:
    return on_lab(kind, component, give, engine="kube", **more)


def _run(room: KubeRoom) -> Command:
    room.down()
    return room.start("run", "--quick", "--out", str(room.run_folder()))


def _sweep(room: KubeRoom) -> Command:
    room.up()
    return room.start(*SWEEP.verb, "--out", str(room.run_folder()))


def of_kube(fault: Fault, within: float | None = None) -> Fault:
    """The same course of a command's fault, on Kubernetes."""
    return Fault(fault.kind, fault.component, fault.play, "kube", within)


APPS = {
    "rng": "apps.rng",
    "hasher": "apps.hasher",
    "worker": "apps.worker",
    "webui": "apps.webui",
    "redis": "redis-server",
}

INT, TERM, HUP, KILL = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL

FAULTS: list[Fault] = [
    _on("away 15 s", "API server", away("kube-apiserver"), lasts=15),
    _on("away 15 s in a sweep", "API server", away("kube-apiserver"), lasts=15, meanwhile=SWEEP),
    _on("away 15 s in a scale", "API server", away("kube-apiserver"), lasts=15, meanwhile=SCALE),
    _on("away 15 s in a load test", "API server", away("kube-apiserver"), lasts=15, meanwhile=LOAD),
    api_away_during(("up",), 10, 1.5, up_first=False),
    api_away_during(("latency", "--count", "10"), 10, 2.5),
    api_away_during(("monitor", "--seconds", "15s", "--window", "15s"), 10, 5.0),
    api_away_during(("down",), 10, 0.8),
    _on("away 10 s in a sweep", "etcd", away("etcd"), lasts=10, meanwhile=SWEEP),
    _on("away 15 s in a scale", "controller manager", away("kube-controller-manager"), lasts=15, meanwhile=SCALE),
    _on("away 15 s in a scale", "scheduler", away("kube-scheduler"), lasts=15, meanwhile=SCALE),
    _on("away 15 s in a scale", "kubelet", away("kubelet"), lasts=15, meanwhile=SCALE),
    _on("away 15 s in a sweep", "kubelet", away("kubelet"), lasts=15, meanwhile=SWEEP),
    _on("restarted", "containerd", restarted("containerd")),
    _on("restarted in a sweep", "kube-proxy", restarted("kube-proxy"), meanwhile=SWEEP),
    _on("stopped 20 s", "node", frozen, lasts=20),
    _on("stopped 20 s in a sweep", "node", frozen, lasts=20, meanwhile=SWEEP),
    *(_on("pod killed", app, killed_pod(app)) for app in APPS),
    *(_on("pod killed in a sweep", app, killed_pod(app), meanwhile=SWEEP) for app in ("rng", "redis", "webui")),
    *(_on("pod evicted", app, evicted_pod(app)) for app in ("rng", "redis")),
    _on("pod evicted in a sweep", "rng", evicted_pod("rng"), meanwhile=SWEEP),
    *(_on("process killed", app, killed_process(words)) for app, words in APPS.items()),
    _on("process hung 8 s", "webui", hung_process("apps.webui"), lasts=8),
    _on("process hung 8 s in a sweep", "redis", hung_process("redis-server"), lasts=8, meanwhile=SWEEP),
    _on("quota", "pods in a scale", quota, lasts=8, meanwhile=SCALE),
    _on(
        "crash loop", "rng", spoiled("rng", {"command": ["sh", "-c", "echo no entropy; exit 3"]}), lasts=12, heals="up"
    ),
    _on("image missing", "hasher", spoiled("hasher", {"image": "dclab.test/absent:1"}), lasts=8, heals="up"),
    _on("deleted", "deployment worker", deleted("deployment", "worker"), lasts=3, heals="up"),
    _on("deleted", "deployment redis", deleted("deployment", "redis"), lasts=3, heals="up"),
    _on("deleted in a sweep", "deployment rng", deleted("deployment", "rng"), meanwhile=SWEEP, heals="up"),
    _on("deleted", "service webui", deleted("service", "webui"), lasts=3, heals="up"),
    changed_in_window("scale by hand", scaled_by_hand),
    changed_in_window("someone else's HPA", autoscaled_by_another),
    namespace_deleted("scale-sweep", _sweep),
    namespace_deleted("run", _run),
    Fault("foreign owner", "namespace", foreign_namespace, "kube"),
    Fault("foreign owner", "object in the namespace", foreign_object, "kube"),
    of_kube(killed_client(SWEEP)),
    of_kube(killed_client(LOAD)),
    of_kube(second(("scale-sweep", "--workers", "1", "--seconds", "8s"), SWEEP, refused=True)),
    of_kube(second(("scale", "worker", "1"), LOAD, refused=True)),
    of_kube(down_during("scale-sweep", _sweep, first_point, short=False), 60.0),
    of_kube(down_during("run", _run, seconds(25), short=False), 60.0),
    signal_in_run("SIGKILL", (KILL,), (4.0, 30.0)),
    signal_in_run("SIGTERM", (TERM,), (25.0,)),
    signal_in_run("SIGHUP", (HUP,), (12.0,)),
    signal_in_run("SIGINT twice", (INT, INT), (20.0,)),
]
