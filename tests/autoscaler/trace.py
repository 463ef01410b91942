"""Holding our autoscaler to a recorded one."""

from __future__ import annotations

from collections.abc import Iterable

from dclab.autoscaler import parse_autoscaler
from dclab.autoscaler.trace import Header, Pass, outcome, replay


def check(header: Header, passes: Iterable[Pass]) -> None:
    """Hold our autoscaler to a recording, pass by pass."""
    start = None
    for one, decision in replay(parse_autoscaler(header.autoscaler), passes):
        start = start or one.at
        ours = outcome(decision)
        assert one.outcome is not None
        # A condition that this pass did not touch stays on the real object from an earlier one.
        theirs = {kind: one.outcome.conditions.get(kind) for kind in ours.conditions}
        where = f"{one.at - start:.0f} s into the recording, with {one.seen}"
        assert (ours.desired, ours.utilization) == (one.outcome.desired, one.outcome.utilization), where
        assert ours.conditions == theirs, where
