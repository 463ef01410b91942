"""Remove private details from what is handed in: paths of the user's files, and the identity of the cluster."""

from __future__ import annotations

import dataclasses
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

__all__ = ["Redact", "private_part", "redacted", "redactor"]

T = TypeVar("T")

Redact = Callable[[str], str]

LONG_NAME = 20
"""Letters of a context's name from which on it is no word of ordinary text, such as an EKS ARN or a GKE project's."""

_COMMON = re.compile(r"dclab|minikube|default|docker-desktop|rancher-desktop|kind(-kind)?|k3d-k3s-default|colima")
"""Names of contexts that tools give, and that tell nothing of the user."""

_LOOPBACK = re.compile(r"localhost|127\.[\d.]+|::1|0\.0\.0\.0|kubernetes(\.docker\.internal)?")

_ARN = re.compile(r"arn:aws[a-z-]*:[^\s'\"`,;()<>]*[\w/]")
_ACCOUNT = re.compile(r"(?<![\w.])\d{12}(?!\w|\.\d)")

_SECRETS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}|\b[Bb]earer [\w.~+/-]{20,}"),
    "a password in a URL": re.compile(r"\w://[^\s/:@\"'<>]+:[^\s/@\"'<>]+@"),
    "a key of AWS": re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    "an ARN": _ARN,
}


def private_part(text: str) -> str | None:
    """Return what of a text that is handed in is private, in a few words; None where nothing is found."""
    paths = list(_paths(""))
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in _SECRETS.items():
            if pattern.search(line):
                return f"{what} (line {number})"
        for pattern, instead in paths:
            if found := pattern.search(line):
                return f"{found.group()}, a folder of this machine, which should read {instead} (line {number})"
    return None


def redactor(identity: Mapping[str, Any], lab: str) -> Redact:
    """Return a function that takes private parts out of a text.

    Args:
        identity: of the lab (`Lab.identity`); `server` and `context` are private.
        lab: the lab's name, which is not.
    """
    rules = [*_paths(lab), *_cluster(str(identity.get("context") or ""), str(identity.get("server") or ""), lab)]
    rules += [(_ARN, "<arn>"), (_ACCOUNT, "<account>")]

    def redact(text: str) -> str:
        for pattern, instead in rules:
            text = pattern.sub(instead, text)
        return text

    return redact


def _paths(lab: str) -> Iterator[tuple[re.Pattern[str], str]]:
    """Folders, the longest first: one may lie in another."""
    folders: dict[str, str] = {}

    def add(folder: str | Path | None, instead: str) -> None:
        if folder:
            for one in (os.path.normpath(folder), os.path.realpath(folder)):
                if len(one) > 1:
                    folders.setdefault(one, instead)

    runtime, temporary = os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()
    for labs in (Path(runtime) / "dclab" if runtime else None, Path(temporary) / f"dclab-{os.getuid()}"):
        add(labs / lab if labs else None, "<lab>")
        add(labs, "<labs>")
    add(os.path.expanduser("~"), "~")
    add(runtime, "<runtime>")
    add(temporary, "<tmp>")
    for folder in sorted(folders, key=len, reverse=True):
        yield re.compile(rf"(?<![\w.~>-]){re.escape(folder)}(?![\w-]|\.\w)"), folders[folder]


def _cluster(context: str, server: str, lab: str) -> Iterator[tuple[re.Pattern[str], str]]:
    if context and context != lab and not _COMMON.fullmatch(context):
        name = re.escape(context)
        if len(context) >= LONG_NAME or re.search(r"[:/@_]", context):
            yield re.compile(rf"(?<!\w){name}(?!\w)"), "<context>"
        else:  # perhaps a word, so only where it is surely the name
            yield re.compile(rf"(?<=['\"`]){name}(?=['\"`])|(?<=context[ =]){name}(?![\w-])"), "<context>"
    try:
        host = urlsplit(server).hostname or ""
    except ValueError:
        host = ""
    if host and not _LOOPBACK.fullmatch(host):
        alone = r"(?<![\w.-])" if re.search("[.:]", host) else r"(?<=//)"
        yield re.compile(rf"{alone}{re.escape(host)}(?![\w-]|\.\w)", re.IGNORECASE), "<server>"


def redacted(value: T, redact: Redact) -> T:
    """Return a value with all its texts redacted, also those in dataclasses, mappings, lists and tuples."""
    found: Any = value
    if isinstance(value, str):
        found = redact(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [one.name for one in dataclasses.fields(value)]
        found = dataclasses.replace(value, **{name: redacted(getattr(value, name), redact) for name in names})
    elif isinstance(value, Mapping):
        found = {redacted(key, redact): redacted(one, redact) for key, one in value.items()}
    elif isinstance(value, list | tuple):
        items = [redacted(one, redact) for one in value]
        found = type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return cast(T, found)
