"""From an entry of a kubeconfig to the official client, which is made to understand the entry as client-go does."""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from kubernetes import config
from kubernetes.client import ApiClient, Configuration

from dclab.engines.kube.cluster.exec_plugin import Credentials, run_plugin
from dclab.engines.kube.cluster.kubeconfig import Access, Context, access
from dclab.engines.kube.cluster.kubeconfig_types import User
from dclab.errors import DclabError, InvalidInput

__all__ = ["client_of", "impersonation_headers"]

OMITTED = {"DATA+OMITTED", "REDACTED"}
"""What `kubectl config view` prints in place of certificates, keys, tokens and passwords."""

_EXTRA_SAFE = "!#$&'*+-.^_`|~"
"""Characters of a header's name that client-go's headerKeyEscape leaves as they are, beside letters and digits."""


def client_of(context: Context) -> tuple[ApiClient, list[tuple[str, str]]]:
    """Return the official client for a context, and the headers by which it acts as someone else.

    Raises:
        InvalidInput: the entry cannot be used.
        PluginFailed: its exec plugin gave no credentials.
    """
    found = access(context)
    _check(context, found)
    headers = impersonation_headers(context, found.user)
    plugin = found.user.exec
    given = run_plugin(plugin, found.user_file, found.cluster, context.name) if plugin else None
    configuration = Configuration()
    try:
        config.load_kube_config_from_dict(  # type: ignore[no-untyped-call]
            {
                "current-context": "one",
                "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
                "clusters": [{"name": "one", "cluster": _cluster(found)}],
                "users": [{"name": "one", "user": _user(found, given)}],
            },
            client_configuration=configuration,
            persist_config=False,
        )
        _check_tls(configuration)
        configuration.retries = False
        client = ApiClient(configuration)
    except DclabError:
        raise
    except Exception as error:  # whatever it raises is about what the entry says
        raise _unusable(context, f"{type(error).__name__}: {' '.join(str(error).split())}") from error
    if found.user.auth_provider is not None and "BearerToken" not in configuration.api_key:
        raise _unusable(context, "Its auth provider 'oidc' has no valid id-token, and none could be fetched")
    _keep_fresh(configuration, context, found, given)
    if not configuration.verify_ssl:
        import urllib3

        # The user has asked for it; a warning a request would say nothing new.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return client, headers


def impersonation_headers(context: Context, user: User) -> list[tuple[str, str]]:
    """Return the headers of `as`, `as-uid`, `as-groups` and `as-user-extra` (client-go, transport/round_trippers.go)."""
    extra = user.as_user_extra or {}
    if not user.as_:
        if user.as_uid or user.as_groups or extra:
            raise _unusable(
                context, "Its user names a uid, groups or extra fields to act as, but nobody to act as (`as`)"
            )
        return []
    headers = [("Impersonate-User", user.as_)]
    headers += [("Impersonate-Uid", user.as_uid)] if user.as_uid else []
    headers += [("Impersonate-Group", one) for one in user.as_groups or ()]
    for key, values in extra.items():
        headers += [(f"Impersonate-Extra-{quote(key, safe=_EXTRA_SAFE)}", one) for one in values or ()]
    for name, value in headers:
        if not value.isprintable() or not value.isascii():
            raise _unusable(context, f"{value!r} cannot be sent as {name}")
    return headers


def _check(context: Context, found: Access) -> None:
    """Refuse what the client would misunderstand."""
    entries: dict[str, dict[str, Any]] = {
        "cluster": msgspec.to_builtins(found.cluster),
        "user": msgspec.to_builtins(found.user),
    }
    for of, entry in entries.items():
        for key, value in entry.items():
            if isinstance(value, str) and value in OMITTED:
                raise InvalidInput(
                    f"The context {context.name!r} cannot be used.",
                    f"{key} of its {of} is {value}: `kubectl config view` leaves it out.",
                    "Write the kubeconfig again with `kubectl config view --raw`.",
                )
            if isinstance(value, str) and key.endswith("-data"):
                _check_base64(context, key, value)
    provider = found.user.auth_provider
    if provider is not None and provider.name != "oidc":
        raise _unusable(
            context, f"Its auth provider {provider.name!r} is no longer supported (kubectl 1.26 removed it)"
        )
    server = found.cluster.server or ""
    try:
        parts = urlsplit(server if "://" in server else f"//{server}")
        good = bool(parts.hostname) and parts.port != 0 and parts.scheme in ("", "http", "https")
    except ValueError:
        good = False
    if not good or not server.isprintable() or " " in server:
        raise _unusable(context, f"Its server {server!r} is not a URL")


def _check_base64(context: Context, key: str, value: str) -> None:
    try:
        base64.b64decode("".join(value.split()), validate=True)
    except ValueError as error:
        raise _unusable(context, f"{key} is not base64 ({error})") from error


def _cluster(found: Access) -> dict[str, Any]:
    one = found.cluster
    server = one.server or ""
    if "://" not in server:  # as rest.DefaultServerURL does
        server = f"{'https' if one.certificate_authority or one.certificate_authority_data else 'http'}://{server}"
    return _set(
        {
            "server": server,
            "tls-server-name": one.tls_server_name,
            "insecure-skip-tls-verify": one.insecure_skip_tls_verify,
            "certificate-authority": _beside(found.cluster_file, one.certificate_authority),
            "certificate-authority-data": one.certificate_authority_data,
            "proxy-url": one.proxy_url,
        }
    )


def _user(found: Access, given: Credentials | None) -> dict[str, Any]:
    one = found.user
    made: dict[str, Any] = {
        "client-certificate": _beside(found.user_file, one.client_certificate),
        "client-certificate-data": one.client_certificate_data,
        "client-key": _beside(found.user_file, one.client_key),
        "client-key-data": one.client_key_data,
        "token": one.token,
        "tokenFile": _beside(found.user_file, one.token_file),
        "username": one.username,
        "password": one.password,
    }
    if one.auth_provider is not None:
        made["auth-provider"] = {"name": one.auth_provider.name, "config": one.auth_provider.config or {}}
    if one.token_file:  # it takes precedence in client-go, not in the official client
        made["token"] = None
    if given is not None and given.token:
        made |= {"token": given.token, "tokenFile": None}
    if given is not None and given.client_certificate_data and given.client_key_data:
        made["client-certificate-data"] = base64.b64encode(given.client_certificate_data.encode()).decode()
        made["client-key-data"] = base64.b64encode(given.client_key_data.encode()).decode()
    return _set(made)


def _set(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if value not in (None, "")}


def _beside(file: Path, path: str | None) -> str | None:
    return os.path.join(file.absolute().parent, path) if path else None


def _check_tls(configuration: Configuration) -> None:
    """Raise SSLError or OSError for certificates that cannot be loaded, before a request fails at them obscurely."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if configuration.ssl_ca_cert and configuration.verify_ssl:
        tls.load_verify_locations(configuration.ssl_ca_cert)
    if configuration.cert_file:
        tls.load_cert_chain(configuration.cert_file, configuration.key_file, password="")


def _keep_fresh(configuration: Configuration, context: Context, found: Access, given: Credentials | None) -> None:
    """Have the token of a plugin renewed when it expires, and that of a file read again, as client-go does."""
    file = _beside(found.user_file, found.user.token_file)
    plugin = found.user.exec
    latest = given

    def refresh(configuration: Configuration) -> None:
        nonlocal latest
        if plugin is not None and latest is not None and latest.token:
            if latest.expired:
                latest = run_plugin(plugin, found.user_file, found.cluster, context.name)
            configuration.api_key["BearerToken"] = f"Bearer {latest.token}"
        elif file is not None:
            try:
                token = Path(file).read_text(encoding="utf-8").strip()
            except (OSError, ValueError):
                return  # the last one that was read
            configuration.api_key["BearerToken"] = f"Bearer {token}"

    if (plugin is not None and given is not None and given.token) or (plugin is None and file is not None):
        configuration.refresh_api_key_hook = refresh  # type: ignore[assignment]


def _unusable(context: Context, why: str) -> InvalidInput:
    return InvalidInput(
        f"The context {context.name!r} cannot be used.", f"{why}.", "Fetch the cluster's kubeconfig again."
    )
