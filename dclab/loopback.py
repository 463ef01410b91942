"""This machine's own address, at which no other machine reaches what listens."""

from __future__ import annotations

__all__ = ["LOOPBACK", "is_loopback"]

LOOPBACK = "127.0.0.1"


def is_loopback(host: str) -> bool:
    """Return whether a host name or address always means this machine; brackets of a URL are not part of it."""
    import ipaddress

    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
