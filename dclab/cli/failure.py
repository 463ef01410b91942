"""From any exception to a sentence, an exit code and, where dclab is at fault, a log file."""

from __future__ import annotations

import os
import re
import sys
import time
import traceback

from dclab.errors import DclabError, Interrupted, Unexpected, Usage
from dclab.paths import state_home

__all__ = ["as_error", "exit_code_of"]

KEPT = 20
"""Log files of failures; the oldest are removed."""


def exit_code_of(error: BaseException) -> int | None:
    """Return the exit code of an exception by which the parser ends early, after --help; None for any other one."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    # typer's exceptions are private to it: Exit has a code and no message, a usage error has both.
    code = getattr(error, "exit_code", None)
    ends = isinstance(code, int) and not isinstance(error, DclabError) and not hasattr(error, "format_message")
    return code if ends else None


def as_error(error: BaseException, command: str) -> DclabError:
    """Return the DclabError for an exception; one that nobody expected has its traceback in a file."""
    if isinstance(error, DclabError):
        return error
    if isinstance(error, KeyboardInterrupt | EOFError):
        return Interrupted("Interrupted.")
    if hasattr(error, "format_message"):
        context, option = getattr(error, "ctx", None), getattr(error, "option_name", None)
        if option and context is not None and context.parent is None:
            return Usage(
                f"{option} is no option of dclab itself.",
                "Options follow the command.",
                "Write it after the command, as in `dclab list --json`; `dclab --help` shows the commands.",
            )
        message = re.sub(r"(Value error|Assertion failed), ", "", str(error.format_message())).rstrip()  # pydantic's
        variable = _variable_of(error)
        if variable:
            message = f"The environment variable {variable} is {os.environ[variable]!r}. {message}"
        missing = message.startswith("No such command")
        return Usage(message, "", "See `dclab --help`." if missing or not command else f"See `dclab {command} --help`.")
    name = "The system refused an operation" if isinstance(error, OSError) else "dclab failed unexpectedly"
    return Unexpected(f"{name}: {_one_line(error)}.", *_logged(error))


def _variable_of(error: BaseException) -> str:
    """Return the environment variable that a usage error is about; empty when the option was typed."""
    parameter, context = getattr(error, "param", None), getattr(error, "ctx", None)
    variable = getattr(parameter, "envvar", None)
    if parameter is None or context is None or not isinstance(variable, str) or variable not in os.environ:
        return ""
    source = context.get_parameter_source(parameter.name)
    return variable if source is not None and source.name == "ENVIRONMENT" else ""


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())[:300].rstrip(".")
    return text if isinstance(error, OSError) and text else f"{type(error).__name__}{f' ({text})' if text else ''}"


def _logged(error: BaseException) -> tuple[str, str]:
    """Write the traceback to a file; return why and hint."""
    folder = state_home() / "failures"
    file = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    text = f"{sys.argv!r}\n{''.join(traceback.format_exception(error))}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
        for old in sorted(folder.glob("*.log"))[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError as refused:
        return f"Its traceback could not be written to {file} ({refused.strerror}).", "Run it again with -v to see it."
    return (
        f"The traceback is in {file}.",
        "`dclab doctor` shows what is missing on this machine; please report the file.",
    )
