"""The campaign itself: what its outside look sees, what counts as false, and the short form of all faults."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading

import pytest

from tests.faults import outside, ports
from tests.faults.__main__ import faults_of
from tests.faults.claims import claims_of, false_ones
from tests.faults.fault import Row, totals
from tests.faults.meanwhile import lost_results
from tests.faults.outside import Process, Seen
from tests.faults.user import Said

WANTED = {"rng": 2, "redis": 1}


def said(verb, data=None, code=0, error=None):
    envelope = {"data": data or {}, "error": error, "warnings": []}
    return Said((verb, "--name", "faults", "--json"), code, json.dumps(envelope), "", 0.0, 0.0)


def seen(rng=2, services=True, supervisor="S", control=True):
    processes = [Process(1, "supervisor", supervisor, True, 1), Process(2, "proxy", "S", True, 1)]
    answers = dict.fromkeys(("rng", "redis"), services)
    return Seen(tuple(processes), control, {"rng": rng, "redis": 1}, answers, 5, True)


def status(**ready):
    deployments = {name: {"desired": WANTED[name], "ready": count} for name, count in ready.items()}
    return said("status", {"deployments": deployments})


def false(what, *looks):
    rest = iter(looks[1:])
    return false_ones(claims_of(what, WANTED), [looks[0]], lambda: next(rest, looks[-1]), 0.0)


def test_what_is_so_is_not_false():
    assert false(status(rng=2, redis=1), seen()) == []
    assert false(status(rng=1, redis=1), seen(rng=1, services=False)) == []


def test_what_becomes_so_within_a_second_is_not_false():
    assert false(status(rng=2, redis=1), seen(rng=1), seen(rng=2)) == []


def test_a_number_on_the_way_from_one_to_another_is_not_false():
    assert false(status(rng=1, redis=1), seen(rng=0), seen(rng=2)) == []


def test_ready_while_the_services_refuse_is_false():
    assert false(status(rng=2, redis=1), seen(services=False)) == ["ready, without a word of trouble"]


def test_a_replica_too_many_or_too_few_is_false():
    assert false(said("scale", {"deployment": "rng", "replicas": 3}), seen(rng=2)) == ["✓ rng has 3 ready"]


def test_down_is_false_while_something_is_there():
    assert false(said("down"), seen()) == ["✓ down"]


@pytest.mark.parametrize(
    ("what", "holds"),
    [
        ("The lab 'faults' does not answer.", seen(supervisor="T", control=False)),
        ("The lab 'faults' has crashed.", Seen((), False, {}, {}, None, True)),
        ("There is no lab 'faults'.", Seen((), False, {}, {}, None, False)),
    ],
)
def test_each_state_is_held_to_what_it_means(what, holds):
    failed = said("status", code=1, error={"what": what, "why": ""})
    assert false(failed, holds) == []
    assert false(failed, seen()) != []


def test_a_lost_point_is_found(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps({"sweep": {"points": [{"workers": 1}]}}))
    row = Row("kill", "rng", "embedded")
    lost_results(row, tmp_path, [{"workers": 1}, {"workers": 2}])
    assert row.lost == ["the point of 2 workers"]
    assert row.verdict == "FAIL"
    assert "1 results lost" in totals([row])


def test_the_look_finds_a_marked_process_its_children_and_no_other(tmp_path):
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'], env={})"
    env = {outside.MARK: str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", child], env=env, stdin=subprocess.PIPE) as parent:
        try:
            found = []
            while len(found) < 2:
                found = outside.processes_of(tmp_path)
            assert sorted(one.marked for one in found) == [False, True]
            assert outside.processes_of(tmp_path / "other") == []
        finally:
            parent.communicate()
    assert outside.processes_of(tmp_path) == []


def test_a_port_that_accepts_and_says_nothing_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not ports.answers("rng", port)
        server.accept()[0].close()

        def answer():
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        assert ports.answers("rng", port)
        assert ports.hashes_of(port, "") is None
        thread.join()


def test_there_are_as_many_faults_as_promised():
    for engine, least in (("embedded", 70), ("kube", 25)):
        names = {one.name for one in faults_of(engine) if one.engine == engine}
        assert len(names) >= least
        assert len(names) == len(faults_of(engine))


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_the_short_form():
    run_campaign("--short")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_whole_campaign():
    run_campaign()


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.timeout(5400)
def test_the_whole_campaign_on_kubernetes():
    run_campaign("--engine", "kube")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_random_faults_in_a_row():
    run_campaign(module="tests.faults.random")


def run_campaign(*arguments, module="tests.faults"):
    done = subprocess.run([sys.executable, "-m", module, *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
