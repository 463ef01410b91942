"""What replicas print: the last lines of it, and following it."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dclab.engines.embedded import launch, logs
from dclab.engines.embedded.wire import Settings, grows, log_file
from dclab.errors import InvalidInput, LabEnded, LabLost
from dclab.lab import LogLine

content = st.lists(
    st.sampled_from([b"a", b"bc", b"\xff", "你".encode(), b"\xe4", b"\xbd\xa0", b"\r", b"\r\n", b"\n", b"\n\n"])
).map(b"".join)


def as_lines(data):
    """The lines of a log, as an editor shows them."""
    lines = data.decode(errors="replace").split("\n")
    return [one.rstrip("\r") for one in (lines[:-1] if lines[-1] == "" else lines)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("lab")
    (grows(made) / "logs").mkdir(parents=True)
    return made


@settings(deadline=None)
@given(content, st.integers(0, 6), st.sampled_from([1, 2, 3, 65536]))
def test_the_last_lines_are_the_last_of_all_lines(folder, data, lines, block):
    log_file(folder, "rng-1").write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "BLOCK", block)
        found = logs.last_lines(folder, "rng-1", lines)
    assert found == [LogLine("rng-1", one) for one in (as_lines(data)[-lines:] if lines else [])]


def test_before_anything_is_printed_there_is_no_line(folder):
    assert logs.last_lines(folder, "rng-none", 5) == []


def test_of_a_line_without_end_only_so_much_is_looked_at(folder, monkeypatch):
    monkeypatch.setattr(logs, "LONGEST_TAIL", 1000)
    monkeypatch.setattr(logs, "BLOCK", 100)
    log_file(folder, "rng-1").write_bytes(b"x" * 5000)
    (line,) = logs.last_lines(folder, "rng-1", 5)
    assert len(line.text) == 1000


def followed(folder, looks, lines):
    """What is yielded until a look finds that the lab has ended."""
    found = []

    def replicas():
        look = next(looks, None)
        if look is None:
            raise LabLost("It is gone.")
        return look()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "EVERY", 0)
        following = logs.follow(folder, replicas, ["rng"], lines)
        with pytest.raises(LabLost):
            collected(following, found)
    return found


def collected(lines, into):
    """Take lines one by one, so that those before an error are kept."""
    for one in lines:
        into.append(one)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(["rng-1", "rng-2", "worker-1"]), content), min_size=1, max_size=8))
def test_what_is_followed_is_every_line_once_and_in_order(folder, written):
    """Whatever is written between two looks, also in the middle of a line or of a letter, and by new replicas."""
    for file in (grows(folder) / "logs").iterdir():
        file.unlink()
    alive = {"rng": [], "worker": []}
    printed = {"rng-1": b"", "rng-2": b"", "worker-1": b""}

    def write(name, data):
        if name not in (there := alive[name.split("-")[0]]):
            there.append(name)
        with log_file(folder, name).open("ab") as file:
            file.write(data)
        printed[name] += data
        return alive

    looks = iter([lambda name=name, data=data: write(name, data) for name, data in written])
    found = followed(folder, looks, 1000)
    for name in ("rng-1", "rng-2"):
        assert [one.text for one in found if one.replica == name] == as_lines(printed[name])
    assert {one.replica for one in found} <= {"rng-1", "rng-2"}


def test_of_the_first_replicas_only_the_last_lines_are_followed_and_of_new_ones_all(folder):
    log_file(folder, "rng-1").write_bytes(b"1\n2\n3\n")
    log_file(folder, "rng-2").write_bytes(b"4\n5\n6\n")
    looks = iter([lambda: {"rng": ["rng-1"]}, lambda: {"rng": ["rng-1", "rng-2"]}, lambda: {"rng": ["rng-2"]}])
    assert followed(folder, looks, 2) == [
        ("rng-1", "2"),
        ("rng-1", "3"),
        ("rng-2", "4"),
        ("rng-2", "5"),
        ("rng-2", "6"),
    ]


def test_following_a_lab_until_it_ends(wait_until):
    lab, _ = launch.start(Settings(name="logs"))
    lab.ready()
    lab.scale("worker", 1)
    with pytest.raises(InvalidInput, match="hasher"):
        lab.logs("miner")
    with pytest.raises(InvalidInput, match="no deployment 'miner'"):
        lab.follow_logs(["worker", "miner"])
    wait_until(lambda: len(lab.logs("worker", 2)) == 2)
    (first,) = lab.replicas("worker").names
    assert {one.replica for one in lab.logs("worker")} == {first}
    assert all("units of work" in one.text or "Coin" in one.text for one in lab.logs("worker"))

    found, ended = [], []

    def follow():
        try:
            collected(lab.follow_logs(["worker"], 1), found)
        except LabEnded as error:
            ended.append(error)

    following = threading.Thread(target=follow)
    following.start()
    wait_until(lambda: len(found) >= 2)
    lab.scale("worker", 2)
    (second,) = set(lab.replicas("worker").names) - {first}
    wait_until(lambda: any(one.replica == second for one in found))
    # A restarted replica goes on in the same log, whatever is in it.
    with log_file(lab.folder, first).open("ab") as file:
        file.write(b"\xff\xfe\n")
    (pid,) = [one.pid for one in lab.about().replicas["worker"] if one.name == first]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: LogLine(first, "��") in found)
    wait_until(lambda: found[-1].replica == first and lab.replicas("worker").restarts == 1)
    lab.down()
    following.join(10)
    assert len(ended) == 1
    assert any(one.replica == second and "Leaving" in one.text for one in found), "the last words, too"
