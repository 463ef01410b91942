"""What is not Prometheus, or answers oddly, is a lab that is lost; values that are none are left out."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dclab.browser import find_browser
from dclab.errors import LabLost
from dclab.experiments.monitoring import PrometheusWatch


@pytest.fixture(scope="module")
def server():
    """Answers each path as `answers` says; without a word of it with status 404."""

    class Handler(BaseHTTPRequestHandler):
        answers: dict[str, tuple[int, bytes]]

        def do_GET(self):
            status, body = self.answers.get(self.path.partition("?")[0], (404, b""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    Handler.answers = {}
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}", Handler.answers
        made.shutdown()


def watch(server, **answers):
    url, known = server
    known.clear()
    known |= {
        f"/api/v1/{path}": (200, one if isinstance(one, bytes) else json.dumps(one).encode())
        for path, one in answers.items()
    }
    return PrometheusWatch(url, "2m")


def rows(*values):
    metric = {"service": "httplat-rng"}
    return {"status": "success", "data": {"result": [{"metric": metric, "values": values, "value": values[-1]}]}}


def test_values_that_are_none_are_left_out(server):
    odd = [[1, "0.5"], [2.5, "NaN"], [3, "+Inf"], [4, "-1"], [5, "1e300"]]
    found = watch(server, query_range=rows(*odd), query=rows(*odd), **{"status/buildinfo": {"data": {"version": "2"}}})
    assert found.result().series == {"rng": ((1.0, 500.0),)}
    assert found.result().source == "prometheus 2"
    assert found.now() == {}
    assert watch(server, query=rows([1, "0.25"])).now() == {"rng": 250.0}


ODD = [b"", b"<html>sign in</html>", b"[]", b"null", b"{}", b'{"data": 1}', b'{"data": {"result": 7}}', b"[" * 90_000,
       b'{"data": {"result": [{}]}}', b'{"data": {"result": [{"metric": {}, "values": [[1]]}]}}', b"\xff",
       b'{"data": {"result": [{"metric": {"service": 1}}]}}', b'{"data": {"version": 3}}', b'{"data": []}']  # fmt: skip


@pytest.mark.parametrize("answer", ODD)
def test_an_odd_answer(server, answer):
    found = watch(server, query_range=answer, **{"status/buildinfo": answer})
    with pytest.raises(LabLost, match="Prometheus at") as lost:
        found.result()
    assert len(str(lost.value)) < 600
    with pytest.raises(LabLost):
        found._version()


def test_a_value_that_is_no_number(server):
    with pytest.raises(LabLost):
        watch(server, query=rows([1, "much"])).now()


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.sampled_from(["", "NaN", "1"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["data", "result", "metric", "value", "values", "service"]), inner, max_size=4),
    ),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.one_of(JSON, st.builds(lambda one: {"data": {"result": one}}, JSON)))
def test_any_json_is_an_answer_or_a_lost_lab(server, answer):
    try:
        found = watch(server, query=answer).now()
    except LabLost:
        return
    assert all(ms >= 0 for ms in found.values())


@pytest.mark.skipif(find_browser() is None, reason="no browser is installed")
@pytest.mark.parametrize(("status", "taken"), [(200, True), (500, False), (404, False)])
def test_no_picture_is_taken_of_an_error(server, status, taken):
    found = watch(server)
    server[1]["/graph"] = (status, b"<p>graph</p>")
    assert (found.picture() is not None) == taken
