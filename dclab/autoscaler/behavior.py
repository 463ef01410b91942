"""Stabilization windows and rate limits.

Follows pkg/controller/podautoscaler/horizontal.go: stabilizeRecommendation(WithBehaviors) and
convertDesiredReplicasWith(BehaviorRate|Rules).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from dclab.autoscaler.history import History, Timed
from dclab.autoscaler.spec import AutoscalerSpec, Behavior, Policy, Rules

__all__ = ["Limited", "limit", "scale_limit", "stabilize", "stabilize_down"]


class Limited(NamedTuple):
    """A replica count within the limits, and the reason of the ScalingLimited condition."""

    replicas: int
    reason: str


def stabilize(recommendations: Iterable[Timed], current: int, desired: int, behavior: Behavior, now: float) -> int:
    """Return the most cautious recommendation of both windows.

    It is no higher than the lowest of the window up, and no lower than the highest of the window down.
    """
    highest_up = desired
    lowest_down = desired
    for one in recommendations:
        if one.at > now - behavior.up.window_seconds:
            highest_up = min(highest_up, one.value)
        if one.at > now - behavior.down.window_seconds:
            lowest_down = max(lowest_down, one.value)
    return min(max(current, highest_up), lowest_down)


def stabilize_down(recommendations: Iterable[Timed], desired: int, window: float, now: float) -> int:
    """Return the highest recommendation of the window, as an autoscaler without `behavior` takes it."""
    return max([desired, *(one.value for one in recommendations if one.at >= now - window)])


def _changed(events: Iterable[Timed], period: float, now: float) -> int:
    return sum(one.value for one in events if one.at > now - period)


def _allowed(policy: Policy, start: int, *, rising: bool) -> int:
    sign = 1 if rising else -1
    if policy.type == "Pods":
        return start + sign * policy.value
    exact = start * (1 + sign * policy.value / 100)
    return math.ceil(exact) if rising else int(exact)


def scale_limit(rules: Rules, history: History, current: int, now: float, *, rising: bool) -> int:
    """Return how far the policies let the count go in one direction, given the changes of their periods."""
    if rules.select == "Disabled":
        return current
    allowed = [
        _allowed(
            policy,
            current
            - _changed(history.ups, policy.period_seconds, now)
            + _changed(history.downs, policy.period_seconds, now),
            rising=rising,
        )
        for policy in rules.policies
    ]
    # The policy of the most change is the highest going up, and the lowest going down.
    return max(allowed) if (rules.select == "Max") == rising else min(allowed)


def limit(spec: AutoscalerSpec, history: History, current: int, desired: int, now: float) -> Limited:
    """Keep a stabilized count within the policies and within the autoscaler's bounds."""
    if spec.behavior is None:
        return _without_behavior(spec, current, desired)
    if desired > current:
        reachable = max(current, scale_limit(spec.behavior.up, history, current, now, rising=True))
        most, reason = _highest(spec, reachable)
        if desired > most:
            return Limited(most, reason)
    elif desired < current:
        reachable = min(current, scale_limit(spec.behavior.down, history, current, now, rising=False))
        least, reason = (
            (reachable, "ScaleDownLimit") if spec.min_replicas < reachable else (spec.min_replicas, "TooFewReplicas")
        )
        if desired < least:
            return Limited(least, reason)
    return Limited(desired, "DesiredWithinRange")


def _without_behavior(spec: AutoscalerSpec, current: int, desired: int) -> Limited:
    """Up to twice the count, or 4, at a time; down as far as the minimum at once."""
    if desired < spec.min_replicas:
        return Limited(spec.min_replicas, "TooFewReplicas")
    most, reason = _highest(spec, max(2 * current, 4))
    return Limited(most, reason) if desired > most else Limited(desired, "DesiredWithinRange")


def _highest(spec: AutoscalerSpec, reachable: int) -> Limited:
    if spec.max_replicas > reachable:
        return Limited(reachable, "ScaleUpLimit")
    return Limited(spec.max_replicas, "TooManyReplicas")
