"""Whether a connection that has carried an answer before holds another request now.

It does when something came after the last that went. The kernel keeps both times in ticks of its clock (1 to 10 ms), and a
client that asks again as soon as it is answered does so within a tick: then what was seen of the connection before decides.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["KeepAlive"]


class _Seen(NamedTuple):
    """A connection at the last look."""

    received: int
    sent: int
    holds: bool
    clear: bool
    """What it was when it was last told by the times alone; False before it ever was."""


class KeepAlive:
    """The connections of the last look, by their cookies; of those that have ended nothing is kept."""

    def __init__(self) -> None:
        self._before: dict[bytes, _Seen] = {}
        self._now: dict[bytes, _Seen] = {}

    def holds_request(self, cookie: bytes, received: int, sent: int, received_ago: int, sent_ago: int) -> bool:
        """Return whether the connection holds a request, and remember it for the next look.

        Args:
            cookie: the kernel's name for the connection.
            received: bytes so far.
            sent: segments with data so far.
            received_ago: milliseconds since something last came.
            sent_ago: milliseconds since something last went.
        """
        before = self._before.get(cookie)
        clear = before is not None and before.clear
        if received_ago != sent_ago:
            holds = clear = received_ago < sent_ago
        elif before is None or (received != before.received and sent != before.sent):
            holds = clear
        elif received != before.received:
            holds = True
        elif sent != before.sent:
            holds = False
        else:
            holds = before.holds
        self._now[cookie] = _Seen(received, sent, holds, clear)
        return holds

    def end_look(self) -> None:
        """Forget the connections that this look has not seen."""
        self._before, self._now = self._now, {}
