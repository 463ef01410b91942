"""Every sentence of the report is held against the figures of runs at random: none may claim more than they bear."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace

from dclab.measure.student import t_quantile
from dclab.report.autoscaler_words import verdict_sentences
from dclab.report.content import sections, summary
from dclab.report.judge_metrics import METRIC_VERDICTS
from dclab.report.language import Words
from dclab.report.sections.proof import SHOWN
from dclab.report.titles import LATENCY, PROOF, SCALED, THEN, titles
from dclab.report.wording import SENTENCES, evidence_sentence
from tests.report.autoscaler_claims import AUTOSCALER_CLAIMS
from tests.report.pod_claims import POD_CLAIMS
from tests.report.results_at_random import run

REPORT = Path(__file__).parent.parent.parent / "dclab" / "report"


# What the figures bear, by arithmetic of this file's own.


def half(rate):
    return (rate.ci95_high - rate.ci95_low) / 2


def above(upper, lower, times=1.0):
    """Whether `upper` is more than so many times `lower`, at 95 % (of two independent errors)."""
    return upper.mean - times * lower.mean > math.hypot(half(upper), times * half(lower)) * (1 - 1e-9)


def below(upper, lower, times=1.0):
    """Whether it is less."""
    return times * lower.mean - upper.mean > math.hypot(half(upper), times * half(lower)) * (1 - 1e-9)


def is_open(rate):
    """Whether it is so uncertain that what is so many times it has no upper end to speak of."""
    return half(rate) > 0.3 * rate.mean


def surely_above(upper, lower, times=1.0):
    """The same at 99.9 %, with room for how the error of a quotient is asymmetric."""
    return above(upper, lower, times) and upper.mean - times * lower.mean > 2.2 * math.hypot(
        half(upper), times * half(lower)
    )


def surely_below(upper, lower, times=1.0):
    """Whether it is surely less."""
    return times * lower.mean - upper.mean > 2.2 * math.hypot(half(upper), times * half(lower))


class Figure:
    """A mean of values with its interval."""

    def __init__(self, values):
        self.values = [one for one in values if one is not None]
        n = len(self.values)
        self.mean = fmean(self.values)
        squares = sum((one - self.mean) ** 2 for one in self.values)
        error = t_quantile(n - 1) * math.sqrt(squares / (n - 1) / n) if n > 1 else math.inf
        self.ci95_low, self.ci95_high = max(0.0, self.mean - error), self.mean + error


def base(results):
    """The rate with nothing changed; where two measurements contradict each other, with an interval that holds both."""
    rates = [one.hashes_per_second for one in results.interventions if one.service is None]
    weights = [1 / half(one) ** 2 for one in rates]
    middle = sum(weight * one.mean for weight, one in zip(weights, rates, strict=True)) / sum(weights)
    error = 1 / math.sqrt(sum(weights))
    ends = [end for one in rates for end in (one.ci95_low, one.ci95_high)]
    if max(one.ci95_low for one in rates) > min(one.ci95_high for one in rates):
        error = max(max(ends) - middle, middle - min(ends))
    return SimpleNamespace(mean=middle, ci95_low=middle - error, ci95_high=middle + error)


def changed(results, values):
    """The change that a sentence is about."""
    return next(
        one.hashes_per_second
        for one in results.interventions
        if (one.service, one.replicas, one.threads, one.choice)
        == (values["service"], values["replicas"], values["threads"], "random")
    )


def helps(found, values):
    rate = changed(found.results, values)
    return values["to_rate"] == rate.mean and above(rate, base(found.results), 1.2)


def does_not_help(found, values):
    return below(changed(found.results, values), base(found.results), 1.2)


def cannot_tell(found, values):
    rate, unchanged = changed(found.results, values), base(found.results)
    sure = surely_above(rate, unchanged, 1.2) or surely_below(rate, unchanged, 1.2)
    return is_open(unchanged) or not sure


def probes(found, name):
    """The probes of a service: their mean, and a range that holds it."""
    return found.results.latency[name].probe


def waits(found, values):
    one = probes(found, values["service"])
    others = [each.probe for name, each in found.results.latency.items() if name != values["service"]]
    return one.mean > 20 and all(other.mean < 20 or one.mean > 5 * other.mean for other in others) and one.max > 20


def policy(found, values):
    return next(
        (one.hashes_per_second, other.hashes_per_second)
        for one in found.results.interventions
        for other in found.results.interventions
        if (one.service, one.replicas, one.choice) == (values["service"], values["replicas"], values["policy"])
        and (other.service, other.replicas, other.threads, other.choice)
        == (one.service, one.replicas, one.threads, "random")
    )


def under(found, values):
    """The change after which the next limit was looked for: one that has helped."""
    one = next(one for one in found.results.interventions if one.name == values["change"])
    return one if above(one.hashes_per_second, base(found.results), 1.2) else None


def low(one, name):
    return one.probe_ms_ci95[name][0]


def high(one, name):
    return one.probe_ms_ci95[name][1]


def ends(found):
    """The points with the fewest and the most workers."""
    points = sorted(found.results.sweep.points, key=lambda one: one.workers)
    return points[0], points[-1]


def point_of(found, workers):
    return next(one.hashes_per_second for one in found.results.sweep.points if one.workers == workers)


def in_phase(found, *phases):
    return [one for one in found.results.autoscale.timeline if one.phase in phases]


def ms(points):
    return Figure([one.latency_ms for one in points])


def settled(found):
    last = in_phase(found, "after-load")[-1]
    return [one for one in in_phase(found, "after-load")[-5:] if one.desired == last.desired]


def shares(found):
    points = in_phase(found, "autoscaled", "after-load")
    return [m.current / m.target for one in points for m in one.metrics if m.current is not None]


def never_scaled(found):
    points = in_phase(found, "autoscaled", "after-load")
    return max(one.desired for one in points) <= points[0].desired


def most_ready(found):
    return max(one.ready for one in in_phase(found, "autoscaled", "after-load"))


def is_best(found):
    judged = [one for one in found.results.sweep.models if one.aicc is not None]
    best = min(judged, key=lambda one: one.aicc)
    return best.name == found.results.sweep.best_model and len(found.results.sweep.points) >= 4


def metric_figures(found, name):
    """A metric per replica, before the siege and at the end."""
    request = found.results.autoscale.request_millicores
    value = {
        "cpu": lambda one: 100 * one.cpu_millicores / one.ready / request,
        "memory": lambda one: one.memory_mb / one.ready,
        "latency": lambda one: one.latency_ms,
        "queue": lambda one: queue(found, one),
    }[name]
    return Figure(map(value, in_phase(found, "baseline"))), Figure(map(value, in_phase(found, "after-load")[-8:]))


def queue(found, point):
    rate = point.hashes_per_second / point.ready
    if found.results.autoscale.target == "rng":
        return point.latency_ms / 100 + min(1, rate / 10) / 2
    return rate * (0.1 + point.latency_ms / 1000)


def fell(found, name, by=1.0):
    before, after = metric_figures(found, name)
    return above(before, after, by)


def queued(found):
    before, _ = metric_figures(found, "queue")
    return before.ci95_low > 1 - 1e-9


def always(found, values):
    return True


CLAIMS = {
    "probe-queues": waits,
    "queue-at-either": lambda found, values: all(one.probe.mean > 20 for one in found.results.latency.values()),
    "queue-cannot-tell": lambda found, values: (
        (values["probe_ms"] - 20) ** 2 <= (2 * (values["probe_high"] - values["probe_low"])) ** 2
    ),
    "no-queue": lambda found, values: all(one.probe.mean < 20 for one in found.results.latency.values()),
    "plateau": lambda found, values: (
        values["to_workers"] >= 2 * values["from_workers"]
        and below(point_of(found, values["to_workers"]), point_of(found, values["from_workers"]), 1.1)
    ),
    "cpu-idle": lambda found, values: values["cpu_millicores"] <= values["request_millicores"],
    "cpu-above-request": lambda found, values: values["cpu_millicores"] > values["request_millicores"],
    "cpu-at-limit": lambda found, values: values["cpu_millicores"] >= 0.9 * found.cpu[values["service"]].limit,
    "scaling-helps": helps,
    "scaling-does-not-help": does_not_help,
    "scaling-cannot-tell": cannot_tell,
    "threads-help": helps,
    "threads-do-not-help": does_not_help,
    "threads-cannot-tell": cannot_tell,
    "longer-would-tell": lambda found, values: 0 < values["seconds"] <= 600,
    "chance-costs": lambda found, values: (
        above(*policy(found, values)) and 0 < values["lost_low"] <= values["lost_high"]
    ),
    "chance-costs-nothing": lambda found, values: below(*policy(found, values)),
    "chance-cannot-tell": lambda found, values: (
        is_open(policy(found, values)[1])
        or not (surely_above(*policy(found, values)) or surely_below(*policy(found, values)))
    ),
    "next-limit-workers": lambda found, values: (
        all(high(under(found, values), name) < 20 for name in ("rng", "hasher"))
        and under(found, values).hashes_per_second.ci95_low > 0.9 * values["ceiling"]
    ),
    "next-limit-elsewhere": lambda found, values: (
        all(high(under(found, values), name) < 20 for name in ("rng", "hasher"))
        and under(found, values).hashes_per_second.ci95_high < 0.9 * values["ceiling"]
    ),
    "next-limit-no-queue": lambda found, values: all(
        high(under(found, values), name) < 20 for name in ("rng", "hasher")
    ),
    "next-limit-service": lambda found, values: low(under(found, values), values["service"]) > 20,
    "next-limit-cannot-tell": lambda found, values: any(
        abs(under(found, values).probe_ms[name] - 20)
        <= high(under(found, values), name) - low(under(found, values), name)
        for name in ("rng", "hasher")
    ),
    "network-quick": lambda found, values: all(one.probe.connect < 10 for one in found.results.latency.values()),
    "redis-quick": lambda found, values: found.redis_ms < 10,
    "above-target-before-load": lambda found, values: (
        Figure([one.cpu_millicores for one in in_phase(found, "baseline")]).mean > 1.1 * 10
        and values["metric_percent"] > 1.1 * values["target_percent"]
    ),
    "load-slowed-work": lambda found, values: above(
        found.results.autoscale.rates["baseline"], found.results.autoscale.rates["load"]
    ),
    "scaled-up": lambda found, values: (
        not never_scaled(found)
        and values["to_replicas"] > values["from_replicas"]
        and most_ready(found) >= values["to_replicas"]
    ),
    "scaled-up-unready": lambda found, values: (
        not never_scaled(found) and values["ready_replicas"] == most_ready(found) < values["to_replicas"]
    ),
    "never-scaled": lambda found, values: never_scaled(found),
    "never-scaled-unknown": lambda found, values: never_scaled(found) and not shares(found),
    "never-scaled-queued": lambda found, values: (
        never_scaled(found) and max(shares(found)) <= 1.1 and ms(in_phase(found, "autoscaled")).ci95_low > 20
    ),
    "latency-fell": lambda found, values: above(
        ms(in_phase(found, "load")), ms(in_phase(found, "autoscaled")[len(in_phase(found, "autoscaled")) // 2 :])
    ),
    "scaled-down": lambda found, values: values["to_replicas"] < values["from_replicas"],
    "rest-replicas": lambda found, values: (
        found.results.autoscale.at_rest and values["replicas"] == in_phase(found, "after-load")[-1].desired
    ),
    "rest-waits": lambda found, values: ms(settled(found)).ci95_low > 20,
    "rest-answers": lambda found, values: ms(settled(found)).ci95_high < 20,
    "not-at-rest": lambda found, values: not found.results.autoscale.at_rest,
    # The verdict.
    "No bottleneck could be proved.": lambda found, values: found.results.bottleneck.service is None,
    "The bottleneck is probably {": lambda found, values: (
        found.results.bottleneck.certainty == "suspected"
        and probes(found, values["service"]).mean > 20
        and not any(
            surely_above(one.hashes_per_second, base(found.results), 1.2)
            for one in found.results.interventions
            if one.service == values["service"] and one.choice == "random" and not is_open(base(found.results))
        )
    ),
    "The bottleneck is {": lambda found, values: any(
        above(one.hashes_per_second, base(found.results), 1.2)
        for one in found.results.interventions
        if one.service == values["service"]
    ),
    # The sweep.
    "{times:.4g} times the workers": lambda found, values: (
        values["times"] == ends(found)[1].workers / ends(found)[0].workers
    ),
    " (95 %: {low": lambda found, values: values["low"] <= found.results.sweep.speedup <= values["high"],
    ", not {times:.4g} times.": lambda found, values: below(*rates_at_ends(found), values["times"]),
    ", more than {times:.4g} times.": lambda found, values: above(*rates_at_ends(found), values["times"]),
    ": as many times as": lambda found, values: (
        above(*rates_at_ends(found), 0.9 * times(found)) and below(*rates_at_ends(found), 1.1 * times(found))
    ),
    ": at 99.9 %, whether it is as many": lambda found, values: is_untold(found),
    ".": always,
    "By the web UI's readings": lambda found, values: (
        above(*rates_at_ends(found), values["times"] * (1 - 1e-9))
        or below(*rates_at_ends(found), values["times"] * (1 + 1e-9))
    ),
    "One rng serves": lambda found, values: (
        ends(found)[1].rng_replicas == 1 and is_about(ends(found)[1].hashes_per_second, values["most"])
    ),
    "Each of {replicas}": lambda found, values: (
        ends(found)[1].rng_replicas == values["replicas"] and is_about(ends(found)[1].hashes_per_second, values["most"])
    ),
    "Of the models the queueing": lambda found, values: is_best(found) and found.results.sweep.best_model == "bound",
    "Of the models {": lambda found, values: is_best(found) and found.results.sweep.best_model == values["name"],
    "The universal": lambda found, values: any(
        above(ends(found)[1].hashes_per_second, one.hashes_per_second, 0.9)
        for one in found.results.sweep.points
        if one.workers <= values["knee"]
    ),
    # The pictures' messages.
    "{workers}: {speedup:.1f} ×, within": lambda found, values: (
        above(*rates_at_ends(found), 0.9 * times(found)) and below(*rates_at_ends(found), 1.1 * times(found))
    ),
    "{workers}: {speedup:.1f} ×, not": lambda found, values: below(*rates_at_ends(found), values["times"]),
    "{workers}: {speedup:.1f} ×, more than": lambda found, values: above(*rates_at_ends(found), values["times"]),
    "{workers}: {low:.1f} to {high:.1f} × (99.9 %);": lambda found, values: is_untold(found),
    "What limits the rate could not": lambda found, values: found.results.bottleneck.service is None,
    # Metrics to scale on.
    "CPU does not": lambda found, values: queued(found) and metric_figures(found, "cpu")[0].ci95_high < 50,
    "CPU: a service": always,
    "Memory does not": lambda found, values: (
        queued(found)
        and fell(found, "queue")
        and not above(*metric_figures(found, "memory"), 1.12)
        and not above(*metric_figures(found, "memory")[::-1], 1.12)
    ),
    "Memory: a replica": lambda found, values: queued(found) and fell(found, "memory", 1.1),
    "Memory: a waiting": always,
    "Latency shows that requests wait, not how many replicas are missing:": lambda found, values: (
        queued(found) and fell(found, "latency")
    ),
    "Latency shows that requests wait, not how many replicas are missing.": always,
    "The request rate shows that a replica is busy, not how much waits: with": lambda found, values: (
        queued(found) and found.results.autoscale.target == "rng"
    ),
    "The request rate shows that a replica is busy, not how much waits: one": always,
    "Requests in flight (waiting or served, for each replica) show how much waits: they": lambda found, values: (
        queued(found) and fell(found, "queue")
    ),
    "Requests in flight (waiting or served, for each replica) show how much waits.": always,
    # Autoscalers side by side.
    **AUTOSCALER_CLAIMS,
    # CPU and memory of the services.
    **POD_CLAIMS,
}
"""By the code of a sentence, or by how its template begins: whether the run's figures bear it."""

# What a picture's message says in other words than the verdict.
CLAIMS |= {
    "The limit is probably {": CLAIMS["The bottleneck is probably {"],
    "{service} limits the rate": CLAIMS["The bottleneck is {"],
}

COMPARISON = re.compile(
    r"\b(rose|raised|fell|faster|slower|less|more than|as many|limits?|costs|bottleneck|proved?|decline|best|only queue"
    r"|better|worse|settles?|in proportion|drives)\b"
)


def times(found):
    few, many = ends(found)
    return many.workers / few.workers


def rates_at_ends(found):
    few, many = ends(found)
    return many.hashes_per_second, few.hashes_per_second


def is_untold(found):
    """Neither surely fewer nor surely more; of a rate that is open nothing is surely more than so many times it."""
    many, few = rates_at_ends(found)
    return not surely_below(many, few, times(found)) and (is_open(few) or not surely_above(many, few, times(found)))


def is_about(rate, most):
    return rate.ci95_low > 0.9 * most * (1 - 1e-9) and rate.ci95_low <= most


TABLES = (SENTENCES, SHOWN, LATENCY, PROOF, SCALED, THEN)
CODES = {template: code for table in TABLES for code, template in table.items()}
del CODES["cannot tell"]  # of three codes, each of which has its sentence


def claim(template):
    """The key of a template in the table; the longest that fits."""
    if template in CODES:
        return CODES[template]
    return max((one for one in CLAIMS if one not in SENTENCES and template.startswith(one)), key=len, default=None)


RUNS = 500
"""In which every sentence is said at least once."""


class Listener(Words):
    """English that remembers what it was asked to say."""

    def __init__(self):
        super().__init__()
        self.said = []

    def __call__(self, template, **values):
        self.said.append((template, values))
        return super().__call__(template, **values)


class Found:
    """A run, and what its verdict knew beside its results."""

    def __init__(self, results, cpu, redis_ms):
        self.results, self.cpu, self.redis_ms = results, cpu, redis_ms


def test_every_sentence_is_borne_by_the_figures_of_any_run():
    """The seeds are given, not drawn: which ones are drawn would follow from what else was imported."""
    reached = set()
    for seed in range(RUNS):
        found, words = Found(*run(seed)), Listener()
        summary(found.results, words)
        sections(found.results, words)
        titles(found.results, words)
        # As `dclab prove` and `dclab hpa-compare` print all of them.
        for one in found.results.bottleneck.evidence:
            evidence_sentence(one, words)
        if found.results.comparison:
            list(verdict_sentences(found.results.comparison, words))
        for template, values in words.said:
            key = claim(template)
            if key is not None:
                reached.add(key)
                assert CLAIMS[key](found, values), (seed, template.format(**values))
    assert set(CLAIMS) - reached == set()


def constants(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "words":
            yield from (one.value for one in node.args if isinstance(one, ast.Constant))


def test_a_sentence_without_its_predicate_is_not_said():
    templates = {*SENTENCES.values(), *(said for _, cases in METRIC_VERDICTS for _, said in cases)}
    templates |= {
        *constants(REPORT / "wording.py"),
        *constants(REPORT / "speedup_words.py"),
        *constants(REPORT / "autoscaler_words.py"),
    } - NO_CLAIM
    unheld = {one for one in templates if claim(one) is None}
    assert unheld == set()
    assert set(SENTENCES) <= set(CLAIMS)


NO_CLAIM = {
    "How much faster is it with more workers, and why not as many times?",
    # Names of changes and policies; a line that is drawn by its definition.
    "as it is",
    "as it is, afterwards",
    "round robin",
    "better of two",
    "{service} with {threads} threads",
    ", ",
    "ideal: in proportion to workers",
    "seconds; the autoscaler's clock ran {clock:g} times faster",
    "difference of costs, replicas",
    # What is so by construction: the autoscaler's clock, the embedded engine's limits.
    *(one for one in constants(REPORT / "sections" / "about.py") if "Kubernetes'" in one),
    *(one for one in constants(REPORT / "sections" / "autoscaler.py") if "clock" in one),
    *(one for one in constants(REPORT / "transcript.py") if "clock" in one),
    # How the figures of the sweep's table were got, and when one is said to be more; names of models.
    *(one for one in constants(REPORT / "sections" / "speed.py") if one.startswith("The web UI's figure")),
    "linear",
    "queueing bound",
    # Headings and questions, answered by sentences that are held; advice; what the exercise asks.
    "Latency of rng and hasher; which one is the bottleneck",
    "Is CPU sensible, and what would be better",
    # Of autoscalers side by side: what was done, how it is counted, and where a sentence that is held is put in.
    *(one for one in constants(REPORT / "autoscaler_words.py") if one.startswith(("{n} autoscalers", "{needed}"))),
    *(
        one
        for one in constants(REPORT / "sections" / "side_by_side.py")
        if one.startswith(
            (
                "The autoscalers' clock",
                "Why?",
                "The scores.",
                "The objective",
                "The autoscaler of least",
                "Each (row)",
                "Missing /",
            )
        )
    ),
    *(one for one in constants(REPORT / "scores.py") if one.startswith(("Missing and", "did not"))),
    "settled at",
    # Of CPU and memory: what the columns are, and where they come from.
    "of limit",
    *(one for one in constants(REPORT / "sections" / "pods.py") if one.startswith("CPU is the time")),
    "Which metric does better was not measured in this run. `dclab hpa-compare` measures it: autoscalers on CPU, latency, "
    "requests and requests in flight, one after the other under the same demand.",
    "Latency and the bottleneck",
    "The proof by experiment, at {workers} workers:",
    "What to do: prove it by experiment, with `dclab prove`.",
    "What to do: run more replicas of rng, or let it serve several requests at a time; more workers only queue.",
    "Which service is the bottleneck? None could be proved.",
    "Which service is the bottleneck? Probably {service}, which is not proved yet.",
    "Which service is the bottleneck? {service}.",
}


def test_elsewhere_the_report_compares_nothing():
    """Only the sentences that are held to the figures may say that something is more, less, or the limit."""
    others = {one for file in REPORT.rglob("*.py") for one in constants(file) if claim(one) is None}
    comparing = {one for one in others if COMPARISON.search(one)}
    assert comparing <= NO_CLAIM, comparing - NO_CLAIM
