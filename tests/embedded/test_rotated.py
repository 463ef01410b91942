"""Files that grow only so far, what is read of them meanwhile, and a log that never raises."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dclab.engines.embedded import logs, rotated
from dclab.engines.embedded.rotated import OwnLog
from dclab.engines.embedded.wire import log_file
from dclab.errors import LabLost

pieces = st.lists(st.text("ab\n", max_size=9).map(str.encode), max_size=30)


@settings(deadline=None)
@given(pieces, st.integers(1, 20))
def test_a_file_and_the_one_before_it_hold_the_end_of_what_was_added(tmp_path_factory, pieces, limit):
    file = tmp_path_factory.mktemp("rotated") / "logs" / "x.log"
    for piece in pieces:
        rotated.append(file, piece, limit)
    whole = b"".join(pieces)
    kept = rotated.read(file)
    assert whole.endswith(kept)
    assert len(kept) <= 2 * max(limit, *map(len, pieces), 0)
    assert len(kept) >= min(len(whole), limit)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.text("ab\n", max_size=9).map(str.encode), st.booleans()), max_size=40), st.integers(1, 20))
def test_a_reader_follows_over_rotations_and_loses_no_line(tmp_path_factory, written, limit):
    """It has to look once between two rotations, as it does four times a second."""
    folder = tmp_path_factory.mktemp("lab")
    file = log_file(folder, "rng-1")

    def looks():
        unread = 0
        for data, look in written:
            rotated.append(file, data, limit)
            unread += len(data)
            if look or unread > limit - 9:
                unread = 0
                yield {"rng": ["rng-1"]}
        yield {"rng": ["rng-1"]}

    found, looking = [], looks()

    def replicas():
        look = next(looking, None)
        if look is None:
            raise LabLost("It is gone.")
        return look

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "EVERY", 0)
        with suppress(LabLost):
            found.extend(one.text for one in logs.follow(folder, replicas, ["rng"], 10**6))
    lines = b"".join(data for data, _ in written).decode().split("\n")
    assert found == (lines[:-1] if lines[-1] == "" else lines)


@settings(deadline=None)
@given(pieces, st.integers(1, 20), st.integers(0, 9), st.sampled_from([1, 3, 65536]))
def test_the_last_lines_are_those_of_both_files(tmp_path_factory, pieces, limit, lines, block):
    folder = tmp_path_factory.mktemp("lab")
    for piece in pieces:
        rotated.append(log_file(folder, "rng-1"), piece, limit)
    kept = rotated.read(log_file(folder, "rng-1")).decode().split("\n")
    expected = kept[:-1] if kept[-1] == "" else kept
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "BLOCK", block)
        found = [one.text for one in logs.last_lines(folder, "rng-1", lines)]
    assert found == (expected[-lines:] if lines else [])


def test_a_folder_that_was_removed_is_made_again(tmp_path):
    rotated.append(tmp_path / "state" / "logs" / "rng-1.log", b"1\n")
    assert (tmp_path / "state" / "logs" / "rng-1.log").read_bytes() == b"1\n"


def test_the_logs_of_the_last_gone_replicas_are_kept_and_all_of_those_alive(tmp_path):
    for number in range(6):
        for file in (tmp_path / f"rng-{number}.log", tmp_path / f"rng-{number}.log.1"):
            file.touch()
            os.utime(file, (number, number))
    rotated.prune(tmp_path, {"rng-0"}, kept=2)
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        f"rng-{number}.log{end}" for number in (0, 4, 5) for end in ("", ".1")
    ]


def test_the_supervisor_s_own_log_is_bounded_for_all_who_write_to_it(tmp_path):
    file = tmp_path / "supervisor.log"
    with file.open("ab") as opened:
        log = OwnLog(file, opened.fileno(), limit=1000)
        for number in range(100):
            log.say(f"line {number} \udcff")
            if number == 90:  # after the file has been started anew
                subprocess.run([sys.executable, "-Sc", "print('proxy')"], stdout=opened, check=True)
    lines = rotated.read(file).decode().splitlines()
    assert lines[-1].endswith("line 99 \\udcff")
    assert all(one.stat().st_size <= 1100 for one in (file, rotated.before(file)))
    assert "proxy" in lines


def test_the_supervisor_s_own_log_is_made_again_where_it_was_removed(tmp_path):
    file = tmp_path / "state" / "supervisor.log"
    file.parent.mkdir()
    with file.open("ab") as opened:
        log = OwnLog(file, opened.fileno())
        log.say("before")
        file.unlink()
        file.parent.rmdir()
        log.say("lost")
        log.say("after")
        assert file.read_text().endswith(" after\n")


@pytest.mark.parametrize("path", ["/dev/full", "/dev/null"])
def test_saying_never_raises(path, tmp_path):
    descriptor = os.open(path, os.O_RDWR)
    log = OwnLog(tmp_path / "x.log", descriptor)
    log.say("no room")
    os.close(descriptor)
    log.say("not even a descriptor")
