"""Reading siege: text of version 3, text and JSON of version 4, interrupted and failed ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dclab.errors import DclabError
from dclab.measure.siege import SiegeSummary, parse_siege, ran_its_time

TEXT_3 = """\
** SIEGE 3.0.8
** Preparing 15 concurrent users for battle.
The server is now under siege...
Lifting the server siege...      done.

Transactions:                  47246 hits
Availability:                 100.00 %
Elapsed time:                 239.82 secs
Data transferred:               1.62 MB
Response time:                  0.08 secs
Transaction rate:             197.01 trans/sec
Throughput:                     0.01 MB/sec
Concurrency:                   14.94
Successful transactions:       47246
Failed transactions:               0
Longest transaction:            0.61
Shortest transaction:           0.00

FILE: /var/log/siege.log
"""

JSON_4 = """\
{	"transactions":			       18773,
	"availability":			      100.00,
	"elapsed_time":			        2.63,
	"data_transferred":		        0.04,
	"response_time":		        0.00,
	"transaction_rate":		     7138.02,
	"throughput":			        0.01,
	"concurrency":			       14.83,
	"successful_transactions":	       18773,
	"failed_transactions":		           0,
	"longest_transaction":		        0.01,
	"shortest_transaction":		        0.00
}
"""

TEXT_4 = TEXT_3.replace("hits", "    hits").replace(
    "Response time:                  0.08 secs", "Response time:\t80.00 ms"
)


@pytest.mark.parametrize("text", [TEXT_3, TEXT_4])
def test_text(text):
    found = parse_siege(text)
    assert (found.transactions, found.transaction_rate, found.elapsed_time) == (47246, 197.01, 239.82)
    assert found.response_time == pytest.approx(0.08)
    assert found.longest_transaction == 0.61


def test_json():
    found = parse_siege("New configuration template added to /x\n" + JSON_4)
    assert (found.transactions, found.transaction_rate, found.failed_transactions) == (18773, 7138.02, 0)


def test_a_summary_that_breaks_off_says_what_is_missing():
    with pytest.raises(DclabError, match="shortest_transaction"):
        parse_siege(TEXT_3[: TEXT_3.index("Shortest")])
    with pytest.raises(DclabError, match="no complete summary"):
        parse_siege("")


@given(
    st.one_of(
        st.text(st.characters(codec="ascii")), st.lists(st.sampled_from([*TEXT_3.splitlines(True), "9" * 400, "-1\n"]))
    )
)
def test_any_output_is_a_summary_or_an_error(text):
    try:
        found = parse_siege("".join(text))
    except DclabError:
        return
    assert all(getattr(found, name) >= 0 for name in SiegeSummary.__dataclass_fields__)


@pytest.mark.skipif(shutil.which("siege") is None, reason="siege is not installed")
@pytest.mark.parametrize("leaves", [False, True])
def test_a_siege_that_gives_up_did_not_run_its_time(tmp_path, leaves):
    """A real one; its exit code is 0 either way."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_):
            pass

    seconds = 6 if leaves else 2
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        command = ["siege", "--concurrent=15", "--benchmark", f"--time={seconds}S", url]
        process = subprocess.Popen(
            command,
            env={**os.environ, "HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        if leaves:
            threading.Event().wait(1.0)
            server.shutdown()
            server.server_close()
        log, _ = process.communicate(timeout=30)
        server.shutdown()
    summary = parse_siege(log)
    assert process.returncode == 0
    assert summary.transactions > 0
    assert ran_its_time(summary, seconds, log) is not leaves
    assert (summary.failed_transactions > 500) is leaves
    assert not ran_its_time(summary, 0.1, log + "siege aborted due to excessive socket failure; you can change")
