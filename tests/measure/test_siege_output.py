"""Reading siege: text of version 3, text and JSON of version 4, interrupted and failed ones."""

from __future__ import annotations

import pytest

from dclab.errors import DclabError
from dclab.measure.siege import parse_siege

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
