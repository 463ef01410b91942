"""Which contexts there are: the user's, and that of dclab's own minikube profile in a kubeconfig of its own.

Kubeconfigs are decoded here, and nowhere else, without loading a Kubernetes client. What kubectl reads is read; what it
refuses is an error only where it is needed: neither another context nor another engine is hindered by a broken entry.
The user's files are never written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from dclab.engines.kube.cluster.kubeconfig_types import Cluster, ContextEntry, User
from dclab.engines.kube.cluster.kubeconfig_yaml import Unreadable, read_document
from dclab.engines.kube.cluster.profile import PROFILE
from dclab.errors import InvalidInput
from dclab.paths import state_home

__all__ = [
    "Access",
    "Context",
    "access",
    "contexts",
    "find_context",
    "is_minikube",
    "own_kubeconfig",
]

MINIKUBE = "minikube.sigs.k8s.io"
"""The provider that minikube notes in what it writes."""

T = TypeVar("T")

_TYPES = {"str": "text", "object": "a mapping", "array": "a list", "float": "a number", "bool": "true or false"}
"""msgspec's names of types, in YAML's terms."""


class _Document(msgspec.Struct, frozen=True):
    api_version: str | None = msgspec.field(default=None, name="apiVersion")
    kind: str | None = None
    contexts: list[Any] | None = None
    clusters: list[Any] | None = None
    users: list[Any] | None = None


class _Name(msgspec.Struct, frozen=True):
    name: str | None = None


@dataclass(frozen=True)
class Context:
    """An entry of the kubeconfig."""

    name: str
    minikube: bool
    """Whether minikube wrote it."""
    files: str
    """The kubeconfigs that it is read from, as in $KUBECONFIG."""
    cluster: str
    user: str


class Access(NamedTuple):
    """What a context stands for."""

    cluster: Cluster
    cluster_file: Path
    user: User
    user_file: Path
    """The file that paths in the entry are relative to."""


def own_kubeconfig() -> Path:
    """Return where minikube writes of dclab's own profile."""
    return state_home() / "kubeconfig"


def _users() -> str:
    """Return the user's kubeconfigs, as kubectl finds them."""
    return os.environ.get("KUBECONFIG") or os.path.expanduser("~/.kube/config")


def contexts(files: str | None = None) -> list[Context]:
    """Return the contexts of the given kubeconfigs (default: the user's); never raises.

    If a name occurs twice, the first one wins. What cannot be read is left out.
    """
    files = files or _users()
    found: dict[str, Context] = {}
    for file in _paths(files):
        try:
            entries = _entries(file, "contexts")
            for index in range(len(entries)):
                one = _named_context(file, entries, index, files)
                if one is not None and one.name:
                    found.setdefault(one.name, one)
        except InvalidInput:
            continue
    return list(found.values())


def _named_context(file: Path, entries: list[Any], index: int, files: str) -> Context | None:
    try:
        name = _name(file, "contexts", entries, index)
        return _context(name, _value(file, "contexts", entries, index, ContextEntry), files)
    except InvalidInput:
        return None


def find_context(name: str | None) -> Context | None:
    """Return the user's context of that name; that of dclab's own profile for None. None when there is none.

    Raises:
        InvalidInput: the entry is broken; or it was not found, and not everything could be read.
    """
    files = str(own_kubeconfig()) if name is None else _users()
    found = _find("contexts", PROFILE if name is None else name, files, ContextEntry)
    if found is None:
        return None
    context = _context(PROFILE if name is None else name, found[0], files)
    return context if name is not None or context.minikube else None


def access(context: Context) -> Access:
    """Return the cluster and the user of a context; InvalidInput when one is broken or not there."""
    cluster = _find("clusters", context.cluster, context.files, Cluster)
    if cluster is None:
        raise _lacking(context, "cluster", context.cluster)
    if not context.user:  # such as that of `kubectl proxy`, which needs none
        return Access(*cluster, User(), cluster[1])
    user = _find("users", context.user, context.files, User)
    if user is None:
        raise _lacking(context, "user", context.user)
    return Access(*cluster, *user)


def is_minikube(name: str) -> bool:
    """Whether minikube made the cluster of that context, for dclab or for the user."""
    return any(one.name == name and one.minikube for one in (*contexts(str(own_kubeconfig())), *contexts()))


def _lacking(context: Context, kind: str, name: str) -> InvalidInput:
    return InvalidInput(
        f"The context {context.name!r} cannot be used.",
        f"Its {kind} {name!r} is not in {context.files}." if name else f"It names no {kind}.",
        "Fetch the cluster's kubeconfig again.",
    )


def _context(name: str, found: ContextEntry, files: str) -> Context:
    minikube = any(
        isinstance(one.extension, dict) and one.extension.get("provider") == MINIKUBE
        for one in found.extensions or ()
        if one is not None
    )
    return Context(name, minikube, files, found.cluster or "", found.user or "")


def _find(section: str, name: str, files: str, kind: type[T]) -> tuple[T, Path] | None:
    """Return the first entry of that name, with its file; InvalidInput as `find_context` has it."""
    problem: InvalidInput | None = None
    for file in _paths(files):
        try:
            entries = _entries(file, section)
        except InvalidInput as error:
            problem = problem or error
            continue
        for index in range(len(entries)):
            try:
                found = _name(file, section, entries, index) == name
            except InvalidInput as error:
                problem = problem or error
                continue
            if found:
                return _value(file, section, entries, index, kind), file
    if problem is not None:
        what = f"The {section.removesuffix('s')} {name!r} was not found."
        raise InvalidInput(what, f"{problem.what} {problem.why}", problem.hint) from problem
    return None


def _paths(files: str) -> Iterator[Path]:
    return map(Path, filter(None, files.split(os.pathsep)))


def _entries(file: Path, section: str) -> list[Any]:
    """Return a section's entries as they are; InvalidInput when the file as a whole is not a kubeconfig."""
    try:
        document = read_document(file)
    except FileNotFoundError:
        return []
    except Unreadable as error:
        raise _broken(file, str(error)) from error
    decoded = _convert(file, "", {} if document is None else document, _Document)
    if (decoded.api_version or "v1", decoded.kind or "Config") != ("v1", "Config"):
        raise _broken(file, f"It is a {decoded.kind or 'Config'} of {decoded.api_version or 'v1'}")
    entries: dict[str, list[Any] | None] = {
        "contexts": decoded.contexts,
        "clusters": decoded.clusters,
        "users": decoded.users,
    }
    return entries[section] or []


def _name(file: Path, section: str, entries: list[Any], index: int) -> str:
    return _convert(file, f"{section}[{index}]", entries[index] or {}, _Name).name or ""


def _value(file: Path, section: str, entries: list[Any], index: int, kind: type[T]) -> T:
    key = section.removesuffix("s")
    return _convert(file, f"{section}[{index}].{key}", (entries[index] or {}).get(key) or {}, kind)


def _convert(file: Path, where: str, value: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        # Such as: Expected `str | null`, got `float` - at `$.name`
        said, _, at = str(error).replace(" | null", "").replace("`", "").partition(" - at $")
        for theirs, ours in _TYPES.items():
            said = re.sub(rf"\b{theirs}\b", ours, said)
        place = (where + at).removeprefix(".")
        raise _broken(file, f"{place or 'The file'}: {said[:1].lower()}{said[1:]}") from error


def _broken(file: Path, why: str) -> InvalidInput:
    return InvalidInput(
        f"The kubeconfig {file} cannot be read.", f"{why}.", "Fix the file, or fetch the cluster's kubeconfig again."
    )
