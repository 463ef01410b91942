"""The hash counter as the web UI tells it: the same three fields in every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dclab.errors import LabLost
from dclab.lab import Counter

if TYPE_CHECKING:
    import requests

__all__ = ["read_counter"]


def read_counter(session: requests.Session, url: str) -> Counter:
    """Read `/json` of the web UI at `url`; LabLost when it, or Redis behind it, does not answer."""
    import requests

    try:
        answer = session.get(f"{url}/json", timeout=5)
        answer.raise_for_status()
        fields = answer.json()
        return Counter(t=float(fields["now"]), hashes=int(fields["hashes"] or 0), coins=int(fields["coins"]))
    except (requests.RequestException, KeyError, TypeError, ValueError) as error:
        raise LabLost(
            "The hash counter cannot be read.",
            f"The web UI, or Redis behind it, does not answer ({type(error).__name__}).",
            "See `dclab status`.",
        ) from error
