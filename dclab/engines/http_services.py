"""Reading the lab's HTTP services: the same in every engine, given the address."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from dclab.errors import LabLost
from dclab.lab import Counter, Scrape
from dclab.measure.httplat import parse_scrape

if TYPE_CHECKING:
    import requests

__all__ = ["read_counter", "read_httplat"]

TIMEOUT = 5.0


@cache
def _session() -> requests.Session:
    import requests

    session = requests.Session()
    session.trust_env = False  # a proxy of the user's must not come between
    return session


def _get(url: str, what: str) -> requests.Response:
    import requests

    try:
        answer = _session().get(url, timeout=TIMEOUT)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise LabLost(
            f"{what} cannot be read.",
            f"{url} does not answer as it should ({type(error).__name__}).",
            "See `dclab status`.",
        ) from error
    return answer


def read_counter(url: str) -> Counter:
    """The hash counter, from `/json` of the web UI at `url`; LabLost when it or Redis does not answer."""
    answer = _get(f"{url}/json", "The hash counter")
    try:
        fields = answer.json()
        return Counter(t=float(fields["now"]), hashes=int(fields["hashes"] or 0), coins=int(fields["coins"]))
    except (KeyError, TypeError, ValueError) as error:
        raise LabLost("The web UI's answer is not the counter.", repr(error), "See `dclab status`.") from error


def read_httplat(url: str) -> Scrape:
    """Sum and count of the httplat exporter at `url`; LabLost when it does not answer."""
    answer = _get(f"{url}/metrics", "The latency exporter")
    try:
        return parse_scrape(answer.text)
    except ValueError as error:
        raise LabLost("The latency exporter's page is incomplete.", str(error), "See `dclab status`.") from error
