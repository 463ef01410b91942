"""The entries of a kubeconfig: the types of k8s.io/client-go/tools/clientcmd/api/v1.

As in Go, null is as good as a value that is left out.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["AuthProvider", "Cluster", "ContextEntry", "EnvironmentVariable", "ExecPlugin", "Extension", "User"]


class Extension(msgspec.Struct, frozen=True):
    """What a tool has noted of an entry."""

    name: str | None = None
    extension: Any = None


class ContextEntry(msgspec.Struct, frozen=True):
    """Which cluster, as which user."""

    cluster: str | None = None
    user: str | None = None
    namespace: str | None = None
    extensions: list[Extension | None] | None = None


class Cluster(msgspec.Struct, frozen=True, rename=lambda name: name.replace("_", "-")):
    """How a cluster is reached."""

    server: str | None = None
    tls_server_name: str | None = None
    insecure_skip_tls_verify: bool | None = None
    certificate_authority: str | None = None
    certificate_authority_data: str | None = None
    proxy_url: str | None = None
    disable_compression: bool | None = None
    extensions: list[Extension | None] | None = None


class EnvironmentVariable(msgspec.Struct, frozen=True):
    """A variable of an exec plugin."""

    name: str | None = None
    value: str | None = None


class ExecPlugin(msgspec.Struct, frozen=True, rename="camel"):
    """A program that gives credentials, such as aws or gke-gcloud-auth-plugin."""

    command: str | None = None
    args: list[str] | None = None
    env: list[EnvironmentVariable] | None = None
    api_version: str | None = None
    install_hint: str | None = None
    provide_cluster_info: bool | None = None
    interactive_mode: str | None = None


class AuthProvider(msgspec.Struct, frozen=True):
    """A way to log in that is built into clients; only oidc is left."""

    name: str | None = None
    config: dict[str, str] | None = None


class User(msgspec.Struct, frozen=True, rename=lambda name: name.rstrip("_").replace("_", "-")):
    """Credentials, and whom to act as."""

    client_certificate: str | None = None
    client_certificate_data: str | None = None
    client_key: str | None = None
    client_key_data: str | None = None
    token: str | None = None
    token_file: str | None = msgspec.field(default=None, name="tokenFile")
    as_: str | None = None
    as_uid: str | None = None
    as_groups: list[str] | None = None
    as_user_extra: dict[str, list[str] | None] | None = None
    username: str | None = None
    password: str | None = None
    auth_provider: AuthProvider | None = None
    exec: ExecPlugin | None = None
    extensions: list[Extension | None] | None = None
