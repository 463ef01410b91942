"""Borders at which dclab reads HTTP: of a web UI that need not be dclab's, and of any server."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.fuzz.case import PORT, Input
from tests.fuzz.mutate import JSON, as_json, chance, damaged, http, mutated, odd_values

__all__ = ["METRICS", "PAGES", "SERVICES", "STATUSES", "probes", "web_uis"]

STATUSES = [
    "200 OK",
    "200 OK",
    "200 OK",
    "401 Unauthorized",
    "403 Forbidden",
    "404 Not Found",
    "409 Conflict",
    "410 Gone",
    "500 Oops",
    "503 Away",
    "302 Found",
    "204 None",
    "999 ?",
]
PAGES = [
    b"",
    b"<html>Log in</html>",
    b"[]",
    b"null",
    b"0",
    b'"x"',
    b"{}",
    b"{",
    b"\xff",
    b'{"kind":"Status","status":"Failure","message":null,"code":"x"}',
]


def counter(hashes, now, **more):
    return http(as_json({"hashes": hashes, "now": now, **more}))


METRICS = "".join(
    f"# HELP {name} x\n# TYPE {name} {kind}\n{lines}"
    for name, kind, lines in (
        ("python_info", "gauge", 'python_info{implementation="CPython"} 1.0\n'),
        ("httplat_latency_seconds", "summary", "httplat_latency_seconds_count 12.0\nhttplat_latency_seconds_sum 0.5\n"),
    )
).encode()
SERVICES = {
    **{f"/json#{i:02}": counter(100 + 3 * i, 1_795_000_000 + i, coins=7) for i in range(8)},
    "/metrics": http(METRICS, kind="text/plain; version=0.0.4"),
}
"""What the services of a lab answer."""


@st.composite
def web_uis(draw):
    """`rate` of a web UI that counts oddly, or not."""
    step = draw(st.sampled_from([1, 3, 3, 10, 0, -1, 10**18]))
    tick = draw(st.sampled_from([0.1, 0.1, 0.1, 1, 0, -1, 1e9, 100]))
    start = draw(st.sampled_from([5, 5, 0, 10**15, -4]))
    fields = draw(st.sampled_from([{"coins": 3}, {}, {"coins": ""}, {"coins": None}]))
    pages = [
        {"hashes": start + step * i, "now": 1_795_000_000 + tick * i, **fields}
        for i in range(draw(st.sampled_from([40, 40, 40, 1, 2, 7])))
    ]
    if draw(st.booleans()):
        at = draw(st.integers(0, len(pages) - 1))
        pages[at] = draw(mutated(pages[at]) | odd_values)
    answers = {f"/json#{i:02}": http(as_json(one)) for i, one in enumerate(pages)}
    if chance(draw, 4):
        at = draw(st.sampled_from(sorted(answers)))
        answers[at] = draw(damaged(http(as_json(pages[0]), draw(st.sampled_from(STATUSES)))))
    invalid = chance(draw, 20)
    if invalid:
        answers = {
            "/": http(
                draw(
                    st.sampled_from(
                        [*PAGES, b'{"now": 1}', b'{"hashes": "many", "now": 1}', b'{"hashes": [], "now": 1}']
                    )
                )
            )
        }
    arguments = (
        "rate",
        "--webui",
        f"http://127.0.0.1:{PORT}{draw(st.sampled_from(['', '/', '/json', '/index.html']))}",
        "--seconds",
        "3",
        *draw(JSON),
    )
    return Input(border="webui", arguments=arguments, answers=answers, invalid=invalid)


LINES = [
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 200",
    b"HTTP/1.0 200 OK",
    b"HTTP/2 200",
    b"HTTP/1.1 099 x",
    b"HTTP/1.1 1000 x",
    b"http/1.1 200 OK",
    b"SSH-2.0-OpenSSH",
    b"HTTP/1.1  200 OK",
    b"HTTP/1.1 204 No",
    b"HTTP/1.1 304 N",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK",
    b"220 mail ready",
    b"ICY 200 OK",
    b"HTTP/1.1 404 Not Found",
    b"HTTP/1.1 abc OK",
    b"",
]
FIELDS = [
    b"Content-Length: 5",
    b"Content-Length: 3",
    b"Content-Length: 99",
    b"Content-Length: -1",
    b"Content-Length: x",
    b"Content-Length: 5, 5",
    b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Connection: keep-alive",
    b"Connection: close",
    b"Content-Encoding: gzip",
    b"Upgrade: h2c",
    b": empty",
    b"no colon",
    b" folded",
    b"X: " + b"y" * 70_000,
    b"\x00: \x00",
    b"X: \xff",
    b"Location: /",
]
BODIES = [
    b"",
    b"hello",
    b"hell",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"5;x=y\r\nhello\r\n0\r\nT: v\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"-5\r\nhello",
    b"5\r\nhel",
    b"x\r\n",
    b"0\r\n",
    b"a" * 200_000,
    b"\x00" * 1000,
]


@st.composite
def probes(draw):
    """`latency --url` of a server that sends what it likes."""
    ends = draw(st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"]))
    head = [draw(st.sampled_from(LINES)), *draw(st.lists(st.sampled_from(FIELDS), max_size=4))]
    data = (
        ends.join(head)
        + draw(st.sampled_from([ends * 2, ends * 2, ends * 2, ends, b""]))
        + draw(st.sampled_from(BODIES))
    )
    if chance(draw, 4):
        data = draw(damaged(data))
    answers = {"": data}
    invalid = chance(draw, 20)
    if invalid:
        answers = {
            "": draw(
                st.sampled_from([b"", b"SSH-2.0-OpenSSH\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"220 ready\r\n", b"{}"])
            )
        }
    holds = not invalid and chance(draw, 100)
    arguments = ("latency", "--url", f"http://127.0.0.1:{PORT}/", "--count", "1", *draw(JSON))
    return Input(border="probe", arguments=arguments, answers=answers, holds=holds, invalid=invalid)
