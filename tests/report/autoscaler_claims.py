"""What the figures of a comparison must be for each sentence about it, by arithmetic of this file's own."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from statistics import fmean

from dclab.measure.student import t_quantile

TOLERANCE = 0.1
"""Kubernetes' default."""


def run_named(found, name):
    (one,) = [one for one in found.results.comparison.runs if one.name == name]
    return one


def cost(found, name):
    return run_named(found, name).scores.cost


def whole(found):
    """Runs that lasted as long as the longest."""
    every = found.results.comparison.runs
    return [one for one in every if one.seconds > 0.9 * max(other.seconds for other in every)]


def on_cpu(found):
    return [one.name for one in whole(found) if one.metric == "cpu"]


def on_others(found):
    return [one.name for one in whole(found) if one.metric != "cpu"]


def interval(found, one, other):
    """The interval of one's cost less the other's, and whether they do not differ; None where nobody has judged."""
    for each in found.results.comparison.verdicts:
        if {each.a, each.b} == {one, other}:
            low, high = (each.low, each.high) if each.a == one else (-each.high, -each.low)
            return low, high, low >= -0.1 - 1e-12 and high <= 0.1 + 1e-12
    return None


def is_better(found, one, other):
    known = interval(found, one, other)
    return known is not None and known[1] < 0 and not known[2]


def is_as_good(found, one, other):
    known = interval(found, one, other)
    return known is not None and (known[2] or known[1] < 0)


def says_no(found, values):
    return all(is_better(found, values["other"], one) for one in on_cpu(found)) and cost(found, values["cpu"]) == min(
        cost(found, one) for one in on_cpu(found)
    )


def says_better(found, values):
    return all(is_better(found, values["other"], one) for one in on_cpu(found))


def says_yes(found, values):
    return values["cpu"] in on_cpu(found) and all(is_as_good(found, values["cpu"], one) for one in on_others(found))


def cannot_tell(found, values):
    beaten = any(all(is_better(found, one, cpu) for cpu in on_cpu(found)) for one in on_others(found))
    holds = any(all(is_as_good(found, cpu, one) for one in on_others(found)) for cpu in on_cpu(found))
    return not beaten and not holds


def interval_is(found, values, sign):
    """Whether the figures are those of the verdict between the two, told from the first one's side (+1) or the other's."""
    low, high, _ = interval(found, values["one"], values["other"])
    said = (values["low"], values["high"]) if sign > 0 else (-values["high"], -values["low"])
    difference = cost(found, values["one"]) - cost(found, values["other"])
    return (
        math.isclose(low, said[0])
        and math.isclose(high, said[1])
        and math.isclose(difference, sign * values["more"], abs_tol=1e-9)
    )


def point_step(run, point):
    """The step of demand that a point is in."""
    return [one for one in run.demand if one.t <= point.t][-1]


def stretches_of_all(found):
    """The same as `stretches`, with the run of each."""
    for run in found.results.comparison.runs:
        for points in stretches(found, run.name):
            if any(points[0] is one for one in run.timeline):
                yield run, points


def longest(found, wanted):
    """The workers and users, of those wanted, that lasted longest."""
    lasted = Counter()
    for run in found.results.comparison.runs:
        until = [*(one.t for one in run.demand[1:]), run.seconds]
        for step, end in zip(run.demand, until, strict=True):
            lasted[step.workers, step.users] += end - step.t
    return max((one for one in lasted if wanted(one)), key=lasted.get)


def stretches(found, name=None, demand=None):
    """Lists of points that follow one another with one number of ready replicas, at the demand that lasted longest."""
    every = found.results.comparison.runs
    demand = demand or longest(found, lambda one: True)
    for run in every if name is None else [one for one in every if one.metric == run_named(found, name).metric]:
        before = None
        current = []
        for point in run.timeline:
            step = [one for one in run.demand if one.t <= point.t][-1]
            if point.t >= run.seconds or (step.workers, step.users) != demand:
                step = None
            key = step and (step.t, point.ready)
            if key != before and current:
                yield current
                current = []
            before = key
            if key:
                current.append(point)
        if current:
            yield current


def pooled(found, value, demand=None):
    """Values by the number of ready replicas, without those that are too near to a change."""
    comparison = found.results.comparison
    lag = comparison.scrape_seconds + 5 * comparison.clock_speed
    values = {}
    for points in stretches(found, None, demand):
        known = [value(one) for one in points if one.t >= points[0].t + lag]
        values.setdefault(points[0].ready, []).extend(one for one in known if one is not None)
    return {n: each for n, each in values.items() if n and len(each) > 1}


def shown(found, name, demand=None):
    """Ratios of the metric to its target by the number of ready replicas, as the autoscalers on it saw them."""
    lag = 3 * found.results.comparison.scrape_seconds + 15
    run = run_named(found, name)
    target = [one.metrics[0].target for one in run.timeline if one.metrics][-1]
    values = {}
    for points in stretches(found, name, demand):
        last = None
        for point in points:
            current = point.metrics[0].current if point.metrics else None
            if point.t >= points[0].t + lag:
                if current is not None and current != last:
                    values.setdefault(point.ready, []).append(current / target)
                last = current
    return {n: each for n, each in values.items() if n and len(each) > 1}


def ratios(found, name, demand=None):
    run = run_named(found, name)
    attribute, target = {"inflight": ("in_flight", 1.3), "requests": ("requests_per_second", 8)}.get(
        run.metric, (None, 0)
    )
    if attribute:
        counted = pooled(found, lambda one: getattr(one, attribute), demand)
        if counted:
            return {n: [one / n / target for one in values] for n, values in counted.items()}
    return shown(found, name, demand)


def ends(values):
    """Mean, and its 95 % interval."""
    mean, n = fmean(values), len(values)
    half = t_quantile(n - 1) * math.sqrt(sum((one - mean) ** 2 for one in values) / (n - 1) / n)
    return mean, mean - half, mean + half


def lower_end(n):
    """Of the ratios at which n replicas stay: within the tolerance, or rounded up to n."""
    return min(1 - TOLERANCE, (n - 1) / n)


def can_settle(found, values):
    seen = ratios(found, values["name"])
    for n in map(int, values["replicas"].split(" / ")):
        _, low, high = ends(seen[n])
        if not lower_end(n) < low <= high < 1 + TOLERANCE:
            return False
    steps = {point_step(run, points[0]) for run, points in stretches_of_all(found)}
    return all(
        int(values["needed"].split("–")[0]) <= one.needed <= int(values["needed"].split("–")[-1]) for one in steps
    )


def cannot_settle(found, values):
    seen = ratios(found, values["name"])
    lower, upper = values["lower"], values["upper"]
    return (
        upper == lower + 1
        and ends(seen[lower])[1] > 1 + TOLERANCE
        and ends(seen[upper])[2] < lower_end(upper)
        and values["more"] == math.ceil(round(lower * fmean(seen[lower]), 9)) > lower
        and values["fewer"] == math.ceil(round(upper * fmean(seen[upper]), 9)) < upper
    )


def means_differ(upper, lower, times):
    """Whether the first mean is more than so many times the second at 95 %."""
    above, low, high = ends(upper)
    below, low2, high2 = ends(lower)
    return above - times * below > math.hypot((high - low) / 2, times * (high2 - low2) / 2) * (1 - 1e-9)


def is_not_proportional(found, values):
    seen = pooled(found, lambda one: one.wait_ms)
    few, many = values["few"], values["many"]
    return (
        math.isclose(values["before"], fmean(seen[few]))
        and math.isclose(values["after"], fmean(seen[many]))
        and means_differ(seen[few], seen[many], many / few)
    )


def depends_less(found, values):
    seen = pooled(found, lambda one: one.in_flight)
    few, many = values["few"], values["many"]
    above, low, high = ends(seen[few])
    below, low2, high2 = ends(seen[many])
    less = many / few * below - above
    return less > math.hypot((high - low) / 2, many / few * (high2 - low2) / 2) * (1 - 1e-9)


def is_driven_up(found, values):
    """Whether the siege raises the metric at that number of replicas by a tenth at least, and demand is the same."""
    n = values["replicas"]
    usual = longest(found, lambda one: True)
    siege = longest(found, lambda one: one[1] > 0)
    above, low, high = ends(ratios(found, values["name"], siege)[n])
    below, low2, high2 = ends(ratios(found, values["name"], usual)[n])
    more = above - 1.1 * below
    needs = [numbers_needed(found, one) for one in (usual, siege)]
    return (
        usual[1] == 0
        and values["users"] == siege[1]
        and needs[0] == needs[1]
        and more > math.hypot((high - low) / 2, 1.1 * (high2 - low2) / 2) * (1 - 1e-9)
    )


def numbers_needed(found, demand):
    """The least and the most that its steps need."""
    steps = [one for run in found.results.comparison.runs for one in run.demand if (one.workers, one.users) == demand]
    every = [number for one in steps for number in (one.needed, one.needed_high)]
    return min(every), max(every)


def missing_share(run):
    """Of the time in tenths of a second: replicas were missing."""
    begins = [0.0, *(one.t for one in run.timeline[1:])]
    times = sorted({0.0, run.seconds, *(one.t for one in run.demand), *begins})
    missing = 0.0
    for begin, end in itertools.pairwise(times):
        if end > run.seconds:
            break
        needed = [one.needed for one in run.demand if one.t <= begin][-1]
        ready = [one.ready for one, t in zip(run.timeline, begins, strict=True) if t <= begin][-1]
        missing += (end - begin) * (needed > ready)
    return missing / run.seconds


def percent(text):
    return float(text.removesuffix(" %"))


def was_missing(found, values):
    run = run_named(found, values["name"])
    return abs(percent(values["missing"]) - 100 * missing_share(run)) <= 0.51


AUTOSCALER_CLAIMS = {
    "No: under the same demand the autoscaler “{other}” did better than every": lambda found, values: (
        says_no(found, values) and len(on_cpu(found)) > 1
    ),
    "No: under the same demand the autoscaler “{other}” did better than “{cpu}”": lambda found, values: (
        says_no(found, values) and len(on_cpu(found)) == 1
    ),
    "Under this demand, yes": says_yes,
    "“{other}” did better than every": says_better,
    "“{other}” did better than “{cpu}”": says_better,
    "Under this demand no other metric": says_yes,
    "Whether CPU is a sensible metric cannot": cannot_tell,
    "{needed} replicas are needed; known": lambda found, values: all(
        can_settle(found, {**values, "name": name, "replicas": values["needed"]})
        for name in re.findall("“(.*?)”", values["names"])
    ),
    "{needed} replicas are needed; no": lambda found, values: values["needed"].isdigit(),
    "It cannot be told from this": cannot_tell,
    "Autoscalers on CPU and on": lambda found, values: not on_cpu(found) or not on_others(found),
    "“{name}” was cut off after": lambda found, values: (
        run_named(found, values["name"]) not in whole(found)
        and values["minutes"] * 60 == run_named(found, values["name"]).seconds
    ),
    "“{name}”: replicas were missing for {missing} of the time; {": was_missing,
    "“{name}”: replicas were missing for {missing} of the time, and": lambda found, values: (
        was_missing(found, values)
        and abs(percent(values["over"]) - 100 * run_named(found, values["name"]).scores.over_slo) <= 0.51
    ),
    "“{one}” is better": lambda found, values: (
        is_better(found, values["one"], values["other"]) and interval_is(found, values, -1)
    ),
    "“{one}” and “{other}”: no": lambda found, values: (
        interval(found, values["one"], values["other"])[2] and interval_is(found, values, 1)
    ),
    "“{one}” and “{other}”: which": lambda found, values: (
        not is_better(found, values["one"], values["other"])
        and not is_better(found, values["other"], values["one"])
        and not interval(found, values["one"], values["other"])[2]
        and interval_is(found, values, 1)
    ),
    "“{name}” can settle": can_settle,
    "“{name}” cannot settle": cannot_settle,
    "Waiting is not in proportion": is_not_proportional,
    "The number of requests in flight": depends_less,
    "The siege drives": is_driven_up,
}
"""By how its template begins: whether the comparison's figures bear the sentence."""
