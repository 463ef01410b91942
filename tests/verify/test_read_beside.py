"""Decisions that come out otherwise: few of a real controller's may, since it is read from outside; none of the embedded one's."""

from __future__ import annotations

import json

import pytest

from dclab.verify.autoscaling import passes_checked, read_beside, verify_trace
from tests.conftest import CHECKOUT


def changed(tmp_path, sample, share):
    """A sample's trace in which a share of the decisions, one at least, is another one; with its autoscaler."""
    lines = (CHECKOUT / "reports" / sample / "raw" / "hpa-trace.jsonl").read_text().splitlines()
    header, *passes = [json.loads(one) for one in lines]
    decided = [one for one in passes if one.get("outcome")]
    number = max(1, round(share * len(decided)))
    for one in decided[-number:]:
        one["outcome"]["desired"] += 5
    file = tmp_path / "hpa-trace.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in (header, *passes)))
    return file, header["autoscaler"], number


@pytest.mark.parametrize(
    ("sample", "share", "tolerated"),
    [
        ("sample-kube", 0, True),
        ("sample-kube", 0.5, False),
        ("sample-embedded", 0, False),
        ("sample-embedded", 0.5, False),
    ],
)
def test_few_decisions_of_a_real_controller_are_named_and_not_found_wrong(tmp_path, sample, share, tolerated):
    file, manifest, number = changed(tmp_path, sample, share)
    found = list(verify_trace(manifest, file))
    assert read_beside(file) == (number if tolerated else 0)
    assert (found == []) is tolerated
    assert passes_checked(file) > number
