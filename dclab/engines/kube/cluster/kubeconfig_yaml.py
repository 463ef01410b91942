"""Read the YAML of a kubeconfig as kubectl does: its scalars, its merge keys, its first document."""

from __future__ import annotations

import math
import re
import stat
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

__all__ = ["Unreadable", "read_document"]

LONGEST = 4_000_000
"""Bytes; a context with its certificates takes about 5000."""
DEEPEST = 100
"""Levels of nesting; a kubeconfig has about seven, and the parser's stack is finite."""

# What sigs.k8s.io/yaml resolves (goyaml.v2/resolve.go): YAML 1.1's booleans, no dates and no base-60 numbers.
_TAG = "tag:yaml.org,2002:"
_NULL = re.compile(r"|~|null|Null|NULL")
_BOOLEANS = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_NUMBER = re.compile(
    r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)"
    r"|[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


class Unreadable(Exception):
    """The file cannot be read, or is not YAML; the text says why."""


def read_document(file: Path) -> Any:
    """Return the first document of a file as mappings, lists, text, booleans, numbers and None.

    Every number is NaN: a kubeconfig has none, and only that it is one is of interest.

    Raises:
        Unreadable: the file cannot be read or parsed.
        FileNotFoundError: there is no such file.
    """
    import yaml

    try:
        # A FIFO without a writer would block, and some devices never end.
        if not stat.S_ISREG(file.stat().st_mode):
            raise Unreadable("It is not a regular file")
        with file.open("rb") as opened:
            data = opened.read(LONGEST + 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from error
    if len(data) > LONGEST:
        raise Unreadable(f"It is longer than {LONGEST / 1e6:g} MB")
    try:
        _check_depth(data)
        return next(iter(yaml.load_all(data, _loader())), None)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unreadable(" ".join(str(error).split())) from error


def _check_depth(data: bytes) -> None:
    """Raise Unreadable for nesting that would exhaust the stack of the parser that follows."""
    import yaml

    depth = 0
    for event in yaml.parse(data, _loader()):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentEndEvent):
            return
        if depth > DEEPEST:
            raise Unreadable(f"It is nested deeper than {DEEPEST} levels")


@cache
def _loader() -> Any:
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Plain data only: unknown tags are ignored, as kubectl ignores them."""

        yaml_implicit_resolvers: ClassVar[dict[str | None, Any]] = {}
        yaml_constructors: ClassVar[dict[str | None, Any]] = {}

    Loader.add_implicit_resolver(f"{_TAG}null", re.compile(rf"(?:{_NULL.pattern})\Z"), None)
    Loader.add_implicit_resolver(f"{_TAG}merge", re.compile(r"<<\Z"), None)
    Loader.add_implicit_resolver(f"{_TAG}bool", re.compile(rf"(?:{'|'.join(_BOOLEANS)})\Z"), None)
    Loader.add_implicit_resolver(f"{_TAG}float", re.compile(rf"(?:{_NUMBER.pattern})\Z"), None)
    Loader.add_constructor(f"{_TAG}null", lambda *_: None)
    Loader.add_constructor(f"{_TAG}bool", lambda _, node: _BOOLEANS.get(node.value, node.value))
    for number in ("int", "float"):
        Loader.add_constructor(_TAG + number, lambda *_: math.nan)
    Loader.add_constructor(None, _plain)
    return Loader


def _plain(loader: Any, node: Any) -> Any:
    import yaml

    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [loader.construct_object(one, deep=True) for one in node.value]
    merged: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key is not a scalar", key.start_mark)
        if key.tag == f"{_TAG}merge":
            for one in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                made = loader.construct_object(one, deep=True)
                if not isinstance(made, dict):
                    raise yaml.constructor.ConstructorError(None, None, "a merge needs a mapping", one.start_mark)
                merged = {**made, **merged}
        else:
            own[key.value] = loader.construct_object(value, deep=True)
    return {**merged, **own}
