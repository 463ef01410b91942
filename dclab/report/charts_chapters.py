"""Pictures of the experiments of upstream's chapters: health probes and rolling updates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from dclab.report.language import Words
from dclab.report.palette import BLUE, GREEN, GREY, LONGEST_NAME, ORANGE, VERMILION, Spot, shade_phases, thinned
from dclab.results import HealthLook, ProbeDemo, RolloutDemo

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

__all__ = ["paint_probes", "paint_rollout"]

SHADES = {
    "tcp": (GREY, 0.0),
    "rollout": (GREY, 0.15),
    "http": (ORANGE, 0.15),
    "back": (GREY, 0.15),
    "before": (GREY, 0.0),
    "bad image": (ORANGE, 0.15),
    "undo": (GREY, 0.15),
    "after": (GREY, 0.0),
    "heal": (BLUE, 0.15),
}
"""Colour of a phase, and how much of it."""
RATE_SECONDS = 3.0


def phase_labels(words: Words) -> Mapping[str, str]:
    """Return what each phase is called."""
    return {
        "tcp": words("TCP check"),
        "rollout": words("Rolling update"),
        "http": words("HTTP probe"),
        "back": words("put back"),
        "before": words("before"),
        "bad image": words("bad image"),
        "undo": words("undo"),
        "after": words("after"),
        "heal": words("replica deleted"),
    }


def paint_probes(figure: FigureBase, demo: ProbeDemo, words: Words, *, narrow: bool = False) -> list[Spot]:
    """Replicas in service, restarts and hashes/s on one axis of time; when the first failure was predicted."""
    looks = thinned(demo.timeline)
    service, restarts, rate = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1, 2))
    t = [one.t for one in looks]
    counts = [one.in_service for one in looks]
    service.step(t, counts, where="post", color=BLUE)
    service.fill_between(t, counts, step="post", color=BLUE, alpha=0.25)
    service.set(
        ylabel=words("{target}\nin service", target=demo.target[:LONGEST_NAME]), ylim=(0, max(*counts, 1) + 0.5)
    )
    total = [sum(one.restarts for one in look.replicas) for look in looks]
    restarts.step(t, total, where="post", color=VERMILION)
    restarts.set(ylabel=words("restarts"), ylim=(0, max(*total, 1) + 0.5))
    known = _rates(looks)
    rate.plot([at for at, _ in known], [value for _, value in known], color=GREEN)
    rate.set(ylabel=words("hashes/s"), xlabel=words("seconds"))
    rate.set_ylim(bottom=0)
    for axes in (service, restarts):
        axes.yaxis.get_major_locator().set_params(integer=True)
    begin = next((one.t for one in looks if one.phase == "http"), None)
    if begin is not None and demo.predicted.first_low is not None and demo.predicted.first_high is not None:
        low, high = begin + demo.predicted.first_low, begin + demo.predicted.first_high
        label = words("predicted: first failure")
        service.axvspan(low, high, ymin=0.9, color=VERMILION, alpha=0.7, linewidth=0, label=label)
        service.legend(loc="lower left", fontsize=9)
    shade_phases(figure, (service, restarts, rate), looks, SHADES, phase_labels(words), 2 if narrow else 5)
    spots = [
        Spot(service, one.t, one.in_service, words("{t:.0f} s: {n} in service", t=one.t, n=one.in_service))
        for one in looks
    ]
    return [*spots, *_rate_spots(rate, known, words)]


def paint_rollout(figure: FigureBase, demo: RolloutDemo, words: Words, *, narrow: bool = False) -> list[Spot]:
    """Ready replicas and new ones that are not, and hashes/s, on one axis of time; where the update was predicted to hang."""
    looks = thinned(demo.timeline)
    replicas, rate = figure.subplots(2, 1, sharex=True)
    t = [one.t for one in looks]
    bad = [one.phase == "bad image" for one in looks]
    ready = [sum(one.ready for one in look.replicas) for look in looks]
    waiting = [sum(not one.ready and not one.terminating for one in look.replicas) for look in looks]
    replicas.step(t, ready, where="post", color=BLUE, label=words("ready"))
    replicas.step(t, waiting, where="post", color=VERMILION, linestyle="--", label=words("not ready"))
    if any(bad):
        span = [one.t for one, is_bad in zip(looks, bad, strict=True) if is_bad]
        label = words("predicted: ready")
        replicas.hlines(demo.predicted.old, span[0], span[-1], color=GREEN, linestyle=":", linewidth=2, label=label)
    replicas.set(
        ylabel=words("{target}\nreplicas", target=demo.target[:LONGEST_NAME]),
        ylim=(0, max(*ready, *waiting, demo.replicas) + 1),
    )
    replicas.yaxis.get_major_locator().set_params(integer=True)
    replicas.legend(loc="lower left", ncols=1 if narrow else 3, fontsize=9)
    known = _rates(looks)
    rate.plot([at for at, _ in known], [value for _, value in known], color=GREEN)
    rate.set(ylabel=words("hashes/s"), xlabel=words("seconds"))
    rate.set_ylim(bottom=0)
    shade_phases(figure, (replicas, rate), looks, SHADES, phase_labels(words), 2 if narrow else 5)
    spots = [
        Spot(replicas, one.t, count, words("{t:.0f} s: {n} ready", t=one.t, n=count))
        for one, count in zip(looks, ready, strict=True)
    ]
    return [*spots, *_rate_spots(rate, known, words)]


def _rate_spots(axes: Axes, known: Sequence[tuple[float, float]], words: Words) -> Iterator[Spot]:
    for at, value in known:
        yield Spot(axes, at, value, words("{t:.0f} s: {rate:.1f} hashes/s", t=at, rate=value))


def _rates(looks: Sequence[HealthLook]) -> list[tuple[float, float]]:
    """Hashes per second over the last RATE_SECONDS, at each look."""
    found = []
    first = 0
    for index, one in enumerate(looks):
        while one.t - looks[first].t > RATE_SECONDS and first < index - 1:
            first += 1
        if one.t - looks[first].t >= RATE_SECONDS / 2:
            found.append((one.t, max(0, one.hashes - looks[first].hashes) / (one.t - looks[first].t)))
    return found
