"""The one JSON document that a command prints for `--json`, whether it has succeeded or failed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dclab import __version__
from dclab.errors import DclabError, ExitCode
from dclab.results import Caveat

__all__ = ["ENVELOPE", "envelope"]

ENVELOPE = "dclab/output/1"
"""Its schema."""


def envelope(
    command: str, data: Any, exit_code: ExitCode, fault: DclabError | None, warnings: Sequence[Caveat], encoding: str
) -> str:
    """Return the document, without a line end.

    Args:
        command: its name.
        data: the result; None of a command that has failed.
        exit_code: with which it ends.
        fault: what went wrong, if anything did.
        warnings: about the measurement.
        encoding: in which it will be written: what that does not have is escaped.
    """
    import msgspec

    document = {
        "schema": ENVELOPE,
        "dclab": __version__,
        "command": command,
        "status": "ok" if fault is None and exit_code == ExitCode.OK else "failed",
        "exit_code": int(exit_code),
        "data": msgspec.to_builtins(data),
        "warnings": msgspec.to_builtins(warnings),
        "error": fault and {"code": fault.code, "what": fault.what, "why": fault.why, "hint": fault.hint},
    }
    try:
        # By way of msgspec what is no number in JSON becomes null.
        text = msgspec.json.format(msgspec.json.encode(document), indent=1).decode()
        text.encode(encoding)
    except UnicodeEncodeError:  # another encoding than UTF-8, or a path that is no text
        return json.dumps(document, indent=1)
    return text
