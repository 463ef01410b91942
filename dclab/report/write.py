"""Writing a report into a run's folder."""

from __future__ import annotations

import base64
from pathlib import Path

from dclab.courses.sheet import Sheet
from dclab.report.foreign import with_printable_text
from dclab.report.language import Words
from dclab.report.pictures import Picture, draw
from dclab.report.render import render_html, render_markdown
from dclab.report.terminal import terminal_cast, terminal_png, terminal_svg
from dclab.results import Results
from dclab.run_folder import write_atomically

__all__ = ["write_report"]

PROMETHEUS_UI = "prometheus-ui"
MOST_BYTES = 5_000_000
"""Of that picture, which the page carries within; one of 1,280 × 900 has some 100,000."""


def write_report(results: Results, folder: Path, language: str = "en", sheet: Sheet | None = None) -> list[Path]:
    """Write the pictures, report.md and report.html; returns their paths. MissingTool when they can't be.

    Everything comes from `results`, but for the picture of Prometheus' own page, which only the live run could take:
    it is shown where the run's raw/ has it. With a course's sheet the report has its order and its checklist.
    """
    words = Words(language)
    results = with_printable_text(results)
    pictures = draw(results, words)
    files: dict[str, bytes] = {}
    if results.autoscale and results.autoscale.timeline:
        shown, caption = results.autoscale, words("The terminal, as kubectl get hpa -w shows it")
        svg = terminal_svg(shown)
        pictures["terminal"] = Picture("terminal", caption, terminal_png(shown), svg)
        files |= {"terminal.svg": svg.encode(), "hpa-demo.cast": terminal_cast(shown).encode()}
    files |= {f"{one.name}.png": one.png for one in pictures.values()}
    png = _picture_taken(folder / "raw" / f"{PROMETHEUS_UI}.png")
    if png is not None:
        caption = words("Prometheus' own page with the expression, taken by a browser at the end of the run")
        pictures[PROMETHEUS_UI] = Picture(f"raw/{PROMETHEUS_UI}", caption, png, _as_image(png, caption))
    raw = sorted(f"raw/{one.name}" for one in (folder / "raw").glob("*.jsonl"))
    files["report.md"] = render_markdown(results, pictures, words, raw, sheet).encode()
    files["report.html"] = render_html(results, pictures, words, raw, sheet).encode()
    for name, data in files.items():
        write_atomically(folder / name, data)
    return [folder / name for name in files]


def _picture_taken(file: Path) -> bytes | None:
    """A PNG file, or None; what is linked to, too large or no picture does not get into a page that is handed in."""
    if not file.is_file() or file.is_symlink() or file.stat().st_size > MOST_BYTES:
        return None
    data = file.read_bytes()
    return data if data.startswith(b"\x89PNG\r\n\x1a\n") else None


def _as_image(png: bytes, caption: str) -> str:
    from html import escape

    data = base64.b64encode(png).decode()
    return f'<img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
