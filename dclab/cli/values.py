"""Kinds of option values, each with one function that parses and checks it."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from dclab.errors import InvalidInput

__all__ = [
    "MOST_REPLICAS",
    "MOST_SIMULATED",
    "Counts",
    "Duration",
    "number",
    "parse_address",
    "parse_count",
    "parse_counts",
    "parse_duration",
    "parse_number",
    "parse_path",
    "parse_url",
    "parse_webui",
]

MOST_REPLICAS = 10_000
"""No lab carries more; for how many there is room, the lab says itself."""
MOST_SIMULATED = 1000
"""Replicas for which a simulation takes seconds."""
MOST_DIGITS = 18
"""Of a number: Python itself refuses to read 5000 of them."""
FASTEST = 1000.0
"""Requests per second of an open loop: each has a thread while it is under way."""
LONGEST_SECONDS = 24 * 3600.0


class Duration(float):
    """Seconds, shown as they are typed: `90s`, `4m`."""

    def __str__(self) -> str:
        """Whole minutes as minutes."""
        return f"{self / 60:g}m" if self and self % 60 == 0 else f"{self:g}s"


class Counts(tuple[int, ...]):
    """Numbers with commas between them, each once."""

    def __str__(self) -> str:
        """As they are typed."""
        return ",".join(map(str, self))


def parse_address(value: str) -> str:
    """Return an IP address; else InvalidInput."""
    try:
        ip_address(value)
    except ValueError as error:
        raise InvalidInput(
            f"{value!r} is not an address.", "It must be an IP address of this machine.", "Try 127.0.0.1."
        ) from error
    return value


def number(text: str, what: str, low: int, high: int) -> int:
    """Return a whole number within bounds; else InvalidInput."""
    found = re.fullmatch(rf"-?[0-9]{{1,{MOST_DIGITS}}}", text.strip())
    if not found or not low <= int(found.group()) <= high:
        raise InvalidInput(f"{text!r} is not a possible {what}.", f"It must be a whole number from {low} to {high}.")
    return int(found.group())


def parse_count(what: str, *, low: int = 1, high: int = MOST_REPLICAS) -> Callable[[str | int], int]:
    """Return the parser of a whole number within bounds; defaults pass through it."""
    return lambda value: value if isinstance(value, int) else number(value, what, low, high)


def parse_counts(what: str, *, low: int = 1, high: int = MOST_REPLICAS) -> Callable[[str | Counts], Counts]:
    """Return the parser of several numbers."""

    def parse(value: str | Counts) -> Counts:
        if isinstance(value, Counts):
            return value
        counts = Counts(number(one, what, low, high) for one in value.split(","))
        if len(set(counts)) != len(counts):
            raise InvalidInput(f"{value!r} names a {what} twice.", "Each is measured once.", "Omit the second one.")
        return counts

    return parse


def parse_duration(what: str, *, low: float = 1.0) -> Callable[[str | Duration], Duration]:
    """Return the parser of `90`, `90s`, `4m` or `1h`."""

    def parse(value: str | Duration) -> Duration:
        if isinstance(value, Duration):
            return value
        found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([smhSMH]?)", value.strip())
        seconds = float(found.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3600}[found.group(2).lower()] if found else 0.0
        if not low <= seconds <= LONGEST_SECONDS:
            raise InvalidInput(
                f"{value!r} is not a possible {what}.",
                f"It must be a time from {low:g} s to 24 h, such as 30s or 4m.",
            )
        return Duration(seconds)

    return parse


def parse_number(what: str, unit: str, *, low: float, high: float) -> Callable[[str | float], float]:
    """Return the parser of a number within bounds, in a unit that the refusal names."""

    def parse(value: str | float) -> float:
        if not isinstance(value, str):
            return value
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value.strip()) or not low <= float(value) <= high:
            raise InvalidInput(
                f"{value!r} is not a possible {what}.",
                f"It must be a number from {low:g} to {high:g} {unit}".rstrip() + ".",
            )
        return float(value)

    return parse


URL_EXAMPLE = "Give one such as http://127.0.0.1:8080/path."


def parse_url(value: str) -> str:
    """Return an http or https URL; a bare `host:port` is http's. InvalidInput says why it cannot be asked."""
    url = value if "://" in value else f"http://{value}"
    if why := _fault_of(url):
        raise InvalidInput(f"{value!r} is not a URL to ask.", why, URL_EXAMPLE)
    return url


def _fault_of(url: str) -> str:
    """Say why a URL cannot be probed; empty when it can."""
    if hole := re.search(r"<[^<>]*>", url):
        return f"{hole.group()} is a placeholder; put the real value in its place, as `minikube ip` prints it."
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return f"It cannot be read: {error}."
    if not url.isascii():
        return "It has characters that a URL must write as %XX, or a host name as punycode."
    checks = (
        (parts.scheme not in ("http", "https"), f"Its scheme is {parts.scheme!r}; only http and https can be probed."),
        (bool(re.search(r"[\s\x00-\x1f\x7f]", url)), "It has spaces or control characters."),
        ("@" in parts.netloc, "It holds a user or a password, which dclab does not send."),
        ("#" in url, "It has a fragment (#…), which is never sent to a server."),
        (not host, "It names no host."),
        (port == 0, "Port 0 is not a port that anything listens on."),
        (bool(re.search(r'[{}|\\^`"]', url)), "It has characters that a URL must write as %XX."),
    )
    return next((why for wrong, why in checks if wrong), "") or _fault_of_host(host or "")


def _fault_of_host(host: str) -> str:
    if ":" in host:  # in brackets, so an address of IPv6
        try:
            ip_address(host.partition("%")[0])
        except ValueError:
            return f"{host!r} is not an IPv6 address."
        return ""
    labels = host.rstrip(".").split(".")
    if len(host) > 253 or not all(
        re.fullmatch(r"[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?", one, re.IGNORECASE) for one in labels
    ):
        return f"{host!r} is not a host name."
    return ""


def parse_webui(value: str) -> str:
    """Return the base URL of a web UI, also when the address of one of its files was copied."""
    url = parse_url(value)
    parts = urlsplit(url)
    path = re.sub(r"/(json|index\.html)?$", "", parts.path)
    return f"{parts.scheme}://{parts.netloc}{path}"


def parse_path(value: str) -> str:
    """Return the path of a URL; else InvalidInput."""
    if not re.fullmatch(r"/[\w\-./~%?=&+]*", value, re.ASCII):
        raise InvalidInput(f"{value!r} is not a path.", "It begins with a slash and has no spaces.", "Try / or /32.")
    return value
