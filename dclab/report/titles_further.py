"""The messages of the pictures of autoscalers side by side, health probes and rolling updates."""

from __future__ import annotations

from dclab.measure.health_watch import first_event
from dclab.report.judge_autoscalers import CPU, answer, by_cost, cut_off
from dclab.report.language import Words
from dclab.report.levels import needed, responses, usual_demand
from dclab.results import Comparison, ProbeDemo, RolloutDemo

__all__ = ["autoscalers_title", "probes_title", "responses_title", "rollout_title"]


def autoscalers_title(found: Comparison, words: Words) -> str:
    """Return the answer to whether CPU is a sensible metric, and which runs do not count for it."""
    told = answer(found)
    if told is None:
        title = words("{n} autoscalers under the same demand", n=len(found.runs))
    elif told.outcome == "no" and sum(one.metric == CPU for one in by_cost(found)) > 1:
        title = words("“{other}” did better than every autoscaler on CPU", other=told.other.name)
    elif told.outcome == "no":
        title = words("“{other}” did better than “{cpu}”", other=told.other.name, cpu=told.cpu.name)
    elif told.outcome == "yes":
        title = words("Under this demand no other metric did better than “{cpu}”", cpu=told.cpu.name)
    else:
        title = words("Whether CPU is a sensible metric cannot be told")
    if partial := cut_off(found):
        names = words.listed(one.name for one in partial)
        title = words("{title}; cut off and not compared: {names}", title=title, names=names)
    return title


def responses_title(found: Comparison, words: Words) -> str:
    """Return which autoscalers are known to settle at the number of replicas that is needed."""
    demand = usual_demand(found)
    wanted = needed(found, demand) if demand else ""
    if not demand or not wanted.isdigit():
        return words("Replicas that each metric asks for; needed: {needed}", needed=wanted or "–")
    seen = responses(found, demand)
    names = [f"“{one.run.name}”" for one in seen if int(wanted) in one.rests]
    if not names:
        return words("{needed} replicas are needed; no autoscaler is known to settle there", needed=wanted)
    said = words.listed(names)
    return words("{needed} replicas are needed; known to settle there: {names}", needed=wanted, names=said)


def probes_title(demo: ProbeDemo, words: Words) -> str:
    """Return what the HTTP probe did, and whether that was predicted."""
    first = first_event(demo.timeline, demo.kind)
    http = next((one for one in demo.phases if one.phase == "http"), None)
    if http is None:
        return words("{target}: the HTTP probe was not watched", target=demo.target)
    if first is None:
        title = words(
            "{target}: the HTTP probe had no effect in {seconds:.0f} s", target=demo.target, seconds=http.seconds
        )
    else:
        low, high = first
        title = words(
            "{target}: out of service {low:.0f} to {high:.0f} s after the HTTP probe"
            if demo.kind == "readiness"
            else "{target}: restarted {low:.0f} to {high:.0f} s after the HTTP probe",
            target=demo.target,
            low=low,
            high=high,
        )
    return _judged(title, demo.verdict, words)


def rollout_title(demo: RolloutDemo, words: Words) -> str:
    """Return whether the update to an image that cannot run hung, and whether that was predicted."""
    if not any(one.phase == "bad image" for one in demo.phases):
        return words("{target}: the update was not watched", target=demo.target)
    if demo.stuck is None:
        return _judged(words("{target}: the update did not hang", target=demo.target), "not as predicted", words)
    title = words(
        "{target}: the update hung with {old} old and {new} new replicas",
        target=demo.target,
        old=demo.stuck.old,
        new=demo.stuck.new,
    )
    return _judged(title, "as predicted" if demo.verdict == "as predicted" else "not as predicted", words)


def _judged(title: str, verdict: str, words: Words) -> str:
    return words(
        {
            "as predicted": "{title}, as predicted",
            "not as predicted": "{title}, not as predicted",
            "cannot tell": "{title}; whether as predicted cannot be told",
        }[verdict],
        title=title,
    )
