"""Writing a report into a run's folder."""

from __future__ import annotations

from pathlib import Path

from dclab.report.pictures import draw
from dclab.report.render import render_html, render_markdown
from dclab.results import Results
from dclab.run_folder import write_atomically

__all__ = ["write_report"]


def write_report(results: Results, folder: Path) -> list[Path]:
    """Write the pictures, report.md and report.html; returns their paths. MissingTool when they can't be."""
    pictures = draw(results)
    files = {f"{one.name}.png": one.png for one in pictures.values()}
    files["report.md"] = render_markdown(results, pictures).encode()
    files["report.html"] = render_html(results, pictures).encode()
    for name, data in files.items():
        write_atomically(folder / name, data)
    return [folder / name for name in files]
