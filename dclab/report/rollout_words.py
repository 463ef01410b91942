"""What a demonstration of a rolling update shows, in words."""

from __future__ import annotations

from collections.abc import Iterator

from dclab.report.language import Words
from dclab.report.recorded import recorded
from dclab.results import HealthPhase, Loss, RolloutDemo, Took

__all__ = ["loss_rows", "phase_rows", "rollout_sentences"]

ENGLISH = Words()

SHORTEST_SECONDS = 5.0
"""Of a phase whose rate is shown: in less time, what workers hold decides."""


def rollout_sentences(demo: RolloutDemo, words: Words = ENGLISH) -> Iterator[str]:
    """What was predicted, what happened, and whether it is the same."""
    yield words(
        "Predicted: with {replicas} replicas, maxUnavailable allows {unavailable} to be missing and maxSurge allows {surge} "
        "extra, so the update to an image that cannot run hangs with {old} old replicas in service and {new} new ones that never get ready.",
        replicas=demo.replicas,
        unavailable=demo.max_unavailable,
        surge=demo.max_surge,
        old=demo.predicted.old,
        new=demo.predicted.new,
    )
    yield from _stuck(demo, words)
    yield from _rates(demo, words)
    yield from _times(demo, words)
    for one in demo.losses:
        yield from _loss(one, words)


def _stuck(demo: RolloutDemo, words: Words) -> Iterator[str]:
    if _phase(demo, "bad image") is None:
        yield words("The update was not watched.")
    elif demo.stuck is None:
        yield words("Measured: the update did not hang, which is not as predicted.")
    elif demo.verdict == "as predicted":
        yield words(
            "Measured: it hung with {old} old and {new} new replicas, as predicted.",
            old=demo.stuck.old,
            new=demo.stuck.new,
        )
    else:
        yield words(
            "Measured: it hung with {old} old and {new} new replicas, not as predicted.",
            old=demo.stuck.old,
            new=demo.stuck.new,
        )
    if demo.waiting:
        yield words("The new replicas are not ready; reported reason: {why}.", why=recorded(demo.waiting, words))


def _rates(demo: RolloutDemo, words: Words) -> Iterator[str]:
    before, during = _phase(demo, "before"), _phase(demo, "bad image")
    if before is None or during is None:
        return
    values = {
        "low": during.rate_low,
        "high": during.rate_high,
        "before_low": before.rate_low,
        "before_high": before.rate_high,
    }
    if during.rate_high < before.rate_low:
        yield words(
            "Meanwhile the rate went down, to {low:.1f} to {high:.1f} hashes/s from {before_low:.1f} to {before_high:.1f}.",
            **values,
        )
    elif during.rate_low > before.rate_high:
        yield words(
            "Meanwhile the rate went up, to {low:.1f} to {high:.1f} hashes/s from {before_low:.1f} to {before_high:.1f}.",
            **values,
        )
    elif during.rate_low > 0:
        yield words(
            "Meanwhile the app went on, at {low:.1f} to {high:.1f} hashes/s; before it was {before_low:.1f} to {before_high:.1f}, "
            "so whether it changed cannot be told.",
            **values,
        )
    else:
        yield words(
            "Whether the app went on meanwhile cannot be told: at most {high:.1f} hashes/s.", high=during.rate_high
        )


def _times(demo: RolloutDemo, words: Words) -> Iterator[str]:
    if demo.undone:
        yield words("The undo (kubectl rollout undo) took {seconds}.", seconds=_seconds(demo.undone, words))
    if demo.healed:
        yield words(
            "After a replica was deleted, all {replicas} were ready again within {seconds}.",
            replicas=demo.replicas,
            seconds=_seconds(demo.healed, words),
        )
    for phase, count in demo.failed.items():
        if count:
            yield words(
                "{count} calls of workers failed in the phase “{phase}”.", count=count, phase=_name(phase, words)
            )


def _seconds(took: Took, words: Words) -> str:
    return words("{low:.1f} to {high:.1f} s", low=took.low, high=took.high)


def _loss(one: Loss, words: Words) -> Iterator[str]:
    values = {
        "workers": one.workers,
        "served": one.served,
        "lost": one.lost,
        "low": one.predicted_low,
        "high": one.predicted_high,
    }
    predicted = one.predicted_low <= one.lost <= one.predicted_high
    if one.how == "SIGTERM" and predicted:
        yield words(
            "{workers} workers were ended by SIGTERM and reported what they held: of {served} hashes {lost} are not counted, as "
            "predicted ({low} to {high}: those that hasher is making at that moment).",
            **values,
        )
    elif one.how == "SIGTERM":
        yield words(
            "{workers} workers were ended by SIGTERM, by which they report what they hold: of {served} hashes {lost} are not "
            "counted, not as predicted ({low} to {high}).",
            **values,
        )
    elif predicted:
        yield words(
            "{workers} workers were killed without SIGTERM: of {served} hashes {lost} are not counted, as predicted ({low} to "
            "{high}: also those that they hold).",
            **values,
        )
    else:
        yield words(
            "{workers} workers were killed without SIGTERM: of {served} hashes {lost} are not counted, not as predicted ({low} to "
            "{high}).",
            **values,
        )


def _phase(demo: RolloutDemo, name: str) -> HealthPhase | None:
    return next((one for one in demo.phases if one.phase == name), None)


def _name(phase: str, words: Words) -> str:
    names = {
        "before": words("before"),
        "bad image": words("bad image"),
        "undo": words("undo"),
        "after": words("after"),
        "heal": words("replica deleted"),
    }
    return names.get(phase, phase)


def phase_rows(demo: RolloutDemo, words: Words = ENGLISH) -> list[tuple[str, ...]]:
    """A row for each phase: seconds, hashes, hashes/s, the fewest replicas that were ready, failed calls."""
    return [
        (
            _name(one.phase, words),
            f"{one.seconds:.0f}",
            f"{one.hashes}",
            f"{one.rate_low:.1f}–{one.rate_high:.1f}" if one.seconds >= SHORTEST_SECONDS else "–",
            f"{min(sum(each.ready for each in look.replicas) for look in demo.timeline if look.phase == one.phase)}",
            f"{demo.failed.get(one.phase, 0)}",
        )
        for one in demo.phases
    ]


def loss_rows(demo: RolloutDemo) -> list[tuple[str, ...]]:
    """A row for each way of ending workers: their number, hashes made, counted, lost, predicted to be lost."""
    return [
        (
            one.how,
            f"{one.workers}",
            f"{one.served}",
            f"{one.counted}",
            f"{one.lost}",
            f"{one.predicted_low}–{one.predicted_high}",
        )
        for one in demo.losses
    ]
