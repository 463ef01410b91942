"""Stabilization windows and rate limits.

Follows pkg/controller/podautoscaler/horizontal.go: stabilizeRecommendation(WithBehaviors) and
convertDesiredReplicasWith(BehaviorRate|Rules).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dclab.autoscaler.spec import Policy, Rules

__all__ = ["Limited", "Timed", "limit", "limit_without_behavior", "remember", "scale_limit", "stabilize"]


class Timed(NamedTuple):
    """A recommendation, or a change of the replica count, with its time in seconds."""

    at: float
    value: int


class Limited(NamedTuple):
    """A replica count within the limits, and the reason of the ScalingLimited condition."""

    replicas: int
    reason: str


def stabilize(recommendations: Iterable[Timed], current: int, desired: int, up: Rules, down: Rules, now: float) -> int:
    """The most cautious recommendation: no higher than the lowest of the window up, nor lower than the
    highest of the window down.
    """  # noqa: D205 (one sentence)
    highest_up = desired
    lowest_down = desired
    for one in recommendations:
        if one.at > now - up.window_seconds:
            highest_up = min(highest_up, one.value)
        if one.at > now - down.window_seconds:
            lowest_down = max(lowest_down, one.value)
    return min(max(current, highest_up), lowest_down)


def remember(recommendations: Sequence[Timed], desired: int, window: float, now: float) -> tuple[Timed, ...]:
    """The history with this recommendation; it takes the place of one that is older than the window."""
    new = Timed(now, desired)
    old = [index for index, one in enumerate(recommendations) if one.at < now - window]
    if not old:
        return (*recommendations, new)
    return (*recommendations[: old[-1]], new, *recommendations[old[-1] + 1 :])


def _changed(events: Iterable[Timed], period: float, now: float) -> int:
    return sum(one.value for one in events if one.at > now - period)


def _allowed(policy: Policy, start: int, *, rising: bool) -> int:
    sign = 1 if rising else -1
    if policy.type == "Pods":
        return start + sign * policy.value
    exact = start * (1 + sign * policy.value / 100)
    return math.ceil(exact) if rising else int(exact)


def scale_limit(
    rules: Rules, current: int, ups: Iterable[Timed], downs: Iterable[Timed], now: float, *, rising: bool
) -> int:
    """How far the policies let the count go in one direction, given the changes of their periods."""
    if rules.select == "Disabled":
        return current
    ups, downs = list(ups), list(downs)
    allowed = [
        _allowed(
            policy,
            current - _changed(ups, policy.period_seconds, now) + _changed(downs, policy.period_seconds, now),
            rising=rising,
        )
        for policy in rules.policies
    ]
    # The policy of the most change is the highest going up, and the lowest going down.
    return max(allowed) if (rules.select == "Max") == rising else min(allowed)


def limit(
    current: int,
    desired: int,
    low: int,
    high: int,
    up: Rules,
    down: Rules,
    ups: Iterable[Timed],
    downs: Iterable[Timed],
    now: float,
) -> Limited:
    """Keep the count within the policies and within its bounds."""
    if desired > current:
        reachable = max(current, scale_limit(up, current, ups, downs, now, rising=True))
        most, reason = (reachable, "ScaleUpLimit") if high > reachable else (high, "TooManyReplicas")
        if desired > most:
            return Limited(most, reason)
    elif desired < current:
        reachable = min(current, scale_limit(down, current, ups, downs, now, rising=False))
        least, reason = (reachable, "ScaleDownLimit") if low < reachable else (low, "TooFewReplicas")
        if desired < least:
            return Limited(least, reason)
    return Limited(desired, "DesiredWithinRange")


def limit_without_behavior(current: int, desired: int, low: int, high: int) -> Limited:
    """The limits of an autoscaler that has no `behavior`: up to twice the count, or 4, at a time."""
    if desired < low:
        return Limited(low, "TooFewReplicas")
    reachable = max(2 * current, 4)
    most, reason = (reachable, "ScaleUpLimit") if high > reachable else (high, "TooManyReplicas")
    return Limited(most, reason) if desired > most else Limited(desired, "DesiredWithinRange")
