"""A rolling update: prediction, tables, picture."""

from __future__ import annotations

from collections.abc import Iterator

from dclab.report.blocks import Block, bullets, table, text
from dclab.report.language import Words
from dclab.report.rollout_words import loss_rows, phase_rows, rollout_sentences
from dclab.results import RolloutDemo

__all__ = ["rollout"]


def rollout(found: RolloutDemo, words: Words) -> Iterator[Block]:
    """Yield the demonstration of one rolling update."""
    yield text(
        words(
            "{target}, of {replicas} replicas, was updated to an image that does not exist, and rolled back, with {workers} workers running.",
            target=found.target,
            replicas=found.replicas,
            workers=found.workers,
        )
    )
    yield bullets(list(rollout_sentences(found, words)))
    head = ("", words("s"), words("hashes"), words("hashes/s"), words("fewest ready"), words("failed calls"))
    yield table(head, phase_rows(found, words))
    if len(found.timeline) > 1:
        yield Block(kind="picture", text="rollout")
    if found.losses:
        yield text(words("Workers that were ended, and their hashes:"))
        head = (words("ended by"), words("workers"), words("made"), words("counted"), words("lost"), words("predicted"))
        yield table(head, loss_rows(found))
