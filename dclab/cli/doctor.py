"""dclab doctor."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Annotated

import typer

from dclab.cli.options import JsonOption, QuietOption, VerboseOption
from dclab.cli.session import session

if TYPE_CHECKING:
    from dclab.output import Output

__all__ = ["doctor"]


def doctor(
    install: Annotated[
        bool, typer.Option("--install", help="Print the lines that install what the kube engine lacks.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --install: run them.")] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Show what is installed and what is missing.

    With the line that installs what is missing.

    Example: dclab doctor
    """
    with session("doctor", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        if install:
            _install(output, run=yes)
            return
        from dclab.engines.choose import choose_engine
        from dclab.output import table
        from dclab.paths import labs_folder
        from dclab.tools import TOOLS, find_tool, tool_version

        tools = []
        for tool in TOOLS:
            path = find_tool(tool.name)
            tools.append(
                {
                    "name": tool.name,
                    "purpose": tool.purpose,
                    "path": path,
                    "version": tool_version(tool.name) if path else None,
                    "without": tool.without,
                    "install": None if path else tool.macos if sys.platform == "darwin" else tool.debian,
                }
            )
        choice = choose_engine("auto")
        folder = labs_folder()
        free = shutil.disk_usage(folder).free // 1_000_000
        output.show(
            f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs; "
            f"{free} MB free for labs in {folder}.",
            f"Engine: {choice.engine}, because {choice.reason}.",
            table(
                "program",
                "version",
                "used for",
                rows=[
                    (one["name"], one["version"] or ("?" if one["path"] else "missing"), one["purpose"])
                    for one in tools
                ],
            ),
            *(f"Without {one['name']}, {one['without']}: {one['install']}" for one in tools if one["install"]),
            "Nothing else is needed." if all(one["path"] for one in tools) else "None of these is required.",
        )
        if sys.platform == "darwin":
            output.show(
                "On macOS, CPU is read in hundredths of a second, and replicas of a lab whose supervisor was killed "
                "go on until `dclab down`."
            )
        output.result(
            {
                "python": platform.python_version(),
                "system": platform.system(),
                "machine": platform.machine(),
                "cpus": os.cpu_count(),
                "engine": choice.engine,
                "reason": choice.reason,
                "labs_folder": str(folder),
                "labs_folder_free_mb": free,
                "tools": tools,
            }
        )


def _install(output: Output, *, run: bool) -> None:
    """Print the lines that install what is missing, or run them in a folder that goes afterwards."""
    from dclab.errors import MissingTool
    from dclab.install import INSTALLABLE, install_lines
    from dclab.tools import find_tool

    missing = [one for one in INSTALLABLE if find_tool(one) is None]
    lines = install_lines(platform.system(), platform.machine(), missing)
    output.show(*(lines or ["Nothing is missing."]))
    if run and lines:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(["sh", "-exc", "\n".join(lines)], check=False, cwd=folder, stdout=sys.stderr)
        if done.returncode:
            raise MissingTool(
                "The installation ended with an error.",
                f"The line shown last returned {done.returncode}.",
                "Mend that, and run it again: what is installed already is left out.",
            )
        output.done(f"Installed: {', '.join(missing)}.")
    output.result({"missing": missing, "lines": lines, "installed": bool(run and lines)})
