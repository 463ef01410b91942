"""Whether a connection that has carried an answer before holds another request now.

It does when something came after the last that went. The kernel keeps both times in ticks of its clock (1 to 10 ms), and a
client that asks again as soon as it is answered does so within a tick. Then the counts of what came and went decide.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["KeepAlive"]

MOST_PARTS = 2
"""Segments that requests may have for counts to decide: head and body are often sent one after the other."""


class _Seen(NamedTuple):
    """A connection at the last look."""

    came: int
    went: int
    holds: bool


class KeepAlive:
    """The connections of the last look, by their cookies; of those that have ended nothing is kept."""

    def __init__(self) -> None:
        self._before: dict[bytes, _Seen] = {}
        self._now: dict[bytes, _Seen] = {}

    def holds_request(self, cookie: bytes, came: int, went: int, came_ago: int, went_ago: int) -> bool:
        """Return whether the connection holds a request, and remember it for the next look.

        Args:
            cookie: the kernel's name for the connection.
            came: segments with data that were received so far.
            went: those that were sent so far.
            came_ago: milliseconds since the last of the former.
            went_ago: milliseconds since the last of the latter.
        """
        before = self._before.get(cookie)
        holds: bool | None
        if came_ago != went_ago:
            holds = came_ago < went_ago
        elif before and (came == before.came or went == before.went):
            holds = came != before.came or (before.holds and went == before.went)
        else:
            holds = _by_counts(came, went)
        if holds is None:
            holds = bool(before and before.holds)
        self._now[cookie] = _Seen(came, went, holds)
        return holds

    def end_look(self) -> None:
        """Forget the connections that this look has not seen."""
        self._before, self._now = self._now, {}


def _by_counts(came: int, went: int) -> bool | None:
    """Whether more requests came than answers went, where all requests, and all answers, have as many segments as each other.

    None: they do not. As long as there were no more requests than an answer has segments, it may be wrong.
    """
    for parts in range(1, MOST_PARTS + 1):
        requests, rest = divmod(came, parts)
        if rest == 0 and went % requests == 0:
            return False
        if rest == 0 and requests > 1 and went % (requests - 1) == 0:
            return True
    return None
