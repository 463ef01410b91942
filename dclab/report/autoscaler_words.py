"""Autoscalers side by side in words: the answer, the verdicts, and why metrics behave as they do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dclab.measure.mean import Mean
from dclab.measure.ratio import ratio_of_means, verdict
from dclab.report.judge_autoscalers import CPU, Answer, Difference, answer, by_cost, cut_off, differences
from dclab.report.language import Words
from dclab.report.levels import TOLERANCE, Response
from dclab.results import AutoscalerRun, Comparison, ElasticityVerdict

__all__ = [
    "answer_sentences",
    "demand_rows",
    "demand_sentence",
    "difference_rows",
    "response_sentences",
    "siege_sentences",
    "unequal_demand",
    "verdict_sentence",
    "verdict_sentences",
]


ENGLISH = Words()


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share == 0 or share >= 0.095 else f"{100 * share:.1f} %"


def answer_sentences(found: Comparison, words: Words) -> Iterator[str]:
    """Whether CPU is a sensible metric, by the verdicts; and the two autoscalers' own figures."""
    told = answer(found)
    for run in cut_off(found):
        yield words(
            "“{name}” was cut off after {minutes:.1f} minutes, so it is compared with none.",
            name=run.name,
            minutes=run.seconds / 60,
        )
    if told is None:
        yield words(
            "Autoscalers on CPU and on another metric were not both tried, so the experiment does not tell whether CPU is a "
            "sensible metric."
        )
        return
    yield _answer(found, told, words)
    for run in (told.cpu, told.other):
        yield _felt(found, run, words)


def _answer(found: Comparison, told: Answer, words: Words) -> str:
    names = {"cpu": told.cpu.name, "other": told.other.name}
    if told.outcome == "no" and told.difference:
        several = sum(one.metric == CPU for one in by_cost(found)) > 1
        return (
            words(
                "No: under the same demand the autoscaler “{other}” did better than every one on CPU. The least costly of "
                "those, “{cpu}”, cost {more:.2f} replicas more (95 %: {low:.2f} to {high:.2f}).",
                **names,
                **_more(told.difference),
            )
            if several
            else words(
                "No: under the same demand the autoscaler “{other}” did better than “{cpu}”, which cost {more:.2f} replicas "
                "more (95 %: {low:.2f} to {high:.2f}).",
                **names,
                **_more(told.difference),
            )
        )
    if told.outcome == "yes":
        return words(
            "Under this demand, yes: no autoscaler on another metric did better than “{cpu}”.",
            **names,
        )
    return words(
        "It cannot be told from this experiment: no autoscaler on another metric is known to be better than every one on CPU, and "
        "none on CPU is known to be as good as all the others. The least costly are “{cpu}” and “{other}”.",
        **names,
    )


def _more(difference: Difference) -> dict[str, float]:
    """By how much the other cost more."""
    return {"more": -difference.cost, "low": -difference.high, "high": -difference.low}


def _felt(found: Comparison, run: AutoscalerRun, words: Words) -> str:
    """What users and operator got from one autoscaler."""
    scores = run.scores
    values = {
        "name": run.name,
        "missing": _percent(scores.timeshare_under),
        "minutes": scores.pod_minutes,
        "ideal": scores.ideal_pod_minutes,
    }
    if scores.over_slo is None:
        return words(
            "“{name}”: replicas were missing for {missing} of the time; {minutes:.0f} pod-minutes were used where demand was "
            "{ideal:.0f}.",
            **values,
        )
    return words(
        "“{name}”: replicas were missing for {missing} of the time, and a worker's call waited longer than {slo:g} ms for "
        "{over} of the time; {minutes:.0f} pod-minutes were used where demand was {ideal:.0f}.",
        **values,
        slo=found.slo_ms,
        over=_percent(scores.over_slo),
    )


def verdict_sentence(found: ElasticityVerdict, words: Words = ENGLISH) -> str:
    """One verdict, from the side of the better one where there is one."""
    return _difference(found.a, found.b, Difference.of(found), words)


def _difference(one: str, other: str, difference: Difference, words: Words) -> str:
    if difference.verdict == "worse":
        return _difference(other, one, difference.turned, words)
    if difference.verdict == "better":
        return words(
            "“{one}” is better than “{other}”: it cost {more:.2f} replicas less (95 %: {low:.2f} to {high:.2f}).",
            one=one,
            other=other,
            **_more(difference),
        )
    if difference.cost < 0:
        return _difference(other, one, difference.turned, words)
    values = {"more": difference.cost, "low": difference.low, "high": difference.high}
    if difference.verdict == "no difference":
        return words(
            "“{one}” and “{other}”: no difference; the first cost {more:.2f} replicas more (95 %: {low:.2f} to {high:.2f}).",
            one=one,
            other=other,
            **values,
        )
    return words(
        "“{one}” and “{other}”: which is better cannot be told; the first cost {more:.2f} replicas more (95 %: {low:.2f} to "
        "{high:.2f}).",
        one=one,
        other=other,
        **values,
    )


def verdict_sentences(found: Comparison, words: Words) -> Iterator[str]:
    """The autoscaler of least cost beside each other one."""
    for other, difference in difference_rows(found):
        yield _difference(by_cost(found)[0].name, other, difference, words)


def difference_rows(found: Comparison) -> Iterator[tuple[str, Difference]]:
    """The other autoscalers by cost, with how the one of least cost compares with each: what the sentences say, for a table."""
    ranked, told = by_cost(found), differences(found)
    for other in ranked[1:]:
        difference = told.get((ranked[0].name, other.name))
        if difference:
            yield other.name, difference


def demand_sentence(found: Comparison, words: Words) -> str:
    """What all of them had to follow."""
    return words(
        "{n} autoscalers scaled {target} in turn under the same demand, {minutes:.0f} minutes each. Demand is the least number "
        "of replicas with which a worker's call waits {slo:g} ms on average at most, by the queueing model.",
        n=len(found.runs),
        target=found.target,
        minutes=max((one.seconds for one in found.runs), default=0.0) / 60,
        slo=found.slo_ms,
    )


def demand_rows(run: AutoscalerRun, words: Words) -> Iterator[tuple[str, ...]]:
    """Each step of demand: from when, workers, users of the siege, replicas needed."""
    for step in run.demand:
        low, high = sorted((step.needed, step.needed_high))
        needed = f"{low}" if low == high else f"{low}–{high}"
        if not step.reachable:
            needed = words("{needed}, which is not enough", needed=needed)
        yield f"{step.t / 60:.1f}", f"{step.workers}", f"{step.users}", needed


def unequal_demand(found: Comparison) -> list[AutoscalerRun]:
    """Return the runs that are scored twice, since the objective lies within the interval of the wait."""
    return [one for one in found.runs if one.scores_high is not None]


def response_sentences(
    found: Sequence[Response], waited: Mapping[int, Mean | None], wanted: str, words: Words
) -> Iterator[str]:
    """Why some of them settle and others do not, as far as the figures bear it.

    Args:
        found: what each metric asks for.
        waited: the wait by the number of ready replicas.
        wanted: how many are needed.
        words: of the report's language.
    """
    yield from _not_proportional(waited, words)
    for one in found:
        yield from _in_flight(one, words)
        swings = one.swings
        if one.rests:
            yield words(
                "“{name}” can settle at {replicas} replicas, where it asks for as many as there are; {needed} are needed.",
                name=one.run.name,
                replicas=" / ".join(map(str, one.rests)),
                needed=wanted,
            )
        elif swings:
            lower, upper = swings
            yield words(
                "“{name}” cannot settle: at {lower} replicas it asks for {more}, at {upper} for {fewer}.",
                name=one.run.name,
                lower=lower.replicas,
                more=lower.wanted,
                upper=upper.replicas,
                fewer=upper.wanted,
            )


def siege_sentences(
    without: Sequence[Response], under: Sequence[Response], wanted: tuple[str, str], users: int, words: Words
) -> Iterator[str]:
    """Which metrics a siege drives up though as many replicas are needed as without it.

    Args:
        without: what each metric asks for without the siege.
        under: with it.
        wanted: how many replicas are needed without and with it.
        users: of the siege.
        words: of the report's language.
    """
    if wanted[0] != wanted[1]:
        return
    before = {one.run.name: one for one in without}
    for one in under:
        other = before.get(one.run.name)
        common = [n for each in one.asks if (n := each.replicas) and other and other.at(n)]
        if not common or other is None:
            continue
        with_siege, alone = one.at(common[-1]), other.at(common[-1])
        if not (with_siege and alone and with_siege.ratio and alone.ratio):
            continue
        if verdict(ratio_of_means(with_siege.ratio, alone.ratio), 1 + TOLERANCE) == "more":
            yield words(
                "The siege drives “{name}” up although it needs no replicas: at {replicas} of them the metric was {before:.3g} "
                "without and {during:.3g} with {users} users, and {needed} are needed either way.",
                name=one.run.name,
                replicas=common[-1],
                before=alone.value,
                during=with_siege.value,
                users=users,
                needed=wanted[0],
            )


def _not_proportional(waited: Mapping[int, Mean | None], words: Words) -> Iterator[str]:
    """The wait beside what the autoscaler's formula supposes."""
    known = {n: one for n, one in waited.items() if one is not None and one.mean > 0}
    if len(known) < 2:
        return
    few, many = min(known), max(known)
    if verdict(ratio_of_means(known[few], known[many]), (1 + TOLERANCE) * many / few) == "more":
        yield words(
            "Waiting is not in proportion to 1 / replicas, as the autoscaler's formula supposes: from {few} to {many} replicas "
            "it fell from {before:.0f} to {after:.0f} ms, to 1/{times:.1f} instead of 1/{expected:.1f}.",
            few=few,
            many=many,
            before=known[few].mean,
            after=known[many].mean,
            times=known[few].mean / known[many].mean,
            expected=many / few,
        )


def _in_flight(one: Response, words: Words) -> Iterator[str]:
    """In flight of all replicas together, which the formula divides by the target."""
    target = one.reading.target
    totals = {each.replicas: _times(each.ratio, each.replicas * target) for each in one.asks if each.ratio}
    if one.run.metric != "inflight" or one.reading.type != "Pods" or len(totals) < 2:
        return
    few, many = min(totals), max(totals)
    if verdict(ratio_of_means(totals[few], totals[many]), (1 - TOLERANCE) * many / few) == "no more":
        yield words(
            "The number of requests in flight, of all replicas together, depends less on how many replicas there are: "
            "{before:.1f} at {few}, {after:.1f} at {many}. The formula divides it by the target of {target:g} and asks for "
            "{first} and {last} replicas.",
            few=few,
            many=many,
            before=totals[few].mean,
            after=totals[many].mean,
            target=target,
            first=_wanted(one, few),
            last=_wanted(one, many),
        )


def _times(mean: Mean, factor: float) -> Mean:
    return Mean(*(factor * each for each in mean))


def _wanted(one: Response, replicas: int) -> int:
    asks = one.at(replicas)
    return asks.wanted if asks else replicas
