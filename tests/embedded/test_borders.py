"""What comes from a supervisor or lies in a lab's folder: decoded, or told as what it is, and never a traceback."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import os
import signal
import socket
import sys
import time

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dclab import __version__
from dclab.engines.embedded import answering, launch, questions, wire
from dclab.engines.embedded import ask as asking
from dclab.engines.embedded.ask import Gone, Unreadable, ask
from dclab.engines.embedded.client import EmbeddedLab
from dclab.engines.embedded.gate import Gate
from dclab.engines.embedded.questions import About, AskAbout, Down, Port, Question, answer_type
from dclab.engines.embedded.verbs import Verbs
from dclab.engines.embedded.wire import DamagedLab, Settings, read_settings, write_settings
from dclab.errors import DclabError, InvalidInput, LabEnded, NotAnswering, OtherVersion, TimedOut
from dclab.lab import ProbeSpec
from dclab.paths import lab_folder
from tests.supervisors import Fake, line

QUESTIONS = [
    one
    for _, one in inspect.getmembers(questions, inspect.isclass)
    if issubclass(one, Question) and "verb" in vars(one)
]

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


ABOUT = line(
    answer={
        "settings": {"name": "fake"},
        "pid": 1,
        "proxy_pid": None,
        "data_path_trouble": None,
        "load_balancing": "random",
        "ports": {"rng": 1},
        "redis": "/x",
        "control_loop_worst_delay_seconds": 0.0,
        "replicas": {},
        "autoscalers": {},
    }
)


@pytest.fixture(scope="module")
def shared(runtime_folder):
    made = Fake(lab_folder("fuzz"))
    yield made
    made.close()
    launch.stop(made.folder)


@pytest.fixture
def fake():
    made = Fake(lab_folder("fake"))
    yield made
    made.close()
    launch.stop(made.folder)


def test_every_question_has_one_verb_and_every_verb_its_question():
    of_verbs = [one for one in QUESTIONS if one is not questions.Hold]  # which the gate answers
    assert {one.verb: one for one in of_verbs} == {name: verb.question for name, verb in answering.VERBS.items()}
    assert len({one.verb for one in QUESTIONS}) == len(QUESTIONS)
    for one in of_verbs:
        method = answering.VERBS[one.verb].method
        hint = inspect.get_annotations(method, eval_str=True, globals=inspect.unwrap(method).__globals__)["return"]
        assert _plain(answer_type(one)) == (type(None) if hint is None else hint)


def _plain(kind):
    """The type without the bounds that are stated for whoever decodes it."""
    return int | None if kind == Port | None else kind


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(QUESTIONS), st.binary(max_size=200) | json_values.map(lambda one: json.dumps(one).encode()))
@example(AskAbout, b"")
@example(AskAbout, b"[" * 100_000)
@example(AskAbout, b'{"answer": null}')
@example(AskAbout, b"HTTP/1.1 400 Bad Request\r\n\r\n")
def test_arbitrary_bytes_as_an_answer_are_told_as_such(shared, kind, sent):
    shared.pieces = [sent]
    with pytest.raises((Unreadable, Gone, OtherVersion)):
        ask(shared.folder, _question(kind), within=5)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(QUESTIONS), json_values, json_values)
def test_an_answer_is_of_its_type_or_told_as_unreadable(shared, kind, answer, fault):
    shared.pieces = [line(answer=answer)]
    expected = answer_type(kind)
    try:
        msgspec.convert(answer, expected)
        fits = True
    except msgspec.ValidationError:
        fits = expected is msgspec.Raw
    if fits:
        ask(shared.folder, _question(kind), within=5)
    else:
        with pytest.raises(Unreadable, match="`dclab down --name fuzz`"):
            ask(shared.folder, _question(kind), within=5)
    shared.pieces = [line(fault=fault)]
    with pytest.raises(Unreadable):
        ask(shared.folder, _question(kind), within=5)


@settings(max_examples=100, deadline=None)
@given(json_values)
def test_passes_of_an_autoscaler_are_passes_or_told_as_unreadable(shared, answer):
    shared.pieces = [line(answer=answer)]
    if answer == []:
        assert EmbeddedLab(shared.folder).autoscaler_passes("rng") == []
    else:
        with pytest.raises(Unreadable):
            EmbeddedLab(shared.folder).autoscaler_passes("rng")


def _question(kind):
    """One of its kind; what it asks does not matter to a fake."""
    values = {
        "deployment": "rng",
        "replicas": 1,
        "timeout": 0.0,
        "env": {},
        "policy": "x",
        "name": "x",
        "manifest": {},
        "since": 0.0,
        "what": "x",
    }
    fields = {name: values.get(name) for name in kind.__struct_fields__}
    return kind(**fields)


@pytest.mark.parametrize("ports", [{}, {"rng": 0}, {"rng": 65536}, {"rng": "80"}])
def test_a_service_without_a_port_that_can_be_is_told_as_such(fake, ports):
    fake.pieces = [ABOUT.replace(b'{"rng": 1}', json.dumps(ports).encode())]
    lab = EmbeddedLab(fake.folder)
    for use in (lambda: lab.url("rng"), lab.counter, lambda: lab.probe("rng", ProbeSpec(count=1))):
        with pytest.raises(DclabError, match=r"no service|cannot be read"):
            use()


def test_an_answer_cut_off_anywhere_is_no_answer(fake):
    fake.pieces = [ABOUT]
    assert isinstance(ask(fake.folder, AskAbout()), About)
    for end in range(len(ABOUT) - 1):
        fake.pieces = [ABOUT[:end]]
        with pytest.raises(Gone if end == 0 else Unreadable):
            ask(fake.folder, AskAbout())


def test_an_answer_without_end_is_no_answer(fake, monkeypatch):
    monkeypatch.setattr(asking, "LONGEST_REPLY", 1_000_000)
    fake.pieces = iter(lambda: b"x" * 65536, None)
    with pytest.raises(Unreadable, match="longer than 1000000 bytes"):
        ask(fake.folder, AskAbout())


def test_an_answer_that_only_trickles_is_not_waited_for(fake):
    fake.pieces = [piece for _ in range(100) for piece in (b" ", 0.02)]
    began = time.monotonic()
    with pytest.raises(NotAnswering, match=r"longer than 0\.3 s"):
        ask(fake.folder, AskAbout(), within=0.3)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("code", "kind"), [("invalid-input", InvalidInput), ("timeout", TimedOut), ("__class__", DclabError)]
)
def test_a_fault_becomes_the_error_of_its_code_and_no_other_name(fake, code, kind):
    fake.pieces = [line(fault={"code": code, "what": "What.", "why": "Why.", "hint": "Hint."})]
    with pytest.raises(DclabError, match=r"What\. Why\. Hint\.") as caught:
        ask(fake.folder, AskAbout())
    assert type(caught.value) is kind


@pytest.mark.parametrize(("version", "named"), [("0.0.1", "dclab 0.0.1"), (None, "an older dclab")])
def test_another_version_is_told_and_down_works_all_the_same(fake, version, named):
    fake.pieces = [line(version=version, answer=None) if version else b'{"answer": {"pid": 1}}\n']
    with pytest.raises(OtherVersion, match=f"runs with {named}") as caught:
        launch.find_lab("fake")
    assert "`dclab down --name fake`, then `dclab up --name fake`" in caught.value.hint
    with pytest.raises(OtherVersion):
        launch.start(Settings(name="fake"))
    (summary,) = [one for one in launch.labs() if one.name == "fake"]
    assert summary.state == "other version"
    assert launch.stop(fake.folder)
    assert [one["verb"] for one in fake.asked][-1] == "down"
    assert not fake.folder.exists()


def test_a_lab_that_hangs_is_neither_taken_for_none_nor_replaced_and_down_ends_it(fake, monkeypatch):
    fake.pieces = [30.0]
    monkeypatch.setattr(asking, "ANSWER_TIMEOUT", 0.2)
    for look in (lambda: launch.find_lab("fake"), lambda: launch.start(Settings(name="fake"))):
        with pytest.raises(NotAnswering, match="does not answer"):
            look()
    began = time.monotonic()
    (summary,) = [one for one in launch.labs() if one.name == "fake"]
    assert time.monotonic() - began < 0.2 * len(launch.labs()) + 0.1
    assert (summary.engine, summary.state, summary.context) == ("embedded", "not answering", None)
    assert launch.stop(fake.folder)
    assert not fake.folder.exists()


@pytest.mark.parametrize("found", ["nothing", "a folder", "a dead socket", "a file for a socket"])
def test_where_nobody_listens_there_is_no_lab(found):
    folder = lab_folder("nobody")
    if found != "nothing":
        folder.mkdir()
    if found == "a dead socket":
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(wire.socket_path(folder)))
    if found == "a file for a socket":
        wire.socket_path(folder).write_text("x")
    with pytest.raises(Gone, match="is not running"):
        ask(folder, AskAbout())
    assert launch.find_lab("nobody") is None
    assert launch.stop(folder) is (found != "nothing")


# lab.json.


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | json_values.map(lambda one: json.dumps(one).encode()))
@example(b"")
@example(b"[" * 100_000)
@example(b'{"name": "damaged", "clock_speed": 0}')
@example(b'{"name": "damaged", "webui_port": 65536}')
@example(b'{"name": "another"}')
def test_arbitrary_bytes_as_settings_are_told_as_such(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp() / "damaged"
    folder.mkdir(exist_ok=True)
    (folder / "lab.json").write_bytes(content)
    with pytest.raises(DamagedLab, match=r"cannot be read\..*lab\.json: .*`dclab down --name damaged`"):
        read_settings(folder)


@given(
    st.builds(
        Settings,
        name=st.just("kept"),
        clock_speed=st.floats(1, 1000),
        sync_seconds=st.floats(0.01, 1000),
        metric_resolution_seconds=st.floats(0.01, 1000),
        webui_port=st.integers(0, 65535),
    )
)
def test_settings_are_read_as_they_were_written(tmp_path_factory, given_settings):
    folder = tmp_path_factory.getbasetemp() / "kept"
    folder.mkdir(exist_ok=True)
    write_settings(folder, given_settings)
    assert read_settings(folder) == given_settings


@pytest.mark.parametrize("make", [lambda _: None, os.mkdir, os.mkfifo])
def test_no_file_of_settings_is_no_settings(tmp_path, make):
    make(tmp_path / "lab.json")
    with pytest.raises(DamagedLab, match=r"is missing|is no file"):
        read_settings(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b'{"name": "damaged"', b'{"name": "another"}', None])
def test_a_lab_whose_settings_are_damaged_can_be_ended(content):
    lab, _ = launch.start(Settings(name="damaged"))
    file = lab.folder / "lab.json"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    assert launch.find_lab("damaged").clock_speed == 1
    lab.deploy()  # as long as it runs, nobody needs the file
    os.kill(lab.about().pid, signal.SIGKILL)
    with pytest.raises(LabEnded if content is None else DamagedLab, match=r"[Tt]he lab 'damaged'"):
        lab.deploy()
    lab.down()
    assert not lab.folder.exists()
    assert launch.leftovers(lab.folder) == []


# The first line of a supervisor.


@pytest.mark.parametrize(
    ("script", "kind", "said"),
    [
        ("echo 'what is this' >&$4", TimedOut, "first line cannot be read"),
        ("printf '{\"answer\"' >&$4", TimedOut, "first line cannot be read"),
        ("echo '{\"answer\": 7}' >&$4", TimedOut, "first line cannot be read"),
        ("echo 'no module named this' >&2", TimedOut, "ended while starting. no module named this"),
        ("exit 3", TimedOut, "ended while starting"),
        ('echo \'{"fault": {"code": "invalid-input", "what": "Port in use."}}\' >&$4', InvalidInput, "Port in use"),
    ],
)
def test_a_supervisor_that_starts_otherwise_is_told_as_such(tmp_path, monkeypatch, script, kind, said):
    program = tmp_path / "python"
    program.write_text(f"#!/bin/bash\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(kind, match=said):
        launch.start(Settings(name="odd"))
    assert not lab_folder("odd").exists()


# Questions, as the supervisor sees them.


def asked(sent):
    """What the supervisor makes of a line; its verbs never get as far as to look at the lab."""
    return asyncio.run(answering.answer(Verbs(None), Gate(Settings(name="none")), sent))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | json_values.map(lambda one: json.dumps(one).encode()))
@example(b"[" * 100_000)
def test_arbitrary_bytes_are_no_question(sent):
    with pytest.raises(DclabError):
        asked(sent)


@pytest.mark.parametrize(
    ("verb", "arguments", "why"),
    [
        ("_deployment", {"name": "rng"}, "there is no verb '_deployment'"),
        ("__init__", {}, "there is no verb"),
        ("", {}, "there is no verb"),
        ("scale", {}, "missing required field"),
        ("scale", {"deployment": "rng", "replicas": -1, "timeout": 1.0}, "replicas"),
        ("scale", {"deployment": "rng", "replicas": "3", "timeout": 1.0}, "replicas"),
        ("scale", {"deployment": "rng", "replicas": 1, "timeout": 1.0, "now": True}, "unknown field `now`"),
        ("about", [], "Expected `object`"),
        ("down", {"timeout": 15.0}, "unknown field `timeout`"),
    ],
)
def test_an_unknown_verb_and_wrong_arguments_are_refused(verb, arguments, why):
    with pytest.raises(InvalidInput, match="not a question to a lab") as caught:
        asked(line(verb=verb, arguments=arguments))
    assert why in caught.value.why


def test_another_version_is_not_answered():
    for version in ("", "99.0"):
        with pytest.raises(DclabError, match=f"runs with dclab {__version__}"):
            asked(line(version=version, verb="about", arguments={}))


def test_a_real_supervisor_against_another_version_and_nonsense(monkeypatch):
    lab, _ = launch.start(Settings(name="real"))

    def sent(data):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(wire.socket_path(lab.folder)))
            with contextlib.suppress(BrokenPipeError):  # answered before all of it was sent
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            return wire.decode_reply(connection.makefile("rb").readline())

    assert "no verb 'miner'" in sent(line(verb="miner", arguments={})).fault.why
    assert "not a question" in sent(b"GET / HTTP/1.1\r\n\r\n").fault.what
    assert "longer than" in sent(b"x" * 1_100_000 + b"\n").fault.why
    for module in (asking, wire):
        monkeypatch.setattr(module, "__version__", "99.0")
    with pytest.raises(OtherVersion, match=f"runs with dclab {__version__}"):
        launch.find_lab("real")
    with pytest.raises(OtherVersion):
        EmbeddedLab(lab.folder).scale("worker", 2)
    began = time.monotonic()
    assert launch.stop(lab.folder)
    assert time.monotonic() - began < 10
    assert not lab.folder.exists()
    with pytest.raises(Gone):
        ask(lab.folder, Down())
