"""What another user of the machine can do to a lab: docs/en/explanation/security.md says it. Tried as `nobody`, which only root can be."""

from __future__ import annotations

import json
import os
import pwd
import signal
import socket
import sys
import threading
from pathlib import Path

import psutil
import pytest
import requests

from apps.resp import Redis, RedisError
from dclab.engines.embedded import launch
from dclab.engines.embedded.container import redis_password
from dclab.engines.embedded.wire import Settings, grows, socket_path
from tests.manifests.test_redis import NEEDED, REFUSED

pytestmark = pytest.mark.skipif(os.getuid() != 0 or sys.platform != "linux", reason="needs root, and Linux' /proc")


@pytest.fixture(scope="module")
def lab(runtime_folder):
    made, _ = launch.start(Settings(name="seen"))
    made.ready()
    made.prometheus_url()
    before = runtime_folder.stat().st_mode
    runtime_folder.chmod(0o755)  # so that it is dclab's own folders that keep others out
    yield made
    runtime_folder.chmod(before)
    made.down()


def as_nobody(what):
    """Do something in a child process that is `nobody`; return what it returned, as JSON."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            nobody = pwd.getpwnam("nobody")
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            os.write(writer, json.dumps(what()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        data = told.read()
    assert os.waitpid(child, 0)[1] == 0
    return json.loads(data)


def outcome(action):
    """Name of the error that it raises, or what it returns."""
    try:
        return action()
    except RedisError as error:
        return str(error).split(" ", 1)[0]
    except OSError as error:
        return type(error).__name__


def processes(lab):
    return {one.pid: " ".join(one.cmdline()) for one in launch.leftovers(lab.folder)}


def listening(lab):
    return [
        one.laddr
        for pid in processes(lab)
        for one in psutil.Process(pid).net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    ]


def test_nothing_listens_but_services_and_replicas_and_all_on_loopback(lab):
    about = lab.about()
    replicas = {one.port for found in about.replicas.values() for one in found} - {None}
    found = listening(lab)
    assert {one.ip for one in found} == {"127.0.0.1"}
    assert {one.port for one in found} == {*about.ports.values(), *replicas}


def test_folders_socket_and_processes_are_closed_to_others(lab):
    folder = lab.folder
    state = grows(folder).resolve()
    files = [folder / "lab.json", folder / "redis-password", state / "supervisor.log"]
    assert all(one.exists() for one in files)

    def control():
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(socket_path(folder)))

    def tried():
        return {
            "control": outcome(control),
            "folders": [outcome(lambda one=one: os.listdir(one)) for one in (folder.parent, folder)],
            "state": outcome(lambda: os.listdir(state)),
            "files": [outcome(lambda one=one: one.read_text()) for one in files],
            "environ": [outcome(lambda pid=pid: Path(f"/proc/{pid}/environ").read_text()) for pid in processes(lab)],
            "signals": [outcome(lambda pid=pid: os.kill(pid, signal.SIGTERM)) for pid in pids],
        }

    pids = list(processes(lab))
    assert len(pids) > 8
    denied = as_nobody(lambda: [one for one in flat(tried().values()) if one != "PermissionError"])
    assert denied == []


def flat(values):
    for one in values:
        yield from one if isinstance(one, list) else [one]


def test_no_secret_is_on_a_command_line(lab):
    password = redis_password(lab.folder)
    assert not [one for one in processes(lab).values() if password in one]


def test_redis_does_nothing_for_others(lab):
    """Not even count: what is shown was counted by the lab's own workers."""
    about = lab.about()
    ports = [about.ports["redis"], about.replicas["redis"][0].port]
    lab.scale("worker", 0)
    before = lab.counter()

    def tried():
        return [
            outcome(lambda port=port, one=one: Redis(("127.0.0.1", port)).ask(*one))
            for port in ports
            for one in NEEDED + REFUSED
        ]

    assert set(as_nobody(tried)) <= {"NOAUTH", "ERR"}  # ERR: DEBUG, which is off for everyone
    after = lab.counter()
    assert (after.hashes, after.coins) == (before.hashes, before.coins)
    lab.scale("worker", 1)


def test_many_idle_connections_of_others_leave_the_lab_working(lab):
    port = lab.about().ports["redis"]

    def flood():
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(400)]
        for one in held:
            one.sendall(b"PING\r\n" * 100)  # and reads no answer
        first = requests.get(f"{url}/json", timeout=5).json()["hashes"]
        for _ in range(60):
            if requests.get(f"{url}/json", timeout=5).json()["hashes"] != first:
                return "counts"
            threading.Event().wait(0.05)
        return "stands still"

    url = lab.url("webui")
    requests.get(url, timeout=5)
    assert as_nobody(flood) == "counts"


def test_the_http_services_answer_everyone(lab):
    """They have no secrets and change nothing; what others ask of rng and hasher is load, and can spoil a measurement."""
    urls = dict(lab.addresses())

    def tried():
        return {name: requests.get(url, timeout=5).status_code for name, url in urls.items()}

    requests.get(urls["webui"], timeout=5)
    assert as_nobody(tried) == dict.fromkeys(urls, 200)


def test_prometheus_is_read_only(lab):
    url = lab.prometheus_url()
    if url is None:
        pytest.skip("Prometheus is not installed")
    closed = (
        "/-/quit",
        "/-/reload",
        "/api/v1/admin/tsdb/delete_series?match[]=up",
        "/api/v1/admin/tsdb/snapshot",
        "/api/v1/write",
    )

    def tried():
        return [requests.post(url + path, timeout=5).status_code for path in closed]

    requests.get(url, timeout=5)
    assert min(as_nobody(tried)) >= 400
    assert lab.prometheus_url() == url
