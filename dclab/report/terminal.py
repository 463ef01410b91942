"""The demonstration's transcript as a terminal showed it: SVG, PNG, and a recording that asciinema plays."""

from __future__ import annotations

import io
import json

from dclab.report.transcript import rows_in_time
from dclab.results import Autoscale

__all__ = ["terminal_cast", "terminal_png", "terminal_svg"]

MOST_LINES = 60
"""Of a picture; the recording has all of them."""

LONGEST_LINE = 200
"""Characters of a line of a picture."""


def _command(found: Autoscale) -> str:
    return f"$ kubectl get hpa {found.target} -w"


def _title(found: Autoscale) -> str:
    """True for `dclab run` and `dclab hpa-demo`, and of an autoscaler that kubectl did not show."""
    return f"HPA of {found.target}"


def _lines(found: Autoscale) -> list[str]:
    rows = [text for _, text in rows_in_time(found)]
    if len(rows) > MOST_LINES:
        rows = [*rows[: MOST_LINES - 1], f"… {len(rows) - MOST_LINES + 1} more changes"]
    return [one[:LONGEST_LINE] for one in (_command(found), *rows)]


def terminal_svg(found: Autoscale) -> str:
    """A picture of the terminal as text, by rich."""
    from rich.console import Console
    from rich.text import Text

    lines = _lines(found)
    console = Console(record=True, width=max(map(len, lines)) + 1, file=io.StringIO(), force_terminal=True)
    for line in lines:
        console.print(Text(line), soft_wrap=True)
    return console.export_svg(title=_title(found), code_format=_template(), unique_id="hpa")


def _template() -> str:
    """Without the fonts from the web that rich's own template names: a report makes no request."""
    import re

    from rich._export_format import CONSOLE_SVG_FORMAT

    plain = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return plain.replace("Fira Code, monospace", "ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace")


def terminal_png(found: Autoscale) -> bytes:
    """The same as pixels."""
    from matplotlib.figure import Figure

    lines = _lines(found)
    height, wide = 0.19, 0.085  # inches of a line and of a letter at 10 points
    figure = Figure(
        figsize=(wide * max(map(len, lines)) + 0.5, height * len(lines) + 0.4), dpi=150, facecolor="#12181e"
    )
    for row, line in enumerate(lines):
        figure.text(
            0.25 / figure.get_figwidth(),
            1 - (0.2 + height * (row + 0.5)) / figure.get_figheight(),
            line,
            color="#6ab7ec" if row == 0 else "#e6ebf0",
            family="DejaVu Sans Mono",
            size=10,
            va="center",
            parse_math=False,
        )
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def terminal_cast(found: Autoscale) -> str:
    """Asciinema's recording format, version 2 (docs.asciinema.org/manual/asciicast/v2): a row when it happened."""
    rows = rows_in_time(found)
    width = max(80, *(len(text) for _, text in rows))
    header = {"version": 2, "width": width, "height": 24, "title": _title(found)}
    begin = rows[0][0]
    events = [[0.0, "o", f"{_command(found)}\r\n"]]
    events += [[round(t - begin, 3), "o", f"{text}\r\n"] for t, text in rows]
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in (header, *events))
