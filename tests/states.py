"""The contract of the states that a lab can be in: the same on both engines, through the command line.

An engine's test module has a class that inherits from `StatesOfALab` and a fixture `place` that brings labs into each state:
`tests/commands/test_states.py` for the embedded engine, `tests/cluster/test_states.py` for Kubernetes.
"""

from __future__ import annotations

import re
import time
from abc import abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from dclab.errors import ExitCode

__all__ = ["Place", "StatesOfALab"]

STOP_SECONDS = 15.0
"""Within which a command has to end once its lab was ended, with a report to write and on a busy machine."""


@dataclass(frozen=True)
class Said:
    """What a command says of a lab that it cannot use."""

    code: str
    exit_code: ExitCode
    what: str
    """Pattern of the first sentence."""
    hint: str
    """Pattern in the last one."""
    listed: str | None
    """State in `dclab list`; None where the lab is not listed."""


STATES = {
    "absent": Said("no-lab", ExitCode.ENVIRONMENT, r"No lab named '\S+' is running\.", r"`dclab up", None),
    "not answering": Said(
        "not-answering",
        ExitCode.ERROR,
        r"The lab '\S+' does not answer\.",
        r"`dclab (down.*`dclab up|status)",
        "not answering",
    ),
    "other version": Said(
        "other-version",
        ExitCode.ENVIRONMENT,
        r"The lab '\S+' runs with dclab \d\S+\.",
        r"`dclab down.*`dclab up",
        "other version",
    ),
    "crashed": Said(
        "lab-crashed", ExitCode.ERROR, r"The lab '\S+' has crashed\.", r"`dclab up.*`dclab down", "crashed"
    ),
}
"""Of the fifth state, ended by the user, only a command hears that has used the lab before."""


class Place(Protocol):
    """Where an engine's labs are, for the contract."""

    where: tuple[str, ...]
    """Options that name the lab on a command line."""
    listing: tuple[str, ...]
    """Options by which `dclab list` looks there."""
    name: str
    release_seconds: float
    """After which a killed command holds nothing any more."""

    @abstractmethod
    def run(self, *arguments: str) -> Any:
        """Run a command line to its end; what it returns has `code`, `out`, `err` and `envelope`."""

    @abstractmethod
    def start(self, *arguments: str) -> Any:
        """Start a command line, as a subprocess.Popen with pipes."""

    @abstractmethod
    def in_state(self, state: str) -> AbstractContextManager[None]:
        """Bring a lab into one of STATES; nothing of it is left afterwards."""

    @abstractmethod
    def up(self) -> AbstractContextManager[None]:
        """Have a lab that runs; whatever is there in the end is removed."""


class StatesOfALab:
    """The tests."""

    @pytest.mark.parametrize("state", STATES)
    def test_each_state_has_its_message_and_its_exit_code(self, place: Place, state: str) -> None:
        """A verb that reads says the same as one that changes the lab, and `list` agrees."""
        expected = STATES[state]
        with place.in_state(state):
            for verb in (("status",), ("scale", "worker", "2"), ("logs", "worker")):
                done = place.run(*verb, *place.where, "--json")
                error = done.envelope["error"]
                assert (error["code"], done.code) == (expected.code, expected.exit_code), error
                assert re.fullmatch(expected.what, error["what"]), error
                assert re.search(expected.hint, error["hint"]), error
            listed = {
                one["name"]: one["state"]
                for one in place.run("list", *place.listing, "--json").envelope["data"]["labs"]
            }
            assert listed.get(place.name) == expected.listed

    @pytest.mark.parametrize("state", ["not answering", "other version"])
    def test_what_does_not_answer_or_is_another_versions_is_not_replaced(self, place: Place, state: str) -> None:
        """Neither by `up` nor by `run`."""
        with place.in_state(state):
            done = place.run("up", *place.where, "--json")
            assert (done.envelope["error"]["code"], done.code) == (STATES[state].code, STATES[state].exit_code)

    def test_a_crashed_lab_is_started_again_by_up(self, place: Place) -> None:
        """And is then a lab as any other."""
        with place.in_state("crashed"):
            assert place.run("up", *place.where).code == 0
            assert place.run("status", *place.where).code == 0

    def test_a_command_whose_lab_is_ended_stops_and_brings_nothing_back(self, place: Place, tmp_path: Any) -> None:
        """It keeps what it has measured, and says that the lab was ended rather than that it crashed."""
        with place.up():
            sweep = place.start(
                "scale-sweep",
                "--workers",
                "1,2,3",
                "--seconds",
                "60s",
                *place.where,
                "--out",
                str(tmp_path / "run"),
                "--json",
            )
            _wait_for((tmp_path / "run" / "results.json").exists, 60)
            time.sleep(1.0)
            assert place.run("down", *place.where).code == 0
            began = time.monotonic()
            error, code = _end(sweep)
            assert time.monotonic() - began < STOP_SECONDS
            assert (error["code"], code) == ("lab-ended", ExitCode.ERROR), error
            assert re.fullmatch(r"The lab '\S+' was ended while this command used it\.", error["what"])
            assert "has not crashed" in error["why"]
            assert f"What was measured is in {tmp_path / 'run'}." in error["hint"]
            assert place.run("status", *place.where, "--json").envelope["error"]["code"] == "no-lab"

    def test_another_lab_that_took_the_name_is_left_alone(self, place: Place, tmp_path: Any) -> None:
        """`down` and `up` in another terminal, in the middle of a sweep."""
        with place.up():
            sweep = place.start(
                "scale-sweep",
                "--workers",
                "3,2,1",
                "--seconds",
                "60s",
                *place.where,
                "--out",
                str(tmp_path / "run"),
                "--json",
            )
            _wait_for((tmp_path / "run" / "results.json").exists, 60)
            assert place.run("down", *place.where).code == 0
            assert place.run("up", *place.where).code == 0
            error, code = _end(sweep)
            assert (error["code"], code) == ("lab-ended", ExitCode.ERROR), error
            deployments = place.run("status", *place.where, "--json").envelope["data"]["deployments"]
            assert deployments["worker"]["desired"] == 1

    def test_a_lab_that_is_held_is_read_by_everyone_and_changed_by_nobody_else(
        self, place: Place, tmp_path: Any
    ) -> None:
        """Who comes second is told who holds it; a killed holder holds nothing."""
        with place.up():
            sweep = place.start(
                "scale-sweep", "--workers", "2", "--seconds", "60s", *place.where, "--out", str(tmp_path / "run")
            )
            _wait_for((tmp_path / "run" / "results.json").exists, 60)
            for verb in (("scale", "worker", "1"), ("loadtest", "--time", "5s"), ("scale-sweep", "--workers", "1")):
                done = place.run(*verb, *place.where, "--json")
                error = done.envelope["error"]
                assert (error["code"], done.code) == ("lab-held", ExitCode.REFUSED), error
                assert f"is held by `dclab scale-sweep` (process {sweep.pid}" in error["what"], error
            assert place.run("status", *place.where).code == 0
            sweep.kill()
            sweep.communicate()
            _wait_for(lambda: place.run("scale", "worker", "1", *place.where).code == 0, place.release_seconds)


def _end(process: Any) -> tuple[dict[str, str], int]:
    import json

    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err, err
    return json.loads(out)["error"], process.returncode


def _wait_for(true: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)
