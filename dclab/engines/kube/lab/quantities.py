"""What the target's replicas have been asked so far, from the lab's Prometheus.

The exporters could be asked themselves, but for each of them through the API server: ten times for ten replicas. So what
is read here is as old as the last scrape, and carries the time of that.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from dclab.errors import LabLost
from dclab.lab import Quantities

__all__ = ["read_quantities"]

TIMEOUT = 5.0
SERIES = {
    "dockercoins_in_flight_seconds_total": "in_flight_seconds",
    "dockercoins_requests_total": "requests",
    "dockercoins_backlog_full_seconds_total": "full_seconds",
}
"""Fields of `Quantities`, by the series that has them."""

Sample = tuple[float, Annotated[str, msgspec.Meta(max_length=100)]]


class _Series(msgspec.Struct):
    metric: dict[str, str]
    values: list[Sample]


class _Data(msgspec.Struct):
    result: list[_Series]


class _Answer(msgspec.Struct):
    """Of /api/v1/query, for the samples of a while."""

    data: _Data


def read_quantities(url: str, target: str, seconds: float) -> dict[str, Quantities]:
    """Return the last samples of each replica, by its name, if they are from the last `seconds`.

    Args:
        url: of Prometheus, without a trailing slash.
        target: the deployment.
        seconds: more than a scrape period.

    Raises:
        LabLost: Prometheus does not answer, or not as one.
    """
    import requests

    series = f'{{__name__=~"{"|".join(SERIES)}",service="{target}"}}[{round(1000 * seconds)}ms]'
    hint = "`dclab status` shows whether it is ready."
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the user's must not come between
            answer = session.get(f"{url}/api/v1/query", params={"query": series}, timeout=TIMEOUT)
        found = msgspec.json.decode(answer.content, type=_Answer, strict=False).data.result
    except requests.RequestException as error:
        raise LabLost("Prometheus does not answer.", f"{url}: {type(error).__name__}.", hint) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise LabLost("Prometheus does not answer with samples.", f"{error}.", hint) from error
    read: dict[str, dict[str, float]] = {}
    for one in found:
        if field := SERIES.get(one.metric.get("__name__", "")):
            t, value = one.values[-1]
            try:
                read.setdefault(one.metric.get("pod", ""), {})[field] = float(value)
            except ValueError as error:
                raise LabLost("Prometheus does not answer with numbers.", f"{error}.", hint) from error
            read[one.metric.get("pod", "")]["t"] = t
    return {pod: Quantities(**fields) for pod, fields in sorted(read.items()) if pod and len(fields) == len(SERIES) + 1}
