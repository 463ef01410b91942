"""Foreign data: texts, values and documents that someone may send, mostly near to what is right."""

from __future__ import annotations

import copy
import json
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.fuzz.case import PORT

__all__ = [
    "BOMB",
    "JSON",
    "NOT_YAML",
    "SERVED",
    "as_json",
    "as_yaml",
    "chance",
    "damaged",
    "http",
    "mutated",
    "odd_values",
    "packed",
    "texts",
]

NUMBERS = [
    0,
    -1,
    1,
    2**31,
    2**63,
    2**64,
    10**30,
    -(2**63),
    0.0,
    -0.0,
    0.1,
    1e-320,
    1e308,
    -1e308,
    float("nan"),
    float("inf"),
]
TEXTS = [
    "",
    " ",
    "0",
    "-1",
    "1e400",
    "nan",
    "inf",
    "true",
    "null",
    "~",
    "\x00",
    "\x1b[2J",
    "\ud800",
    "ü",
    "你好",
    "🙂",
    "a" * 3000,
]
TEXTS += [
    "../../etc/passwd",
    "/dev/zero",
    "%s%n",
    "{0.__class__}",
    "${HOME}",
    "$(reboot)",
    "<script>",
    "[red]",
    "http://[::1",
    "1,2",
]
TEXTS += [
    "100m",
    "1Ki",
    "1e3",
    "1_000",
    "٣",
    "0x10",
    "1 ",
    "+1",
    ".5",
    "5.",
    "--",
    "-h",
    "\n",
    "\r\n",
    "\u2028",
    "a\tb",
]

texts = st.one_of(st.sampled_from(TEXTS), st.text(max_size=12))
_leaves = st.one_of(st.none(), st.booleans(), st.sampled_from(NUMBERS), st.integers(), st.floats(), texts)
odd_values = st.one_of(
    _leaves,
    st.recursive(
        _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
    ),
    st.sampled_from([[], {}, [[]], [None], {"": None}, [0] * 2000]),
)


def chance(draw, one_in):
    """Whether something comes that is to come once in so many inputs; small numbers come far more often."""
    return (draw(st.integers(0, 2**32 - 1)) * 2654435761 >> 9) % one_in == 1


def _paths(value: Any, path: tuple[Any, ...] = ()):
    yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _paths(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _paths(each, (*path, index))


def _at(value, path):
    for key in path:
        value = value[key]
    return value


@st.composite
def mutated(draw, base, most=3):
    """A document of plain values with a few parts replaced, removed, doubled, moved or renamed."""
    found = copy.deepcopy(base)
    for _ in range(draw(st.integers(0, most))):
        paths = list(_paths(found))
        numbers = [one for one in paths if isinstance(_at(found, one), int | float)]
        path = draw(st.sampled_from(numbers if numbers and draw(st.booleans()) else paths))
        if not path:
            if chance(draw, 5):
                return copy.deepcopy(draw(odd_values))
            continue
        _change(draw, found, _at(found, path[:-1]), path[-1], paths)
    return found


def _change(draw, whole, parent, key, paths):
    kind = draw(st.sampled_from(["replace", "number", "number", "remove", "double", "move", "wrap", "rename", "add"]))
    value = parent[key]
    if kind == "number" and isinstance(value, int | float):
        parent[key] = draw(st.sampled_from(NUMBERS) | st.integers() | st.floats())
    elif kind == "remove":
        del parent[key]
    elif kind == "double" and isinstance(value, list):
        parent[key] = value * draw(st.sampled_from([0, 2, 50]))
    elif kind == "move":
        parent[key] = copy.deepcopy(_at(whole, draw(st.sampled_from(paths))))
    elif kind == "wrap":
        parent[key] = draw(st.sampled_from([[value], {"x": value}, [value, value]]))
    elif kind == "rename" and isinstance(parent, dict):
        parent[draw(texts)] = parent.pop(key)
    elif kind == "add" and isinstance(value, dict):
        value[draw(texts)] = copy.deepcopy(draw(odd_values))
    else:
        parent[key] = copy.deepcopy(draw(odd_values))


def as_json(value: Any) -> bytes:
    """As JSON, and where it is none (NaN), as Python writes it."""
    try:
        return json.dumps(value).encode()
    except (TypeError, ValueError, RecursionError):
        return repr(value).encode(errors="replace")


NESTED = [
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"[" * 500 + b"]" * 500,
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    b"\x00" * 100,
    b"{}" * 1000,
]


@st.composite
def damaged(draw, whole):
    """Bytes with a piece missing, doubled or overwritten, or other bytes altogether."""
    data = draw(whole) if isinstance(whole, st.SearchStrategy) else whole
    kind = draw(st.sampled_from(["as it is"] * 6 + ["cut", "cut out", "overwrite", "insert", "other", "nested"]))
    if kind == "as it is" or not data:
        return data
    if kind == "other":
        return draw(st.binary(max_size=60))
    if kind == "nested":
        return draw(st.sampled_from(NESTED))
    begin = draw(st.integers(0, len(data)))
    if kind == "cut":
        return data[:begin]
    end = min(len(data), begin + draw(st.integers(0, 40)))
    if kind == "cut out":
        return data[:begin] + data[end:]
    return data[:begin] + draw(st.binary(max_size=12)) + data[end if kind == "overwrite" else begin :]


def http(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """A whole HTTP response."""
    # Where the port is filled in later, the end of the connection is the end of the body.
    length = "" if PORT.encode() in body else f"Content-Length: {len(body)}\r\n"
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{length}Connection: close\r\n\r\n".encode() + body


def as_yaml(value):
    """As YAML, with the parts that occur twice as references now and then."""
    try:
        return yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=False).encode(errors="surrogatepass")
    except (yaml.YAMLError, ValueError, TypeError):
        return as_json(value)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join(f'*{a}' for _ in range(9))}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
NOT_YAML = [
    "kind: [",
    "a: b: c",
    "\t- x",
    "{{ .Values.x }}",
    "&a *b",
    "--- --- ---\nx: {",
    "!!python/object/apply:os.system [id]",
    "? ? :",
]

SERVED = "@@"
"""Stands for the server's port, as a number."""


def packed(value):
    """As JSON."""
    return as_json(value).replace(f'"{SERVED}"'.encode(), PORT.encode())


JSON = st.sampled_from([(), ("--json",)])
"""Flags of a command line."""
