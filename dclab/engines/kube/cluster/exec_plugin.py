"""Credentials from a program that the kubeconfig names, such as aws or gke-gcloud-auth-plugin.

As k8s.io/client-go/plugin/pkg/client/auth/exec does it. The official client has its own way, which logs what went wrong
and goes on without credentials.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from dclab.engines.kube.cluster.kubeconfig_types import Cluster, ExecPlugin
from dclab.errors import InvalidInput, MissingTool

__all__ = ["Credentials", "PluginFailed", "run_plugin"]

LONGEST = 120.0
"""Seconds; a plugin may wait for someone to log in with a browser."""
EARLY = timedelta(seconds=30)
"""How long before their end credentials are renewed."""
OF_THE_CLUSTER = "client.authentication.k8s.io/exec"
"""Name of the cluster's extension that is handed to the plugin."""


class PluginFailed(MissingTool):
    """The program that should give credentials is not there, fails, or gives none."""

    code = "exec-plugin"


class Credentials(msgspec.Struct, frozen=True, rename="camel"):
    """What the plugin gave: a token, or a certificate with its key, in PEM."""

    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    expiration_timestamp: datetime | None = None

    @property
    def expired(self) -> bool:
        """Whether they are at their end, or nearly."""
        end = self.expiration_timestamp
        if end is None:
            return False
        return datetime.now(UTC) > (end if end.tzinfo else end.replace(tzinfo=UTC)) - EARLY


class _Answer(msgspec.Struct, frozen=True):
    api_version: str = msgspec.field(name="apiVersion")
    kind: str
    status: Credentials | None = None


def run_plugin(plugin: ExecPlugin, file: Path, cluster: Cluster, context: str) -> Credentials:
    """Run the plugin of a context once.

    Args:
        plugin: its entry in the kubeconfig.
        file: the kubeconfig; a command with a slash is relative to its folder.
        cluster: told to the plugin, where its entry wants that.
        context: its name, for the error.

    Raises:
        PluginFailed: the program is missing, fails, or does not print credentials.
        InvalidInput: its entry in the kubeconfig lacks something.
    """
    if not plugin.command or not plugin.api_version:
        raise InvalidInput(
            f"The context {context!r} cannot be used.",
            f"Its exec plugin has no {'apiVersion' if plugin.command else 'command'}.",
            "Fetch the cluster's kubeconfig again.",
        )
    command = str(file.absolute().parent / plugin.command) if os.sep in plugin.command else plugin.command
    interactive = plugin.interactive_mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
    try:
        done = subprocess.run(
            [command, *(plugin.args or ())],
            check=False,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if interactive else subprocess.PIPE,
            env=_environment(plugin, cluster, interactive),
            timeout=LONGEST,
        )
    except FileNotFoundError as error:
        raise PluginFailed(
            f"{plugin.command} is not installed.",
            f"The context {context!r} gets its credentials from it.",
            (plugin.install_hint or "").strip() or f"Install {plugin.command}, then try again.",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise _failed(plugin, context, f"It did not end within {LONGEST:g} s") from error
    except (OSError, ValueError) as error:  # not executable; a NUL in an argument
        raise _failed(plugin, context, getattr(error, "strerror", None) or str(error)) from error
    if done.returncode:
        said = (done.stderr or b"").decode(errors="replace").strip().splitlines()[-3:]
        raise _failed(plugin, context, f"Exit code {done.returncode}: {' | '.join(said) or 'it did not say why'}")
    return _credentials(plugin, context, done.stdout)


def _environment(plugin: ExecPlugin, cluster: Cluster, interactive: bool) -> dict[str, str]:
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.provide_cluster_info:
        told: Mapping[str, Any] = {
            "server": cluster.server,
            "tls-server-name": cluster.tls_server_name,
            "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
            "certificate-authority-data": cluster.certificate_authority_data,
            "proxy-url": cluster.proxy_url,
            "config": next(
                (one.extension for one in cluster.extensions or () if one is not None and one.name == OF_THE_CLUSTER),
                None,
            ),
        }
        spec["cluster"] = {key: value for key, value in told.items() if value is not None}
    information = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
    own = {one.name: one.value or "" for one in plugin.env or () if one.name}
    return {**os.environ, **own, "KUBERNETES_EXEC_INFO": msgspec.json.encode(information).decode()}


def _credentials(plugin: ExecPlugin, context: str, printed: bytes) -> Credentials:
    try:
        answer = msgspec.json.decode(printed, type=_Answer)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _failed(plugin, context, f"It printed no ExecCredential ({error})") from error
    if answer.kind != "ExecCredential" or answer.api_version != plugin.api_version:
        wanted = f"an ExecCredential of {plugin.api_version}"
        raise _failed(plugin, context, f"It printed a {answer.kind} of {answer.api_version}, not {wanted}")
    found = answer.status or Credentials()
    if not found.token and not (found.client_certificate_data and found.client_key_data):
        raise _failed(plugin, context, "It printed neither a token nor a certificate with its key")
    return found


def _failed(plugin: ExecPlugin, context: str, why: str) -> PluginFailed:
    return PluginFailed(
        f"{plugin.command} gave no credentials for the context {context!r}.",
        f"{why}.",
        f"Log in again, or run {' '.join([plugin.command or '', *(plugin.args or ())][:4])} by hand to see what is wrong.",
    )
