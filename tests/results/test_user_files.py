"""Files that the user names: devices, pipes, bombs and other encodings are refused in a sentence, at once."""

from __future__ import annotations

import contextlib
import os
import socket
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dclab import manifests
from dclab.errors import InvalidInput
from dclab.paths import shipped
from dclab.user_files import LARGEST_BYTES, read_text, read_yaml


def test_text_with_and_without_a_byte_order_mark(tmp_path):
    for data in ("é\r\n".encode(), "é\r\n".encode("utf-8-sig")):
        (tmp_path / "a").write_bytes(data)
        assert read_text(tmp_path / "a") == "é\r\n"


def special(folder, kind):
    path = folder / kind
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(LARGEST_BYTES + 1)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "utf-16":
        path.write_text("kind: List", encoding="utf-16")
    elif kind == "name":
        return folder / ("x" * 300)
    elif kind == "zero":
        return "/dev/zero"
    elif kind == "null byte":
        return "a\0b"
    return path


KINDS = ("fifo", "socket", "huge", "folder", "loop", "utf-16", "name", "zero", "null byte", "absent")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_text_file_is_refused_at_once(tmp_path, kind):
    path = special(tmp_path, kind)
    begin = time.monotonic()
    for read in (read_text, read_yaml):
        with pytest.raises(InvalidInput) as refused:
            read(path, hint="Name another.")
        assert str(path) in refused.value.what
        assert refused.value.why.endswith(".")
        assert refused.value.hint == "Name another."
    assert time.monotonic() - begin < 2


LAUGHS = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3", "Line 3, column 1: the key 'a' occurs twice"),
        ("- {x: {y: 1, 'y': 2}}", "the key 'y' occurs twice"),
        ("kind: [", "Line 2, column 1: did not find"),
        ("a: *b", "'b' stands for nothing"),
        ("a: &a [*a]", "for itself"),
        (LAUGHS, "more than 100000 values"),
        ("[" * 200_000 + "]" * 200_000, "more than 100 levels"),
        ("{a: " * 101 + "}" * 101, "more than 100 levels"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("a: 2026-13-45", "month must be in 1..12"),
        ("a: !!int x", "invalid literal"),
        ("a: !!bool x", "cannot be read as YAML"),
        ("a: !!timestamp x", "cannot be read as YAML"),
        ("? [a]\n: 1", "unhashable"),
        ("a: " + "9" * 5000, "cannot be read as YAML"),
        ("a\0b", "cannot be read as YAML"),
    ],
)
def test_yaml_that_is_refused(tmp_path, text, said):
    (tmp_path / "a.yaml").write_text(text)
    begin = time.monotonic()
    with pytest.raises(InvalidInput) as refused:
        read_yaml(tmp_path / "a.yaml")
    assert said in str(refused.value)
    assert time.monotonic() - begin < 2


def test_yaml_as_people_write_it(tmp_path):
    (tmp_path / "a.yaml").write_text("---\nlabels: &l {app: rng}\nmore: {<<: *l, x: [*l, *l]}\n---\n---\n- 1\n")
    labels = {"app": "rng"}
    assert read_yaml(tmp_path / "a.yaml") == [{"labels": labels, "more": {"app": "rng", "x": [labels, labels]}}, [1]]


def test_every_manifest_of_ours_is_read_as_it_is_by_the_engines():
    for file in (shipped() / "manifests").rglob("*.yaml"):
        assert read_yaml(file) == manifests._read(file)


PIECES = [
    "a: ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "&x ",
    "*x",
    "\n",
    "  ",
    "!!int ",
    "!!set ",
    "<<: ",
    "? ",
    "'",
    '"',
    "%",
    "1",
    "\t",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map("".join).map(str.encode)))
def test_any_bytes_are_documents_or_refused(tmp_path, data):
    (tmp_path / "a.yaml").write_bytes(data)
    with contextlib.suppress(InvalidInput):
        assert None not in read_yaml(tmp_path / "a.yaml")
