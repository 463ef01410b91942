"""dclab doctor."""

from __future__ import annotations

import os
import platform
import shutil
import sys

from dclab.cli.options import JsonOption, QuietOption, VerboseOption
from dclab.cli.session import session

__all__ = ["doctor"]


def doctor(as_json: JsonOption = False, quiet: QuietOption = False, verbose: VerboseOption = False) -> None:
    """Show what is installed and what is missing.

    With the line that installs what is missing.

    Example: dclab doctor
    """
    with session("doctor", as_json=as_json, quiet=quiet, verbose=verbose) as output:
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
