"""Translate refusals and failures of a cluster: the API server's reason becomes an error with its remedy."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import msgspec

from dclab.engines.kube.objects import Status
from dclab.errors import DclabError, ExitCode, InvalidInput, LabLost, MissingTool, NotAnswering

__all__ = [
    "AlreadyExists",
    "Conflict",
    "Expired",
    "Forbidden",
    "NoAnswer",
    "NoCluster",
    "NotFound",
    "NotKubernetes",
    "Unauthorized",
    "half_done",
    "not_kubernetes",
    "refused",
    "unreachable",
    "unsendable",
]


class NotFound(LabLost):
    """The object is not there."""


class AlreadyExists(DclabError):
    """An object of that name is there."""


class Conflict(DclabError):
    """The object has been changed since it was read."""


class Expired(DclabError):
    """What a watch should go on from is too long ago."""


class Forbidden(MissingTool):
    """The user of the context lacks a right."""

    code = "forbidden"


class Unauthorized(MissingTool):
    """The credentials of the context are wrong, or have expired."""

    code = "unauthorized"


class NoCluster(MissingTool):
    """No cluster answers, or there is none to use."""

    code = "no-cluster"


class NoAnswer(NoCluster, NotAnswering):
    """A cluster is named, and does not answer; whether there is a lab in it is not known."""

    code = NotAnswering.code
    exit_code = NotAnswering.exit_code


class NotKubernetes(LabLost):
    """What answers does not answer as an API server does."""

    code = "not-kubernetes"
    exit_code = ExitCode.ENVIRONMENT


_DENIED = re.compile(
    r'cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)"(?: in API group "(?P<group>[^"]*)")?'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)
_UNKNOWN_VERSION = re.compile(r"Too large resource version")
"""Of a version that an API server has not come to, as after its data were restored (504)."""
_SECURITY = re.compile(r"violates PodSecurity")
_QUOTA = re.compile(r"exceeded quota")


def refused(status: int, body: bytes, method: str, path: str) -> DclabError:
    """The error for an answer of the API server with a status of 400 or more."""
    message, reason = body.decode(errors="replace").strip()[:500], ""
    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        answer = msgspec.json.decode(body, type=Status)
        message, reason = answer.message or message, answer.reason
    if status == 404:
        return NotFound(f"{path.rsplit('/', 1)[-1]} is not there.", message, "`dclab up` puts it there.")
    if status == 409 and reason == "AlreadyExists":
        return AlreadyExists(message)
    if status == 409 and reason == "Conflict":
        return Conflict("Someone else has changed the object meanwhile.", message, "Try again.")
    if status == 410 or _UNKNOWN_VERSION.search(message):
        return Expired(message or "The resource version is too old.")
    if status == 401:
        return Unauthorized(
            "The cluster does not accept your credentials.",
            "They are wrong, or have expired.",
            "Log in to the cluster again, then try again.",
        )
    if status == 403:
        return _forbidden(message)
    if status in (400, 422):
        return InvalidInput("The cluster refused an object as invalid.", message, "Mend the manifest, then try again.")
    return NotAnswering(
        "The cluster's API server failed.", f"{method} {path}: {status} {message}".strip(), "Try again in a moment."
    )


def _forbidden(message: str) -> DclabError:
    if _SECURITY.search(message):
        return Forbidden(
            "The namespace's Pod Security does not allow the pod.",
            message,
            "Use the images that dclab builds: they keep to the restricted profile.",
        )
    if _QUOTA.search(message):
        return Forbidden("The namespace's quota is used up.", message, "Ask for more, or scale less.")
    found = _DENIED.search(message)
    if found is None:
        return Forbidden("The cluster forbids that.", message, "See `dclab rbac` for the rights that dclab needs.")
    group = f"{found['resource']}.{found['group']}" if found["group"] else found["resource"]
    where = f" in the namespace {found['namespace']}" if found["namespace"] else ""
    return Forbidden(
        f"You may not {found['verb']} {group}{where}.",
        message,
        "Have someone who may apply the output of `dclab rbac`, which is the least that dclab needs.",
    )


def not_kubernetes(server: str, why: str) -> NotKubernetes:
    """The error for an answer that an API server would not give."""
    return NotKubernetes(
        f"{server} does not look like a Kubernetes API server.",
        f"{why}.",
        "A login page or a proxy may have answered: log in, or check the server in the kubeconfig.",
    )


@contextlib.contextmanager
def half_done(done: str, hint: str) -> Iterator[None]:
    """Have a server that goes away within say what has been done by then, and what to do about it."""
    try:
        yield
    except NotAnswering as error:
        raise NotAnswering(error.what, f"{error.why} {done}", hint) from error


def unsendable(context: str, error: Exception) -> Unauthorized:
    """The error for a request that cannot be put into HTTP; it names no value, since that may be a secret."""
    return Unauthorized(
        f"The credentials of the context {context!r} cannot be sent.",
        f"They have characters that HTTP does not allow ({type(error).__name__}).",
        "Fetch the cluster's kubeconfig again.",
    )


_NOT_NOW = re.compile(r"certificate (?:has expired|is not yet valid)", re.IGNORECASE)
"""OpenSSL's words for a certificate outside of its time."""


def unreachable(context: str, server: str, error: Exception) -> DclabError:
    """The error for a server that cannot be spoken to."""
    cause = getattr(error, "reason", None) or error
    text = str(cause).rsplit(": ", 1)[-1].strip().rstrip(".")
    if _NOT_NOW.search(str(error)):
        return Unauthorized(
            f"The certificate of {server} is not valid now.",
            f"{text}.",
            "Check this machine's clock; an expired certificate is renewed by `minikube start` or `kubeadm certs renew all`.",
        )
    if "alert" in str(error).lower() and "certificate" in str(error).lower():
        return Unauthorized(
            f"The cluster of the context {context!r} does not accept your certificate.",
            f"{text}.",
            "Fetch the cluster's kubeconfig again: it may have expired.",
        )
    if "certificate" in str(error).lower():
        return Unauthorized(
            f"The certificate of {server} is not the one that the context {context!r} expects.",
            f"{text}.",
            "Fetch the cluster's kubeconfig again.",
        )
    return NotAnswering(
        f"The cluster of the context {context!r} does not answer at {server}.",
        f"{text}.",
        "Check that it runs and can be reached from here; `dclab status` shows when it is back.",
    )
