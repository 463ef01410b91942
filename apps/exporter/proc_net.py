"""What /proc/net tells of this network namespace: connections at a port, and how many were accepted so far (proc(5))."""

from __future__ import annotations

from apps.exporter.sock_diag import ESTABLISHED, Look

__all__ = ["ProcNet", "passive_opens"]

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


class ProcNet:
    """Looks at one port where there is no sock_diag. It costs ten times as much, and knows less.

    A connection that was accepted and has nothing left to read counts as one that is being served, also if it is only kept
    open. How many may wait is not told: the backlog is taken to be full while connections are turned away.
    """

    def __init__(self, port: int) -> None:
        """OSError when /proc cannot be read."""
        self._end = f":{port:04X}"
        self._turned_away = _turned_away()

    def look(self) -> Look:
        """Return what there is now; OSError when /proc cannot be read."""
        before, self._turned_away = self._turned_away, _turned_away()
        return Look(sum(map(self._in_flight, TABLES)), self._turned_away > before)

    def close(self) -> None:
        """Nothing is open."""

    def _in_flight(self, table: str) -> int:
        found = 0
        try:
            with open(table, encoding="ascii") as file:
                for row in file:
                    _, local, _, state, queues, _, _, _, _, inode, *_ = row.split()
                    if state == f"{ESTABLISHED:02X}" and local.endswith(self._end):
                        unsent, unread = (int(one, 16) for one in queues.split(":"))
                        found += bool(unread or (inode != "0" and not unsent))
        except FileNotFoundError:
            if table == TABLES[0]:
                raise
        return found  # without IPv6 there is no second table


def passive_opens() -> int:
    """Return how many connections were accepted in this network namespace, by any process; OSError when it cannot be read."""
    return _counter("/proc/net/snmp", "Tcp:", "PassiveOpens")


def _turned_away() -> int:
    return _counter("/proc/net/netstat", "TcpExt:", "ListenOverflows")


def _counter(path: str, table: str, name: str) -> int:
    with open(path, encoding="ascii") as file:
        names, values = (line.split() for line in file if line.startswith(table))
    return int(values[names.index(name)])
