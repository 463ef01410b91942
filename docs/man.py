"""The manual page dclab(1), in the man macros (groff_man(7)), from the command line itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from dclab import errors
from dclab.cli.app import app

__all__ = ["as_typed", "manual"]


def manual() -> str:
    """Return the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    top: Any = typer.main.get_command(app)
    context = top.make_context("dclab", [], resilient_parsing=True)
    yield '.TH DCLAB 1 "" dclab "User Commands"'
    yield ".SH NAME"
    yield _text(f"dclab - {_first(top.help).removesuffix('.')}")
    yield from (".SH SYNOPSIS", ".B dclab", r"\fICOMMAND\fR [\fIOPTION\fR]...")
    yield ".SH COMMANDS"
    for name, command in top.commands.items():
        inner = command.make_context(name, [], parent=context, resilient_parsing=True)
        yield f'.SS "{_text(command.get_usage(inner).removeprefix("Usage: "))}"'
        for index, paragraph in enumerate(command.help.strip().split("\n\n")):
            if index:
                yield ".PP"
            yield _text(" ".join(paragraph.split()))
        for param in command.get_params(inner):
            record = param.get_help_record(inner)
            if "--help" in param.opts or record is None:
                continue
            yield from (".TP", rf"\fB{_text(as_typed(record[0]))}\fR", _text(" ".join(record[1].split())))
    yield ".SH EXIT STATUS"
    for code in errors.ExitCode:
        yield from (".TP", rf"\fB{code.value}\fR", _text(code.name.lower().replace("_", " ").capitalize()))
    yield ".SH ENVIRONMENT"
    yield "Every option can be set by the environment variable that stands in its help, or by"
    yield r"\fBDCLAB_\fICOMMAND\fB_\fIOPTION\fR."


def as_typed(flags: str) -> str:
    """Return an option's or argument's name and values as one types them: a list's type is no value."""
    flags = re.sub(r"<list\[([^\]]*\|[^\]]*)\]>", r"<\1>", flags)
    return re.sub(r" <list\[\w+\]>", "", flags)


def _first(text: str) -> str:
    return text.strip().partition("\n")[0]


def _text(text: str) -> str:
    """Escape what roff would take for its own, and keep a hyphen what one can copy."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    text = "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in text)
    return re.sub(r"^([.'])", r"\\&\1", text)
