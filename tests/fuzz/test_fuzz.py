"""A few inputs at each border, the same ones each time; `python -m tests.fuzz` tries thousands."""

from __future__ import annotations

import pytest

from tests.fuzz.borders import BORDERS, search
from tests.fuzz.case import Input, again, keep
from tests.fuzz.judge import findings
from tests.fuzz.sandbox import Outcome, Sandbox

INPUTS = 25


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as made:
        yield made


@pytest.mark.parametrize("border", BORDERS)
def test_nothing_foreign_crosses_undecoded(sandbox, border):
    tally = search(border, INPUTS, sandbox)
    assert tally.inputs >= INPUTS // 2
    assert {key: one.arguments for key, one in tally.found.items()} == {}


RIGHT = Outcome(code=0, out="", err="", seconds=0.1, peak_mb=1.0, traceback="")
ASKED = Input(border="command line", arguments=("status",))


@pytest.mark.parametrize(
    ("asked", "outcome", "kind"),
    [
        ({}, {"traceback": "ValueError: x"}, "traceback"),
        ({}, {"err": "Traceback (most recent call last):"}, "traceback"),
        ({}, {"err": "dclab failed unexpectedly: KeyError."}, "traceback"),
        ({}, {"code": 3}, "wrong exit"),
        ({"invalid": True}, {}, "wrong exit"),
        ({"arguments": ("status", "--json")}, {"out": "{}"}, "wrong exit"),
        ({}, {"seconds": 11.0}, "slow"),
        ({}, {"code": 130}, "slow"),
        ({}, {"peak_mb": 300.0}, "large"),
    ],
)
def test_the_judge_finds(asked, outcome, kind):
    one = Input(**{**vars(ASKED), **asked})
    assert [found for found, _ in findings(one, Outcome(**{**vars(RIGHT), **outcome}))] == [kind]
    assert list(findings(ASKED, RIGHT)) == []


def test_an_input_that_was_kept_is_the_same_again(tmp_path):
    one = Input(border="api", arguments=("status",), files={"a": b"\xff"}, answers={"/": b"\x00"}, invalid=True)
    assert again(keep(one, tmp_path, "x")) == one


def test_time_passes_in_the_sandbox_without_waiting(sandbox):
    answers = {
        f"/json#{i:04}": b'HTTP/1.1 200 OK\r\n\r\n{"hashes": %d, "now": %d.%02d}' % (i // 5, i // 50, 2 * (i % 50))
        for i in range(600)
    }
    one = Input(
        border="webui", arguments=("rate", "--webui", "http://127.0.0.1:{port}", "--seconds", "5"), answers=answers
    )
    outcome = sandbox.run(one)
    assert outcome.code == 0, outcome.err
    assert "10.00 hashes/s" in outcome.out
    assert outcome.seconds < 5  # of seven
