"""Reading files that the user names: regular files of a reasonable size, in UTF-8; YAML that means one thing only."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dclab.errors import InvalidInput

if TYPE_CHECKING:
    import yaml

__all__ = ["read_text", "read_yaml"]

LARGEST_BYTES = 64_000_000
LARGEST_YAML_BYTES = 2_000_000
LARGEST_YAML_NODES = 100_000
"""With every alias counted as what it stands for: a few lines of aliases can stand for billions of nodes."""
DEEPEST_YAML = 100
"""Levels. PyYAML's fast loader overflows the stack at some ten thousand."""


def read_text(file: Path, *, largest: int = LARGEST_BYTES, hint: str = "") -> str:
    """Return the text of a file, without a byte order mark.

    Args:
        file: as the user named it.
        largest: bytes that it may have.
        hint: what to do when it cannot be read.

    Raises:
        InvalidInput: it is not there, not a regular file, too large, or not UTF-8.
    """
    try:
        # A FIFO without a writer would block.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK), "rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if not stat.S_ISREG(mode):
                what = "a folder" if stat.S_ISDIR(mode) else "a device, a pipe or a socket"
                raise InvalidInput(f"{file} cannot be read.", f"It is {what}, not a file.", hint)
            data = opened.read(largest + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that cannot be one
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(f"{file} cannot be read.", f"The system says: {said}.", hint) from error
    if len(data) > largest:
        raise InvalidInput(f"{file} is too large.", f"It has more than {largest / 1e6:.0f} MB.", hint)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        why = f"It is not UTF-8 text: byte {error.start} is 0x{data[error.start]:02x}."
        raise InvalidInput(f"{file} cannot be read.", why, hint or "Save it as UTF-8.") from error


def read_yaml(file: Path, *, hint: str = "") -> list[Any]:
    """Return the documents of a YAML file that are not empty.

    Raises:
        InvalidInput: it cannot be read, is not YAML, has a key twice in one mapping (which kubectl refuses, too), is
            nested too deeply, or stands for too much.
    """
    import yaml

    text = read_text(file, largest=LARGEST_YAML_BYTES, hint=hint)
    try:
        _check(text)
        return [one for one in yaml.load_all(text, Loader=_loader()) if one is not None]
    # Tags with values that they cannot have raise what their conversion happens to raise.
    except (
        yaml.YAMLError,
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise InvalidInput(f"{file} cannot be read as YAML.", _said(error), hint) from error


def _said(error: Exception) -> str:
    import yaml

    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    place = f"Line {mark.line + 1}, column {mark.column + 1}: " if mark else "It says: "
    return f"{place}{problem}."


def _check(text: str) -> None:
    """Refuse what would be too deep or too much, before it is built. ValueError says which."""
    import yaml

    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, Loader=_loader()):
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, 1))
            if len(open_nodes) > DEEPEST_YAML:
                raise ValueError(f"more than {DEEPEST_YAML} levels of nesting")
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, size = open_nodes.pop()
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise ValueError(f"the alias {event.anchor!r} stands for nothing, or for itself")
            anchor, size = None, sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            anchor, size = event.anchor, 1
        else:
            continue
        if anchor:
            sizes[anchor] = size
        above, total = open_nodes.pop()
        if total + size > LARGEST_YAML_NODES:
            raise ValueError(f"more than {LARGEST_YAML_NODES} values, with every alias for what it stands for")
        open_nodes.append((above, total + size))


def _loader() -> type[yaml.SafeLoader]:
    """A loader that refuses a key that occurs twice; the C library's, where PyYAML has it."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [one for one, _ in node.value if one.tag != "tag:yaml.org,2002:merge"]
            seen = set()
            for one in keys:
                if isinstance(one, yaml.ScalarNode):
                    if (one.tag, one.value) in seen:
                        problem = f"the key {one.value!r} occurs twice in one mapping"
                        raise yaml.constructor.ConstructorError(None, None, problem, one.start_mark)
                    seen.add((one.tag, one.value))
            return super().construct_mapping(node, deep=deep)

    return Loader
