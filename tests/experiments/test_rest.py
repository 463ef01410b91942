"""When an autoscaler is at rest: never because nobody, or not even itself, was looking."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dclab.experiments import rest as resting

WINDOW, SYNC = 60.0, 15.0
QUIET = WINDOW + 2 * SYNC
OUTAGE = 40.0


class Watched:
    """A lab whose API is away for a while, on a clock of its own; its autoscaler comes back some time later."""

    def __init__(self, outage, controller, changes=()):
        self.t = 0.0
        self.outage = outage
        self.controller = controller
        self.changes = dict(changes)
        self.gap = False
        self.desired = 3
        self.caveats = []
        self.candidate = SimpleNamespace(window=WINDOW)
        self.lab = SimpleNamespace(clock_speed=1.0, sync_seconds=SYNC)
        self.tick = 2.0
        self.observer = SimpleNamespace(caveat=self.caveats.append)

    def monotonic(self):
        return self.t

    def sleep(self, seconds):
        self.t += seconds

    def point(self, _phase):
        self.gap = False
        if self.outage <= self.t < self.outage + OUTAGE:
            self.t = self.outage + OUTAGE
            self.gap = True
        for at in [at for at in self.changes if at <= self.t]:
            self.desired = self.changes.pop(at)
        away = self.outage <= self.t < self.controller
        return SimpleNamespace(t=self.t, desired=self.desired, metrics=self.outage if away else self.t // SYNC)


@pytest.fixture
def rest(monkeypatch):
    def follow(*args, **more):
        watch = Watched(*args, **more)
        monkeypatch.setattr(resting, "time", watch)
        assert resting.until_rest(watch)
        return watch

    return follow


NEVER = 1e9


def test_without_an_outage(rest):
    assert rest(NEVER, NEVER).t == pytest.approx(QUIET, abs=4)
    assert rest(NEVER, NEVER, [(50.0, 2)]).t == pytest.approx(50 + QUIET, abs=4)


def test_an_outage_is_no_rest(rest):
    """The controller is back 70 s after its server, and only then decides again."""
    assert rest(50.0, 50 + OUTAGE + 70, [(50 + OUTAGE + 75, 1)]).desired == 1


def test_the_quiet_time_begins_when_the_autoscaler_looks_again(rest):
    assert rest(50.0, 50 + OUTAGE + 70).t == pytest.approx(50 + OUTAGE + 70 + QUIET, abs=20)


def test_an_autoscaler_that_sees_the_same_for_long_is_not_waited_for_without_end(rest):
    assert rest(50.0, NEVER).t == pytest.approx(50 + OUTAGE + resting.RECOVERY_SECONDS + QUIET, abs=6)
