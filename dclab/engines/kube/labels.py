"""The labels by which dclab knows its own."""

from __future__ import annotations

__all__ = ["OURS", "SELECTOR"]

OURS = {"app.kubernetes.io/managed-by": "dclab", "app.kubernetes.io/part-of": "dockercoins"}
SELECTOR = ",".join(f"{key}={value}" for key, value in OURS.items())
