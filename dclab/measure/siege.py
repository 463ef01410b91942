"""Reading what a siege prints: the text of versions 3 and 4, or the JSON of version 4."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from dclab.errors import DclabError

__all__ = ["SiegeSummary", "parse_siege"]


@dataclass(frozen=True, kw_only=True)
class SiegeSummary:
    """A siege's figures under siege's own names."""

    transactions: int
    availability: float
    """Percent."""
    elapsed_time: float
    """Seconds."""
    data_transferred: float
    """MB."""
    response_time: float
    """Mean seconds."""
    transaction_rate: float
    """Per second."""
    throughput: float
    """MB per second."""
    concurrency: float
    successful_transactions: int
    failed_transactions: int
    longest_transaction: float
    """Seconds."""
    shortest_transaction: float
    """Seconds."""


_LINE = re.compile(r'^[\s{]*"?([A-Za-z][A-Za-z_ ]*?)"?\s*:\s*(-?\d+(?:\.\d+)?)\s*([A-Za-z/%]*)\s*,?\s*$', re.MULTILINE)


def parse_siege(text: str) -> SiegeSummary:
    """The summary in a siege's output; DclabError says which lines are not there."""
    found: dict[str, float] = {}
    for key, value, unit in _LINE.findall(text):
        name = key.strip().lower().replace(" ", "_")
        found[name] = float(value) / (1000 if unit == "ms" else 1)
    missing = [one.name for one in fields(SiegeSummary) if one.name not in found]
    if missing:
        last = text.strip().splitlines()[-1:] or ["nothing"]
        raise DclabError(
            "The load test printed no complete summary.",
            f"Its last line was: {last[0].strip()}. Not in it: {', '.join(missing)}.",
            "Run it again; `dclab doctor` shows which generator is used.",
        )
    whole = {"transactions", "successful_transactions", "failed_transactions"}
    return SiegeSummary(
        **{one.name: int(found[one.name]) if one.name in whole else found[one.name] for one in fields(SiegeSummary)}  # type: ignore[arg-type]
    )
