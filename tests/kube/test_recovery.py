"""How long Kubernetes is waited for, by a clock of the test's own."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.engines.kube import recovery
from dclab.engines.kube.recovery import RECOVERY_SECONDS, Deadline

LIMIT = 60.0


def given_up(monkeypatch, last_away=-math.inf, attended=0.0):
    """Seconds after which a wait of LIMIT is given up: the server was last away, and all was looked at, at such a time."""
    clock = [0.0]
    api = SimpleNamespace(last_away=-math.inf)
    with monkeypatch.context() as patch:
        patch.setattr(recovery, "time", SimpleNamespace(monotonic=lambda: clock[0]))
        deadline = Deadline(api, LIMIT)
        while deadline.left(unattended=clock[0] < attended) > 0:
            clock[0] += 0.5
            if clock[0] >= last_away:
                api.last_away = last_away
    return clock[0]


def test_what_is_at_work_has_its_time(monkeypatch):
    assert given_up(monkeypatch) == pytest.approx(LIMIT, abs=0.6)


def test_after_an_outage_controllers_have_time_to_notice(monkeypatch):
    """They may take the node for silent meanwhile, and say so of every pod."""
    assert given_up(monkeypatch, last_away=20.0) == pytest.approx(LIMIT + RECOVERY_SECONDS, abs=0.6)


def test_one_long_before_changes_nothing(monkeypatch):
    assert given_up(monkeypatch, last_away=-RECOVERY_SECONDS - 1) == pytest.approx(LIMIT, abs=0.6)


@given(attended=st.floats(0, 500))
def test_the_time_is_counted_from_when_all_was_looked_at(attended):
    with pytest.MonkeyPatch.context() as patch:
        expected = min(LIMIT + attended, LIMIT + RECOVERY_SECONDS)
        assert given_up(patch, attended=attended) == pytest.approx(expected, abs=1.1)
