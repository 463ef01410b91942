"""A terminal's recording as one picture that plays by itself: an SVG in which one line after the other appears."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

__all__ = ["animated"]

FASTER = 10
LINE, LETTER, EDGE = 19, 8.05, 12
"""Pixels of a line's height, of a letter's width, and of the edge."""
PAUSE = 4.0
"""Seconds for which the whole is seen before it begins again."""


def animated(recording: Path) -> str:
    """Return the picture of an asciinema recording (version 2), FASTER times as fast; without motion where that is wanted."""
    _, *events = map(json.loads, recording.read_text().splitlines())
    lines = [(at / FASTER, line) for at, kind, text in events if kind == "o" for line in text.splitlines()]
    length = max(at for at, _ in lines) + PAUSE
    wide = 2 * EDGE + LETTER * max(len(line) for _, line in lines)
    high = 2 * EDGE + LINE * len(lines)
    rules, rows = [], []
    for index, (at, line) in enumerate(lines):
        if at:
            begin = 100 * at / length
            rules.append(f"@keyframes k{index}{{0%,{begin:.2f}%{{opacity:0}}{begin + 0.01:.2f}%,100%{{opacity:1}}}}")
            rules.append(f"#l{index}{{animation:k{index} {length:.1f}s infinite}}")
        place = EDGE + LINE * (index + 0.75)
        rows.append(f'<text id="l{index}" x="{EDGE}" y="{place:.1f}" xml:space="preserve">{escape(line)}</text>')
    style = (
        "text{font:13.4px ui-monospace,DejaVu Sans Mono,Menlo,Consolas,monospace;fill:#d0d4d0;white-space:pre}"
        + "@media(prefers-reduced-motion:no-preference){"
        + "".join(rules)
        + "}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high}">'
        f'<title>kubectl get hpa -w</title><style>{style}</style><rect width="100%" height="100%" rx="6" fill="#1f2421"/>'
        f"{''.join(rows)}</svg>\n"
    )
