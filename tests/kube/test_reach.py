"""Where the connections of a forward go: to pods that are ready, asked for no more often than is needed."""

from __future__ import annotations

import asyncio
import time

import pytest
from kubernetes.client import Configuration

from dclab.engines.kube.lab import reach
from dclab.engines.kube.lab.reach import _Target
from dclab.engines.kube.tunnel import PortForward
from dclab.errors import LabLost, NotAnswering
from tests.kube import pod as pods
from tests.kube.pod import PORT, Pod


@pytest.fixture
def alive():
    pod = Pod(pods.echo)
    yield PortForward(Configuration(), pod.url, [], PORT)
    pod.close()


GONE = PortForward(Configuration(), "http://127.0.0.1:9/portforward", [], PORT)


class Answers:
    """Answers of the API to which pods are ready, one after another; the last one stays."""

    def __init__(self, *answers, seconds=0.0):
        self.answers = list(answers)
        self.seconds = seconds
        self.asked = 0

    def targets(self, _service):
        self.asked += 1
        time.sleep(self.seconds)
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def works(target):
    connection = await target.connect()
    try:
        await connection.write(b"x")
        return await connection.read() == b"x"
    finally:
        await connection.close()


def test_a_pod_that_has_gone_is_passed_over(alive):
    async def many():
        target = _Target(Answers([GONE, GONE, alive]), None)
        return [await works(target) for _ in range(5)]

    assert all(asyncio.run(many()))


def test_pods_are_looked_for_again_when_all_have_gone(alive, monkeypatch):
    monkeypatch.setattr(reach, "NEXT_TRY_SECONDS", 0.01)
    answers = Answers([GONE], [alive])
    assert asyncio.run(works(_Target(answers, None)))
    assert answers.asked == 2


def test_connections_that_come_together_ask_once(alive):
    answers = Answers([alive], seconds=0.3)

    async def together():
        target = _Target(answers, None)
        return await asyncio.gather(*(works(target) for _ in range(50)))

    assert all(asyncio.run(together()))
    assert answers.asked == 1


def test_no_more_are_opened_at_once_than_a_server_takes(alive):
    class Slow:
        now = most = 0

        async def open(self):
            Slow.now += 1
            Slow.most = max(Slow.most, Slow.now)
            await asyncio.sleep(0.02)
            Slow.now -= 1
            return await alive.open()

    async def together():
        target = _Target(Answers([Slow()]), None)
        return await asyncio.gather(*(works(target) for _ in range(3 * reach.OPENING)))

    assert all(asyncio.run(together()))
    assert Slow.most == reach.OPENING


def test_what_was_known_grows_old(alive, monkeypatch):
    monkeypatch.setattr(reach, "FRESH_SECONDS", 0.0)
    answers = Answers([alive])

    async def twice():
        target = _Target(answers, None)
        return await works(target), await works(target)

    assert asyncio.run(twice()) == (True, True)
    assert answers.asked == 2


@pytest.mark.parametrize(
    ("answer", "kind"), [([], ConnectionRefusedError), ([GONE], LabLost), (NotAnswering("away"), NotAnswering)]
)
def test_what_cannot_be_reached(answer, kind, monkeypatch):
    monkeypatch.setattr(reach, "NEXT_TRY_SECONDS", 0.01)
    with pytest.raises(kind):
        asyncio.run(works(_Target(Answers(answer), None)))


def test_a_server_that_was_away_is_asked_again(alive):
    async def again():
        target = _Target(Answers(NotAnswering("away"), [alive]), None)
        with pytest.raises(NotAnswering):
            await works(target)
        return await works(target)

    assert asyncio.run(again())
