"""The picture of the autoscaler's demonstration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dclab.report.language import Words
from dclab.report.palette import (
    BLUE,
    GREEN,
    GREY,
    LONGEST_NAME,
    ORANGE,
    PURPLE,
    VERMILION,
    Spot,
    shade_phases,
    thinned,
)
from dclab.results import Autoscale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

__all__ = ["paint_autoscale"]

SHADES = {"baseline": (GREY, 0.0), "load": (VERMILION, 0.16), "autoscaled": (BLUE, 0.16), "after-load": (GREEN, 0.12)}
"""Colour of a phase, and how much of it."""


def phase_labels(words: Words) -> Mapping[str, str]:
    """Return what each phase of a demonstration is called."""
    return {
        "baseline": words("baseline"),
        "load": words("siege"),
        "autoscaled": words("siege and autoscaler"),
        "after-load": words("autoscaler, no siege"),
    }


def paint_autoscale(figure: FigureBase, found: Autoscale, words: Words, *, narrow: bool = False) -> list[Spot]:
    """Replicas, metric against target, latency and hashes/s, on one axis of time, with each decision marked."""
    panels = list(figure.subplots(4, 1, sharex=True))
    points = thinned(found.timeline)
    t = [one.t for one in points]
    target = found.target[:LONGEST_NAME]
    replicas, metric, latency, rate = panels
    replicas.step(t, [one.desired for one in points], where="post", color=BLUE, label=words("desired"))
    ready = [one.ready for one in points]
    replicas.step(t, ready, where="post", color=ORANGE, linestyle="--", label=words("ready"))
    most = max(one.desired for one in points)
    replicas.set(ylabel=words("{target}\nreplicas", target=target), ylim=(0, 1.3 * most + 1))
    replicas.yaxis.get_major_locator().set_params(integer=True)
    replicas.legend(loc="upper left", ncols=2)
    seen = [(one.t, one.deciding) for one in points if one.deciding]
    readings = [(t, m.current, m.target) for t, m in seen if m.current is not None]
    name, unit = (seen[-1][1].name, seen[-1][1].unit) if seen else ("cpu", "%")
    if readings:
        label = name[:LONGEST_NAME]
        metric.step([r[0] for r in readings], [r[1] for r in readings], where="post", color=PURPLE, label=label)
        metric.axhline(readings[0][2], color=GREY, linestyle="--", label=words("target"))
        metric.legend(loc="upper left", ncols=2)
        metric.set_ylim(0, 1.5 * max(*(r[1] for r in readings), readings[0][2]))
    is_cpu = (name, unit) == ("cpu", "%")
    metric.set(ylabel=words("CPU, % of\nrequest") if is_cpu else f"{name[:LONGEST_NAME]}\n{unit[:LONGEST_NAME]}")
    known_latency = _series(latency, [(one.t, one.latency_ms) for one in points], VERMILION)
    latency.set(ylabel=words("latency of\n{target}, ms", target=target))
    known_rate = _series(rate, [(one.t, one.hashes_per_second) for one in points], GREEN)
    seconds = words("seconds")
    if found.clock_speed != 1:
        seconds = words("seconds; the autoscaler's clock ran {clock:g} times faster", clock=found.clock_speed)
    rate.set(ylabel=words("hashes/s"), xlabel=seconds)
    shade_phases(figure, panels, found.timeline, SHADES, phase_labels(words), 2 if narrow else 4)
    spots = [
        Spot(
            replicas,
            one.t,
            one.desired,
            words("{t:.0f} s: {desired} desired, {ready} ready", t=one.t, desired=one.desired, ready=one.ready),
        )
        for one in points
    ]
    spots += [
        Spot(
            metric,
            at,
            value,
            words("{t:.0f} s: {value} of {target}", t=at, value=f"{value:.3g}{unit}", target=f"{goal:.3g}{unit}"),
        )
        for at, value, goal in readings
    ]
    spots += [Spot(latency, at, ms, words("{t:.0f} s: {ms:.0f} ms", t=at, ms=ms)) for at, ms in known_latency]
    spots += [
        Spot(rate, at, value, words("{t:.0f} s: {rate:.1f} hashes/s", t=at, rate=value)) for at, value in known_rate
    ]
    step = -(-len(spots) // 200)
    return [*spots[:: max(1, step)], *_decisions(replicas, found, words)]


def _decisions(axes: Axes, found: Autoscale, words: Words) -> list[Spot]:
    """A triangle for each rescale, with the autoscaler's own reason."""
    rescales = [one for one in found.events if one.reason == "SuccessfulRescale"][-30:]
    height = axes.get_ylim()[1] * 0.08
    axes.plot([one.t for one in rescales], [height] * len(rescales), "^", color=VERMILION, markersize=6)
    return [Spot(axes, one.t, height, words("{t:.0f} s: {message}", t=one.t, message=one.message)) for one in rescales]


def _series(axes: Axes, points: list[tuple[float, float | None]], color: str) -> list[tuple[float, float]]:
    known = [(t, value) for t, value in points if value is not None]
    axes.plot([t for t, _ in known], [value for _, value in known], color=color)
    axes.set_ylim(bottom=0)
    return known
