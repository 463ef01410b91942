"""rng and hasher: what they answer, how many at a time, and how they leave."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time

import pytest


def together(service, count, **question):
    """So many requests at the same time; seconds they took in all, and their answers."""
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(service.ask(**question))) for _ in range(count)]
    begin = time.perf_counter()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return time.perf_counter() - begin, answers


def test_rng_answers_with_as_many_bytes_as_asked_for(start):
    rng = start("rng", DELAY=0)
    assert rng.ask() == (200, b"RNG running on replica-1\n")
    for count in (0, 1, 32, 1024 * 1024):
        status, data = rng.ask(path=f"/{count}")
        assert (status, len(data)) == (200, count)
    assert rng.ask(path="/32") != rng.ask(path="/32")


def test_rng_tells_how_many_it_served_and_when_it_served_the_last(start):
    rng = start("rng", DELAY=0.01, THREADS=4)
    assert json.loads(rng.ask(path="/served")[1]) == {"served": 0, "last": 0.0}
    begin = time.time()
    together(rng, 12, path="/32")
    told = json.loads(rng.ask(path="/served")[1])
    assert told["served"] == 12
    assert begin < told["last"] <= time.time()
    rng.ask()
    rng.ask(path="/x")
    rng.ask("POST", "/32", b"x")
    assert json.loads(rng.ask(path="/served")[1]) == told


@pytest.mark.parametrize("path", ["/-1", "/1048577", "/99999999999999999999", "/abc", "/3.5", "/32/", "//", "/%33"])
def test_rng_refuses_anything_else(start, path):
    assert start("rng", DELAY=0).ask(path=path)[0] == 400


def test_rng_serves_one_at_a_time_and_nobody_is_refused(start):
    seconds, answers = together(start("rng", DELAY=0.02), 25, path="/32")
    assert seconds >= 25 * 0.02
    assert [status for status, _ in answers] == [200] * 25


def test_a_question_that_needs_no_time_waits_for_those_before_it(start):
    rng = start("rng", DELAY=0.6)
    thread = threading.Thread(target=rng.ask, kwargs={"path": "/32"})
    thread.start()
    time.sleep(0.05)
    begin = time.perf_counter()
    rng.ask()
    assert time.perf_counter() - begin > 0.2
    thread.join()


def test_more_threads_serve_more_at_a_time(start):
    seconds, _ = together(start("rng", DELAY=0.1, THREADS=10), 10, path="/32")
    assert seconds < 5 * 0.1


def test_hasher_hashes_about_twenty_at_a_time(start):
    hasher = start("hasher", DELAY=0.1)
    seconds, answers = together(hasher, 20, method="POST", body=b"abc")
    assert {data for _, data in answers} == {hashlib.sha256(b"abc").hexdigest().encode()}
    assert 0.1 <= seconds < 10 * 0.1
    assert hasher.ask() == (200, b"HASHER running on replica-1\n")
    assert json.loads(hasher.ask(path="/served")[1])["served"] == 20
    assert hasher.ask(path="/x")[0] == 404
    assert hasher.ask("PUT")[0] == 405


def raw(service, data, finish=False):
    with socket.create_connection(("127.0.0.1", service.port), 5) as connection:
        connection.sendall(data)
        if finish:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 70000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n", b"400"),
    ],
)
def test_malformed_requests_are_answered(start, request_, status):
    assert raw(start("hasher", DELAY=0), request_, finish=True).split(b" ")[1] == status


def test_head_is_get_without_the_body(start):
    answer = raw(start("rng", DELAY=0), b"HEAD /32 HTTP/1.1\r\n\r\n")
    assert b"Content-Length: 32\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_a_client_that_sends_nothing_does_not_hold_the_only_slot_for_ever(start):
    rng = start("rng", DELAY=0)
    with socket.create_connection(("127.0.0.1", rng.port)):
        time.sleep(0.05)
        begin = time.perf_counter()
        assert rng.ask()[0] == 200
        assert time.perf_counter() - begin < 4


def test_on_sigterm_everyone_already_connected_is_answered(start):
    rng = start("rng", DELAY=0.1)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(rng.ask(path="/32"))) for _ in range(4)]
    for one in threads:
        one.start()
    time.sleep(0.15)
    rng.leave()
    for one in threads:
        one.join()
    assert [status for status, _ in answers] == [200] * 4
    assert rng.process.returncode == 0


@pytest.mark.parametrize("name", ["rng", "hasher"])
def test_a_client_that_connects_within_the_drain_time_is_answered(start, name):
    service = start(name, DELAY=0.1, DRAIN=0.5)
    asked = ("GET", "/32", None) if name == "rng" else ("POST", "/", b"x" * 32)
    begin = time.monotonic()
    service.process.terminate()
    time.sleep(0.2)
    assert service.ask(*asked)[0] == 200
    service.process.communicate(timeout=5)
    assert service.process.returncode == 0
    assert 0.5 <= time.monotonic() - begin < 1.5


@pytest.mark.parametrize(
    ("name", "env"),
    [
        ("rng", {"THREADS": "0"}),
        ("rng", {"DELAY": "-1"}),
        ("rng", {"DELAY": "soon"}),
        ("worker", {}),
        ("rng", {"CPU": "2"}),
    ],
)
def test_a_wrong_setting_is_one_sentence_and_exit_code_2(start, name, env):
    service = start(name, serves=False, **({"PORT": "1"} if name == "rng" else {}), **env)
    out, _ = service.process.communicate(timeout=5)
    assert service.process.returncode == 2
    assert len(out.strip().splitlines()) == 1
