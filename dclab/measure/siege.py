"""Reading what siege prints: the text of versions 3 and 4, or the JSON of version 4."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from dclab.errors import DclabError

__all__ = ["SiegeSummary", "parse_siege", "ran_its_time"]

EARLY_SECONDS = 1.5
"""By which a siege may end before its time: siege 4 counts down whole seconds, begun before it sends anything."""


@dataclass(frozen=True, kw_only=True)
class SiegeSummary:
    """The figures of a load test under siege's own names; none is negative."""

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


_LINE = re.compile(
    r'^[\s{]*"?([A-Za-z][A-Za-z_ ]*?)"?\s*:\s*(\d{1,15}(?:\.\d{1,15})?)\s*([A-Za-z/%]*)\s*,?\s*$', re.MULTILINE
)


def parse_siege(text: str) -> SiegeSummary:
    """Return the summary in siege's output; DclabError: lines are missing, and which."""
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


def ran_its_time(summary: SiegeSummary, seconds: float, log: str) -> bool:
    """Whether siege kept up the load for `seconds`; it gives up after many failures, and its exit code is 0 all the same."""
    return "aborted" not in log.lower() and summary.elapsed_time >= seconds - EARLY_SECONDS
