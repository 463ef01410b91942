"""Reading the HTTP services of a DockerCoins: the same in every engine, given the address.

The counter is also read from labs that dclab did not start, whose web UIs are written in Ruby, Node.js, Go, .NET or
Python and agree in little: `hashes` is a number or a string, `coins` may be missing, `now` may have whole seconds.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from dclab.errors import LabLost
from dclab.lab import Counter, Scrape
from dclab.measure.httplat import parse_scrape

if TYPE_CHECKING:
    import requests

__all__ = ["call", "decode_counter", "read_counter", "read_httplat"]

TIMEOUT = 5.0
LARGEST = 4_000_000
"""Bytes of an answer; a larger one is not from a service of DockerCoins."""

SEE_STATUS = "See `dclab status`."

T = TypeVar("T")


def _session() -> requests.Session:
    """A session for one request: a connection that was kept may have been closed by the other side meanwhile."""
    import requests

    session = requests.Session()
    session.trust_env = False  # a proxy of the user's must not come between
    return session


def _asked(url: str, what: str, hint: str, data: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of a GET, or of a POST of `data`. LabLost: no answer, or a body that is too large or too late."""
    import requests

    body = b""
    end = time.monotonic() + TIMEOUT
    try:
        method = "GET" if data is None else "POST"
        with _session() as session, session.request(method, url, data=data, timeout=TIMEOUT, stream=True) as answer:
            for part in answer.iter_content(65536):
                body += part
                if len(body) > LARGEST or time.monotonic() > end:
                    raise LabLost(f"{what} cannot be read.", f"The answer of {url} is too long.", hint)
            return answer.status_code, body
    except requests.RequestException as error:
        reason = "does not answer in time" if isinstance(error, requests.Timeout) else "does not answer"
        raise LabLost(f"{what} cannot be read.", f"{url} {reason} ({type(error).__name__}).", hint) from error


def call(url: str, data: bytes | None = None) -> bytes:
    """Return the answer of rng or hasher to a call as a worker makes it: GET, or POST of `data`.

    Raises:
        LabLost: it does not answer, or with an error.
    """
    status, body = _asked(url, url, SEE_STATUS, data)
    if status >= 400:
        raise LabLost(f"{url} does not answer as DockerCoins does.", f"It answered with status {status}.", SEE_STATUS)
    return body


def read_counter(url: str, hint: str = SEE_STATUS) -> Counter:
    """Return the hash counter, from `/json` of the web UI at `url`.

    Args:
        url: of the web UI, without a trailing slash.
        hint: what to do when it cannot be read.

    Raises:
        LabLost: the web UI or the Redis behind it does not answer, or it is not the web UI of a DockerCoins.
    """
    status, body = _asked(f"{url}/json", "The hash counter", hint)
    if status >= 400:
        if b"redis" in body.lower():
            raise _no_redis(hint)
        raise LabLost("The hash counter cannot be read.", f"{url}/json answered with status {status}.", hint)
    return decode_counter(body, hint)


def decode_counter(body: bytes, hint: str = SEE_STATUS) -> Counter:
    """Return the counter in a web UI's `/json`; one that tells no time it is given this machine's.

    Raises:
        LabLost: `hashes` is missing, as where Redis does not answer, or this is no such JSON at all.
    """
    import msgspec

    try:
        fields = msgspec.json.decode(body, type=dict[str, Any])
        if "hashes" not in fields and "now" in fields:
            raise _no_redis(hint)
        hashes = _converted(fields["hashes"], Annotated[int, msgspec.Meta(ge=0, le=2**62)])
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, RecursionError) as error:
        raise LabLost(
            "The answer is not the counter of a DockerCoins.",
            "The web UI's /json has `hashes`, a number that only rises.",
            hint,
        ) from error
    try:
        coins = _converted(fields.get("coins"), Annotated[int, msgspec.Meta(ge=0)])
    except msgspec.ValidationError:
        coins = 0  # nothing depends on it
    try:
        t = _converted(fields.get("now"), Annotated[float, msgspec.Meta(gt=0, le=1e11)])
    except msgspec.ValidationError:
        t = time.time()
    return Counter(t=t, hashes=hashes, coins=coins)


def _converted(value: Any, kind: type[T] | Any) -> T | Any:
    """A number, also where it is written as a string; one that nobody has counted yet is 0."""
    import msgspec

    return msgspec.convert(0 if value in (None, "") else value, kind, strict=False)


def _no_redis(hint: str) -> LabLost:
    return LabLost("Redis behind the web UI does not answer.", "The web UI answers, but without a counter.", hint)


def read_httplat(url: str) -> Scrape:
    """Return sum and count of the httplat exporter at `url`; LabLost: it does not answer, or not as an exporter."""
    status, body = _asked(f"{url}/metrics", "The latency exporter", SEE_STATUS)
    try:
        if status >= 400:
            raise ValueError(f"it answered with status {status}")
        return parse_scrape(body.decode(errors="replace"))
    except ValueError as error:
        raise LabLost("The latency exporter's page cannot be used.", f"{error}.".capitalize(), SEE_STATUS) from error
