"""One input of the fuzzer: what dclab is given at a border, and whether it was given as it came back."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

__all__ = ["FOLDER", "OPEN", "PORT", "Input", "again", "keep"]

FOLDER, PORT = "{folder}", "{port}"
"""In arguments and files: the folder of the input's files, and the port of the server that answers it."""

OPEN = "{open}"
"""A runtime folder that others may write to."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """A command line and everything foreign that it meets."""

    border: str
    arguments: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    """By their paths below FOLDER."""
    environment: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, bytes] = field(default_factory=dict)
    """What a server sends, by the beginning of a request's path (a supervisor: by verb); the longest that fits counts."""
    holds: bool = False
    """Whether the server keeps the connection open once it has sent everything."""
    invalid: bool = False
    """By construction: a success of the command is a finding."""

    @property
    def size(self) -> int:
        """Bytes of it all, by which the smallest of several failing inputs is chosen."""
        parts = [*self.arguments, *self.environment.values(), *self.files.values(), *self.answers.values()]
        return sum(map(len, parts))


def keep(one: Input, folder: Path, name: str) -> Path:
    """Write an input to a file, for `again`."""
    packed = asdict(one)
    for key in ("files", "answers"):
        packed[key] = {name: base64.b64encode(data).decode() for name, data in packed[key].items()}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    file.write_text(json.dumps(packed, indent=1))
    return file


def again(file: Path) -> Input:
    """Read an input that was kept."""
    packed = json.loads(file.read_text())
    for key in ("files", "answers"):
        packed[key] = {name: base64.b64decode(data) for name, data in packed[key].items()}
    return Input(**{**packed, "arguments": tuple(packed["arguments"])})
