"""The live view of a run on a terminal: a list of its parts, and the growing results of the current one."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

from dclab.cli.comparison_panel import comparison_panel
from dclab.cli.panels import autoscale_panel, grid, proof_panel, sweep_panel
from dclab.results import Caveat, Results

__all__ = ["DEMAND", "PREDICTION", "View"]

DEMAND, PREDICTION = "demand", "prediction"
"""Before and after the runs of a comparison, which are parts by the names of their autoscalers."""
COMPARED = re.compile(r"(?:settling before|comparing) ([^:]+)")

PART_OF_STEP = {
    "sweep": "sweep",
    "latency": "latency",
    "proof": "proof",
    "probe": "probe demonstration",
    "rollout": "rollout demonstration",
    "baseline": "autoscaler demonstration",
    "load": "autoscaler demonstration",
    "autoscaled": "autoscaler demonstration",
    "after-load": "autoscaler demonstration",
    "demand": "comparison of autoscalers",
    "settling": "comparison of autoscalers",
    "comparing": "comparison of autoscalers",
    "prediction": "comparison of autoscalers",
}
"""Which part an experiment is in, by the first word of its step."""

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FRAMES_PER_SECOND = 4
TELL_SECONDS = 2.0
"""Times below this are not worth showing."""


@dataclass
class _Part:
    """One line of the list. Times are of the monotonic clock."""

    expected: float
    began: float | None = None
    ended: float | None = None
    failed: bool = False


class View:
    """A renderable that is told what the recorder is told, and never higher than the screen.

    Args:
        results: the run so far.
        expected: about how many seconds each part of the run takes, by its name in PART_OF_STEP; a part that is not
            named has no line in the list, only its step.
    """

    def __init__(self, results: Results, expected: Mapping[str, float]) -> None:
        self.results = results
        self.began = time.monotonic()
        self._parts = {name: _Part(seconds) for name, seconds in expected.items()}
        self._now = ""
        self._text = ""
        self._over = False

    def step(self, text: str) -> None:
        """What is being done now."""
        name = self._part_of(text)
        # The list names the part already.
        self._text = text.removeprefix(f"comparing {name}: ")
        if name != self._now:
            self._end()
            self._now = name
            if name in self._parts:
                self._parts[name].began = time.monotonic()

    def _part_of(self, text: str) -> str:
        """The part that a step belongs to: an autoscaler of a comparison is one where it is listed as such."""
        compared = COMPARED.match(text)
        if compared and compared[1] in self._parts:
            return compared[1]
        first = text.split(maxsplit=1)[0].rstrip(":")
        return first if first in (DEMAND, PREDICTION) and first in self._parts else PART_OF_STEP.get(first, self._now)

    def caveat(self, caveat: Caveat) -> None:
        """A part that failed is marked."""
        if caveat.code == "part-failed":
            for name, part in self._parts.items():
                part.failed |= caveat.message.startswith(f"The {name} could not")

    def finish(self, *, cut_off: bool = False) -> None:
        """Nothing is being done any more; only the list of parts stays, unless the run was cut off."""
        if cut_off and self._now in self._parts:
            self._parts[self._now].failed = True
        self._end()
        self._over = not cut_off

    def _end(self) -> None:
        if self._now in self._parts:
            self._parts[self._now].ended = time.monotonic()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """At most the screen's lines but one, so that nothing scrolls."""
        room = max(1, console.size.height - 1)
        top = self._list() if self._parts else self._single()
        lines = console.render_lines(top, options, pad=False)
        if not self._over and room > len(lines) + 1:
            panel = console.render_lines(self._panel(room - len(lines) - 1), options, pad=False)
            lines += [[], *panel] if panel else []
        for line in lines[:room]:
            yield from line
            yield Segment.line()

    def _single(self) -> RenderableType:
        if self._over:
            return Group()
        return grid("", "", rows=[(_frame(), _lasting(self._text, time.monotonic() - self.began))])

    def _list(self) -> RenderableType:
        rows = []
        for name, part in self._parts.items():
            running = part.began is not None and part.ended is None
            said = self._text if running else self._outcome(name)
            rows.append(
                (
                    _mark(part).append(f" {name.removesuffix(' demonstration')}"),
                    _times(part),
                    Text(said, style="" if running else "dim"),
                )
            )
        return grid("", "", "", rows=rows)

    def _outcome(self, name: str) -> str:
        """What a part came to, in a few words; empty until it is known."""
        found = self.results
        if name == "sweep" and found.sweep and found.sweep.speedup is not None:
            counts = [one.workers for one in found.sweep.points]
            return f"{max(counts)} workers: {found.sweep.speedup:.2f} × the rate of {min(counts)}"
        if name == "latency" and found.latency:
            return ", ".join(f"{target} {one.call.mean:.0f} ms" for target, one in found.latency.items())
        if name == "proof" and len(found.interventions) > 1:
            best = max(found.interventions, key=lambda one: one.hashes_per_second.mean)
            return f"{best.name}: {best.hashes_per_second.mean:.1f} hashes/s"
        if name == "autoscaler demonstration" and found.autoscale and found.autoscale.timeline:
            counts = [one.current for one in found.autoscale.timeline]
            return f"{found.autoscale.target}: up to {max(counts)} replicas, {counts[-1]} in the end"
        compared = found.comparison
        for one in compared.runs if compared else ():
            if compared and one.name == name:
                return f"cost {one.scores.cost:.2f}, {one.timeline[-1].ready} {compared.target} in the end"
        return ""

    def _comparing(self) -> bool:
        """Whether the part under way belongs to a comparison of autoscalers."""
        runs = self.results.comparison.runs if self.results.comparison else ()
        return self._now in ("comparison of autoscalers", DEMAND, PREDICTION, *(one.name for one in runs))

    def _panel(self, room: int) -> RenderableType:
        """The current part's results in at most `room` lines."""
        found = self.results
        if self._now == "autoscaler demonstration" and found.autoscale:
            return autoscale_panel(found.autoscale, room)
        if found.comparison and self._comparing():
            return comparison_panel(found.comparison, room)
        if self._now == "proof" and found.interventions:
            return proof_panel(found.interventions, room)
        return sweep_panel(found.sweep, room) if found.sweep else Group()


def _frame() -> str:
    return FRAMES[int(time.monotonic() * FRAMES_PER_SECOND) % len(FRAMES)]


def _mark(part: _Part) -> Text:
    mark, style = (" ", "") if part.began is None else (_frame(), "")
    if part.ended is not None:
        mark, style = "✓", "green"
    if part.failed:
        mark, style = "✗", "red"
    return Text.assemble((mark, style))


def _times(part: _Part) -> str:
    """Such as `12 s of about 60 s`."""
    about = f"about {part.expected:.0f} s" if part.expected > TELL_SECONDS else ""
    if part.began is None:
        return about
    elapsed = (part.ended or time.monotonic()) - part.began
    if part.ended is not None:
        return f"{elapsed:.0f} s" if elapsed > TELL_SECONDS else ""
    return f"{elapsed:.0f} s of {about}" if about else _lasting("", elapsed)


def _lasting(text: str, seconds: float) -> str:
    return f"{text}  {seconds:.0f} s".strip() if seconds > TELL_SECONDS else text
