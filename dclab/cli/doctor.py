"""dclab doctor."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.result import Result
from dclab.cli.verb import Call, verb
from dclab.errors import InvalidInput, MissingTool

if TYPE_CHECKING:
    from dclab.lab import LabSummary


@verb
def doctor(
    call: Call,
    install: Annotated[
        bool, typer.Option("--install", help="Print the lines that install what the kube engine lacks.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --install: run them.")] = False,
) -> Result:
    """Show what is installed and what is missing.

    Prints the command that installs each missing program.

    Example: dclab doctor
    """
    if yes and not install:
        raise InvalidInput("--yes has no meaning without --install.", "", "Add --install, or omit --yes.")
    if install:
        return _installation(call, run=yes)
    from dclab import platforms
    from dclab.browser import find_browser
    from dclab.cli.platform_remarks import platform_remarks
    from dclab.engines.choose import choose_engine, list_labs
    from dclab.paths import labs_folder
    from dclab.tools import TOOLS, find_tool, tool_version

    programs = [
        {
            "name": tool.name,
            "purpose": tool.purpose,
            "path": (path := find_tool(tool.name)),
            "version": tool_version(tool.name) if path else None,
            "without": tool.without,
            "install": None if path else tool.macos if sys.platform == "darwin" else tool.debian,
        }
        for tool in TOOLS
    ]
    choice, folder = choose_engine("auto"), labs_folder()
    here = platforms.read_platform()
    return Result(
        _lines,
        python=platform.python_version(),
        system=here.system,
        machine=here.machine,
        cpus=here.cpus,
        platform=here,
        remarks=list(platform_remarks(here, browser=find_browser() is not None)),
        engine=choice.engine,
        reason=choice.reason,
        labs_folder=str(folder),
        labs_folder_free_mb=shutil.disk_usage(folder).free // 1_000_000,
        tools=programs,
        labs=list_labs("embedded", None),
        other_dclab=_other_dclab(),
    )


def _other_dclab() -> str | None:
    """Return the version of the project that is named dclab on PyPI, where it is installed beside this one.

    Both provide the package `dclab`: the one that was installed last has overwritten files of the other.
    """
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        found = metadata("dclab")
    except PackageNotFoundError:
        return None
    ours = "Summary" in found and "DockerCoins" in found["Summary"]  # from before it had a name of its own
    return None if ours else found["Version"]


def _lines(
    python: str,
    system: str,
    engine: str,
    reason: str,
    tools: Sequence[Mapping[str, Any]],
    labs: Sequence[LabSummary],
    remarks: Sequence[str],
    other_dclab: str | None,
    **more: Any,
) -> Iterator[Any]:
    from dclab.cli.list_ import remedies
    from dclab.cli.terminal_text import table

    yield (
        f"Python {python}, {system} {more['machine']}, {more['cpus']} CPUs; {more['labs_folder_free_mb']} MB free for labs "
        f"in {more['labs_folder']}."
    )
    yield f"Engine: {engine}, because {reason}."
    yield from remarks
    rows = [(one["name"], one["version"] or ("?" if one["path"] else "missing"), one["purpose"]) for one in tools]
    yield table("program", "version", "used for", rows=rows)
    yield from (
        f"Without {one['name']}, {one['without']}. To install it: {one['install']}" for one in tools if one["install"]
    )
    yield "Nothing else is needed." if all(one["path"] for one in tools) else "None of these is required."
    yield from (f"The lab {one.name!r}: {one.state}." for one in labs if one.state != "running")
    yield from remedies(labs)
    if other_dclab:
        yield (
            f"The project dclab {other_dclab} of PyPI is installed in this environment, too. It provides a package of the same "
            "name, so one of the two is damaged: give each its own environment (`pipx install dockercoins-lab`)."
        )


def _installation(call: Call, *, run: bool) -> Result:
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
                "Fix that and run it again; programs that are installed already are skipped.",
            )
        return Result(done=f"Installed: {', '.join(missing)}.", missing=missing, lines=lines, installed=True)
    return Result(_install_lines, missing=missing, lines=lines, installed=False)


def _install_lines(lines: Sequence[str], **_: Any) -> Sequence[str]:
    return lines or ("Nothing is missing.",)
