"""The labels by which dclab knows its own."""

from __future__ import annotations

__all__ = ["HOLD", "IMAGES", "MARK", "METRICS", "OURS", "SELECTOR", "VERSION"]

OURS = {"app.kubernetes.io/managed-by": "dclab", "app.kubernetes.io/part-of": "dockercoins"}
SELECTOR = ",".join(f"{key}={value}" for key, value in OURS.items())

IMAGES = "dclab/images"
"""Annotation of the namespace: where its images come from."""
MARK = "dclab/instance"
"""Annotation of the namespace: tells a lab from another that was in the same namespace before."""
VERSION = "dclab/version"
"""Annotation of the namespace: the dclab that has started the lab."""
HOLD = "dclab/hold"
"""Label of what an experiment has made under a hold: its token."""
METRICS = "dclab/metrics"
"""Label of what serves metrics for a command, and annotation of what was there before and was added to: its hold's token."""
