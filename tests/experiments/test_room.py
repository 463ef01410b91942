"""Whether there is room for what is asked, said before anything is started."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.errors import NoRoom
from dclab.experiments.room import check_room
from dclab.lab import DeploymentState, Replicas, Room
from dclab.measure.needs import needs_of
from dclab.measure.queueing import answer_seconds, bound_rate, expected_wait_ms, most_workers


def lab(replicas, rngs=1):
    """What a lab says of its room, and how many rngs it has."""
    room = None if replicas is None else Room(replicas=replicas, why="1 node has 40m of CPU left")
    counts = Replicas(desired=rngs, ready=rngs, terminating=0, restarts=0, names=())
    return SimpleNamespace(room=lambda _: room, states=lambda: {"rng": DeploymentState(counts=counts, usage=())})


def test_where_there_is_room_it_is_said_for_how_many():
    assert check_room(lab(20), "worker", 20) == ("There is room for 20 replicas of worker. 1 node has 40m of CPU left.")


def test_where_there_is_none_it_is_refused_unless_it_is_forced():
    with pytest.raises(NoRoom) as refused:
        check_room(lab(20), "rng", 21)
    assert refused.value.what == "There is room for 20 replicas of rng, and not for 21."
    assert refused.value.why == "1 node has 40m of CPU left."
    assert "--force" in refused.value.hint
    assert check_room(lab(20), "rng", 21, force=True)


def test_where_it_cannot_be_told_only_the_queue_counts():
    assert check_room(lab(None), "rng", 500) == ""
    assert check_room(lab(None), "worker", 1000)
    with pytest.raises(NoRoom, match="room for 1000 replicas of worker"):
        check_room(lab(None), "worker", 1001)


@pytest.mark.parametrize(("rngs", "most"), [(1, 1000), (2, 400), (30, 6000)])
def test_a_queue_longer_than_a_worker_waits_is_refused(rngs, most):
    check_room(lab(10_000, rngs), "worker", most)
    with pytest.raises(NoRoom) as refused:
        check_room(lab(10_000, rngs), "worker", most + 1)
    assert "a worker gives up a call" in refused.value.why


@given(st.integers(1, 2000), st.integers(1, 100))
def test_who_is_let_in_is_waited_for(workers, rngs):
    if workers <= most_workers(rngs, 120.0):
        assert expected_wait_ms(workers, rngs) / 1000 + 0.1 <= 120
    assert expected_wait_ms(workers, rngs) / 1000 < answer_seconds(workers, rngs)


@given(st.integers(1, 3000))
def test_what_workers_need_is_as_fast_as_they_are_and_one_less_is_not(workers):
    found = needs_of(workers)
    assert bound_rate(workers, found.rngs, found.hashers) == pytest.approx(workers / 0.3)
    assert found.rngs == 1 or bound_rate(workers, found.rngs - 1) < workers / 0.3
    assert found.hashers == 1 or bound_rate(workers, found.rngs, found.hashers - 1) < workers / 0.3


def test_what_three_hundred_need():
    assert str(needs_of(300)) == (
        "300 workers make up to 1000 hashes/s if no call has to wait, which takes at least 100 rng and 5 hasher (one rng serves 3 workers, "
        "one hasher 60)."
    )
