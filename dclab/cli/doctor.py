"""dclab doctor."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from dclab.cli.result import Result
from dclab.cli.verb import Call, verb
from dclab.errors import MissingTool

__all__ = ["doctor"]


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that takes part where it is installed."""

    name: str
    purpose: str
    path: str | None
    version: str | None
    without: str
    install: str | None
    """The line that installs it; None where it is there."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis(Result):
    """What this machine has and lacks."""

    python: str
    system: str
    machine: str
    cpus: int | None
    engine: str
    reason: str
    labs_folder: str
    labs_folder_free_mb: int
    tools: Sequence[Program]

    def text(self) -> Iterator[Any]:
        """A row for each program, and how to get what is missing."""
        from dclab.cli.output import table

        yield (
            f"Python {self.python}, {self.system} {self.machine}, {self.cpus} CPUs; "
            f"{self.labs_folder_free_mb} MB free for labs in {self.labs_folder}."
        )
        yield f"Engine: {self.engine}, because {self.reason}."
        rows = [(one.name, one.version or ("?" if one.path else "missing"), one.purpose) for one in self.tools]
        yield table("program", "version", "used for", rows=rows)
        yield from (f"Without {one.name}, {one.without}: {one.install}" for one in self.tools if one.install)
        yield "Nothing else is needed." if all(one.path for one in self.tools) else "None of these is required."
        if self.system == "Darwin":
            yield (
                "On macOS, CPU is read in hundredths of a second, and replicas of a lab whose supervisor was killed "
                "go on until `dclab down`."
            )


@dataclass(frozen=True, kw_only=True)
class Installation(Result):
    """The lines that install what is missing, and whether they were run."""

    missing: Sequence[str]
    lines: Sequence[str]
    installed: bool

    def confirmation(self) -> str:
        """What was installed."""
        return f"Installed: {', '.join(self.missing)}." if self.installed else ""

    def text(self) -> Sequence[str]:
        """Shell lines."""
        return () if self.installed else self.lines or ("Nothing is missing.",)


@verb
def doctor(
    call: Call,
    install: Annotated[
        bool, typer.Option("--install", help="Print the lines that install what the kube engine lacks.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --install: run them.")] = False,
) -> Diagnosis | Installation:
    """Show what is installed and what is missing.

    With the line that installs what is missing.

    Example: dclab doctor
    """
    if install:
        return _installation(call, run=yes)
    from dclab.engines.choose import choose_engine
    from dclab.paths import labs_folder
    from dclab.tools import TOOLS, find_tool, tool_version

    programs = []
    for tool in TOOLS:
        path = find_tool(tool.name)
        programs.append(
            Program(
                name=tool.name,
                purpose=tool.purpose,
                path=path,
                version=tool_version(tool.name) if path else None,
                without=tool.without,
                install=None if path else tool.macos if sys.platform == "darwin" else tool.debian,
            )
        )
    choice, folder = choose_engine("auto"), labs_folder()
    return Diagnosis(
        python=platform.python_version(),
        system=platform.system(),
        machine=platform.machine(),
        cpus=os.cpu_count(),
        engine=choice.engine,
        reason=choice.reason,
        labs_folder=str(folder),
        labs_folder_free_mb=shutil.disk_usage(folder).free // 1_000_000,
        tools=programs,
    )


def _installation(call: Call, *, run: bool) -> Installation:
    """Return the lines that install what is missing, after running them in a temporary folder if asked."""
    from dclab.install import INSTALLABLE, install_lines
    from dclab.tools import find_tool

    missing = [one for one in INSTALLABLE if find_tool(one) is None]
    lines = install_lines(platform.system(), platform.machine(), missing)
    if run and lines:
        for line in lines:
            call.output.note(line)
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["sh", "-exc", "\n".join(lines)], check=False, cwd=folder, stdout=sys.stderr)
        if done.returncode:
            raise MissingTool(
                "The installation ended with an error.",
                f"The line shown last returned {done.returncode}.",
                "Correct that, and run it again: what is installed already is left out.",
            )
    return Installation(missing=missing, lines=lines, installed=bool(run and lines))
