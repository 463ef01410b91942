"""The demonstration as `kubectl get hpa -w` would have shown it: a row for every change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dclab.autoscaler import parse_autoscaler
from dclab.errors import DclabError
from dclab.report.language import Words
from dclab.results import Autoscale, MetricReading, TimelinePoint

__all__ = ["age", "rows_in_time", "transcript"]

ENGLISH = Words()

COLUMNS = ("NAME", "REFERENCE", "TARGETS", "MINPODS", "MAXPODS", "REPLICAS", "AGE")


def age(seconds: float) -> str:
    """A duration as kubectl writes it: seconds up to two minutes, then minutes and seconds up to ten."""
    whole = int(seconds)
    if whole < 120:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 10 and rest:
        return f"{minutes}m{rest}s"
    return f"{minutes}m"


def _targets(point: TimelinePoint, default: str) -> str:
    shown = [f"{one.name}: {one.figures}" for one in point.metrics]
    return ", ".join(shown) or default


def _unknown(manifest: Mapping[str, Any]) -> str:
    """The targets of an autoscaler that has not seen its metrics yet; without figures where it is none."""
    try:
        metrics = parse_autoscaler(manifest).metrics
    except DclabError:
        return "<unknown>"
    readings = (
        MetricReading(type=one.type, name=one.name, current=None, target=one.shown(one.target), unit=one.unit)
        for one in metrics
    )
    return ", ".join(f"{one.name}: {one.figures}" for one in readings)


def rows_in_time(found: Autoscale) -> list[tuple[float, str]]:
    """The heading and every row that differs from the one before, each with the seconds at which it showed."""
    spec = found.manifest.get("spec", {})
    default = _unknown(found.manifest)
    watched = [one for one in found.timeline if one.phase in ("autoscaled", "after-load")]
    begin = watched[0].t if watched else 0.0
    rows = [(begin, COLUMNS)]
    for point in watched:
        row = (
            found.target,
            f"Deployment/{found.target}",
            _targets(point, default),
            str(spec.get("minReplicas", 1)),
            str(spec.get("maxReplicas", "?")),
            str(point.current),
            age((point.t - begin) * found.clock_speed),
        )
        if row[:-1] != rows[-1][1][:-1]:
            rows.append((point.t, row))
    widths = [max(len(row[column]) for _, row in rows) for column in range(len(COLUMNS))]
    return [
        (t, "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()) for t, row in rows
    ]


def transcript(found: Autoscale, words: Words = ENGLISH) -> str:
    """Text in columns; ages are on the autoscaler's clock, which a line says when it is not the wall's."""
    lines = [text for _, text in rows_in_time(found)]
    if found.clock_speed != 1:
        lines.append(
            words("(AGE is on the autoscaler's clock, which ran {clock:g} times faster.)", clock=found.clock_speed)
        )
    return "\n".join(lines) + "\n"
