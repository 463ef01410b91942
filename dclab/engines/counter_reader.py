"""Reading the hash counter fifty times a second, with little CPU of our own: one connection, kept open if the server does."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

from dclab.engines.http_services import decode_counter, read_counter
from dclab.lab import Counter

__all__ = ["CounterReader"]

TIMEOUT = 5.0
LARGEST = 100_000
"""Bytes of an answer; the counter's has less than a hundred."""


class CounterReader:
    """Reads one web UI's counter. Not for several threads."""

    def __init__(self, url: str, hint: str) -> None:
        """Take the web UI's address, without a trailing slash, and what to do when it cannot be read."""
        self.url = url
        self.hint = hint
        parts = urlsplit(url)
        self._path = f"{parts.path}/json"
        host = parts.hostname or ""
        self._connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self._connection = http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=context)
        else:
            self._connection = http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT)

    def read(self) -> Counter:
        """Return the counter; LabLost as `read_counter`, which asks again where anything is unusual."""
        for _ in range(2):  # a connection that was kept open may have been closed meanwhile
            fresh = self._connection.sock is None
            try:
                self._connection.request("GET", self._path)
                answer = self._connection.getresponse()
                body = answer.read(LARGEST)
            except (OSError, http.client.HTTPException):
                self._connection.close()
                if fresh:
                    break
                continue
            if answer.status == http.client.OK and answer.isclosed():
                return decode_counter(body, self.hint)
            self._connection.close()
            break
        return read_counter(self.url, self.hint)
