"""Following the CPU and memory of all replicas through the states that a sweep passes, beside what it measures."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from dclab.errors import DclabError
from dclab.experiments.observer import Observer
from dclab.experiments.pods import UsageRow, pod_state
from dclab.experiments.recovery import NOT_OURS
from dclab.lab import Lab, ReplicaUsage, UsageMeter
from dclab.results import Caveat, Pods, PodState, Resources

__all__ = ["UsageWatch", "watched_usage"]

WANTED = 2
"""Windows of each replica from which on a mean has an interval."""

LEAVE_SECONDS = 2.0
"""That the end waits for a reading: where a cluster is away, it takes long, and what it would say is not needed any more."""

Replicas = Mapping[str, tuple[tuple[str, ...], int]]
"""Names and restarts by deployment: what must stay the same within a state."""


@dataclass
class _State:
    """The lab while nothing of it changes."""

    workers: int
    attempt: int
    began: float
    replicas: Replicas
    since: float = field(default_factory=time.monotonic)
    rows: dict[tuple[str, float], UsageRow] = field(default_factory=dict)
    """By replica and end of the window."""

    def take(self, found: Mapping[str, Sequence[ReplicaUsage]]) -> None:
        """Keep the windows that began after the state did."""
        for service, (names, _) in self.replicas.items():
            for one in found.get(service, ()):
                if one.replica in names and one.at - one.window_seconds >= self.began:
                    self.rows[one.replica, one.at] = UsageRow(
                        workers=self.workers, attempt=self.attempt, service=service, **vars(one)
                    )

    def enough(self) -> bool:
        """Whether every replica has the windows that are wanted."""
        known = [replica for replica, _ in self.rows]
        return all(known.count(name) >= WANTED for names, _ in self.replicas.values() for name in names)


class UsageWatch:
    """Reads a meter in a thread of its own. The sweep says when a state begins, and when the lab may change.

    What cannot be read is missing, and nothing else fails for it. A state is kept when it ends.
    """

    def __init__(self, lab: Lab, meter: UsageMeter, observer: Observer) -> None:
        """Follow nothing yet.

        Args:
            lab: by whose clock the states are timed.
            meter: of its replicas.
            observer: is given the windows, and what the states so far come to.
        """
        self._lab = lab
        self._meter = meter
        self._observer = observer
        self._resources: Mapping[str, Resources] = {}
        self._state: _State | None = None
        self._found: dict[int, PodState] = {}
        self._attempts: dict[int, int] = {}
        self._lock = threading.Lock()
        """Of the state's windows."""
        self._reading = threading.Lock()
        self._over = threading.Event()
        self._due = time.monotonic()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def early(self, workers: int) -> None:
        """Begin a state before the sweep comes to it, where windows take long: if the lab has so many workers, it is settled."""
        if self._meter.patience and self._lab.replicas("worker").desired == workers:
            self.settled(workers)

    def settled(self, workers: int) -> None:
        """The lab is settled with so many workers; a state of as many that has begun goes on."""
        if self._state and self._state.workers == workers:
            return
        self._state = None
        with contextlib.suppress(DclabError):  # a lab that is lost is noticed by the measurement
            self._resources = self._resources or self._lab.resources()
            began, replicas = self._lab.counter().t, self._replicas()
            attempt = self._attempts[workers] = self._attempts.get(workers, 0) + 1
            self._look()
            with self._lock:
                self._state = _State(workers, attempt, began, replicas)

    def measured(self, *, wait: bool = False) -> None:
        """The sweep has measured its rate: keep the state if it has enough windows; where wanted, wait until it has."""
        while wait and (state := self._state) and not self._enough(state):
            if time.monotonic() > state.since + self._meter.patience:
                break
            self._observer.step(f"sweep: waiting for windows of {self._meter.source}")
            time.sleep(0.2)
        if (state := self._state) and self._enough(state):
            self._keep(state)

    def change(self, workers: int) -> None:
        """The lab is about to have so many workers: unless it has, end the state and keep what is known of it."""
        if self._state and self._state.workers != workers:
            self._keep(self._state)

    def drop(self) -> None:
        """Forget the state: something disturbed it."""
        self._state = None

    def stop(self) -> None:
        """End it, and keep what is known of the state."""
        self._over.set()
        self._thread.join(LEAVE_SECONDS)
        with contextlib.suppress(DclabError):  # it hides nothing that ended the measurement
            if self._state:
                self._keep(self._state)

    def _keep(self, state: _State) -> None:
        self._state = None
        with self._lock:
            rows = list(state.rows.values())
        try:
            ended, now = self._lab.counter().t, self._replicas()
        except DclabError:  # a lab that is lost is noticed by the measurement
            return
        same = all(now.get(name) == before for name, before in state.replicas.items())
        found = pod_state(state.workers, state.began, ended, rows, self._resources)
        if found is None or not same:
            return
        self._found[state.workers] = found
        self._observer.raw("pods", map(asdict, rows))
        states = tuple(one for _, one in sorted(self._found.items()))
        self._observer.record(pods=Pods(source=self._meter.source, cores=self._meter.cores, states=states))

    def _replicas(self) -> Replicas:
        return {name: (one.counts.names, one.counts.restarts) for name, one in self._lab.states().items()}

    def _enough(self, state: _State) -> bool:
        with self._lock:
            return state.enough()

    def _follow(self) -> None:
        while not self._over.wait(max(0.01, self._due - time.monotonic())):
            if time.monotonic() >= self._due:
                self._look()

    def _look(self) -> None:
        with self._reading, contextlib.suppress(DclabError):
            self._due = time.monotonic() + self._meter.every
            found = self._meter.read()
            with self._lock:
                if self._state:
                    self._state.take(found)


@contextlib.contextmanager
def watched_usage(lab: Lab, observer: Observer) -> Iterator[UsageWatch | None]:
    """Follow CPU and memory for the duration; None where they cannot be had, which a caveat says with what to do."""
    try:
        meter = lab.usage_meter()
        meter.read()
    except NOT_OURS:
        raise
    except DclabError as error:
        hint = f"{error.hint} The rest is measured without them.".strip()
        observer.caveat(Caveat(code="no-usage", message=f"{error.what} {error.why}".strip(), hint=hint))
        yield None
        return
    watch = UsageWatch(lab, meter, observer)
    try:
        yield watch
    finally:
        watch.stop()
