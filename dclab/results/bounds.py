"""Bounds of what a run can hold: wider than anything real, and narrow enough to calculate with and to draw."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

__all__ = ["Amount", "Count", "HashRate", "Name", "Real", "Replicas", "Seconds", "Text"]

Count = Annotated[int, Meta(ge=0, le=10**12)]
Replicas = Annotated[int, Meta(ge=0, le=10_000)]
Amount = Annotated[float, Meta(ge=0, le=1e15)]
"""Of what cannot be negative: times, sizes, shares, rates."""
Real = Annotated[float, Meta(ge=-1e15, le=1e15)]
HashRate = Annotated[float, Meta(ge=0, le=1e9)]
"""Hashes per second."""
Seconds = Annotated[float, Meta(ge=0, le=1e10)]
Name = Annotated[str, Meta(max_length=300, pattern=r"^[^$\x00-\x1f\x7f]*$")]
"""One line, which a picture can show: `$` would begin a formula."""
Text = Annotated[str, Meta(max_length=20_000)]
