"""Figures that pages quote are those of committed runs, and generated pages are what the code says now."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from docs.figures import MARK, filled, quoted
from docs.pages import pages
from tests.conftest import CHECKOUT
from tests.docs.pages import DOCS, PAGES, without_code

GENERATED = set(pages())


def _is_generated(page):
    reference = DOCS / "en" / "reference"
    return page.is_relative_to(reference) and page.relative_to(reference).as_posix() in GENERATED


WRITTEN = [page for page in PAGES if not _is_generated(page)]

KNOWN = {
    "0.1",
    "0.2",
    "0.3",
    "3.33",
    "33.3",  # the exercise's times, and what they allow
    "3.0",
    "2.5",
    "3.3",
    "1.2",  # the question itself, and a worker's report in seconds
    "3.20",
    "10.00",
    "0.00",
    "1.02",
    "9.8",
    "0.7",  # arithmetic on the page
    "0.8",
    "0.08",
    "1.3",  # of the sample comparison: a probe with one rng and with four; cpu tuned, 3.91 measured and 2.61 simulated
    "1.4",
    "2.4",
    "3.6",
    "1.0",
    "0.9",
    "1.1",  # the autoscaler's, by hand; its tolerance
    "0.95",
    "0.15",
    "0.4",  # a formula; constants of dclab.measure.interval, of the readme's rate
    "9.85",
    "9.82",
    "9.88",
    "0.03",
    "9.76",  # an interval, explained
    "0.5",
    "3.5",
    "3.11",
    "3.14",
    "24.04",
    "1.34",
    "0.12",
    "2.0",  # versions and settings
    "99.9",  # the level of a verdict
    "94.3",
    "96.4",  # tests.measure.coverage
}
"""Decimal numbers that need no run: they are theory, settings, or an example of reading a figure."""

OWN = {"figures.md", "comparing.md", "CONTRIBUTING.md"}
"""Pages of figures that other commands measured, which they name."""


@pytest.mark.parametrize("page", WRITTEN, ids=lambda one: one.relative_to(CHECKOUT).as_posix())
def test_a_decimal_number_is_quoted_from_a_run_or_known(page):
    if page.name in OWN:
        pytest.skip("its figures are of commands that it names")
    text = re.sub(r"\b\d+\.\d+\.\d+(\.\d+)?\b", "", without_code(page.read_text()))
    found = set(re.findall(r"(?<![\w.])\d+\.\d+\b", text))
    assert found <= KNOWN, "quote it with <!--= … -->, or say in KNOWN where it is from"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda one: one.relative_to(CHECKOUT).as_posix())
def test_a_quotation_is_closed_and_does_not_begin_a_line_of_text(page):
    text = page.read_text()
    assert text.count("<!--= ") == text.count("<!--/-->") == len(MARK.findall(text))
    for found in MARK.finditer(text):
        begins = text[: found.start()].rpartition("\n")[2] == ""
        # docs/hooks.py takes the comment away from the site's pages.
        assert page.name != "README.md" or not begins or found["text"].startswith("\n"), "Markdown takes it for a block"


def test_generated_pages_and_quotations_are_up_to_date():
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], check=False, cwd=CHECKOUT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_output_of_slow_commands_is_up_to_date():
    stale = [
        page for page in WRITTEN if "slow-output" in (text := page.read_text()) and filled(text, slow=True) != text
    ]
    assert stale == []


def test_a_quotation_that_drifts_is_found():
    assert (
        filled("x <!--= embedded speedup -->2.5<!--/-->")
        == f"x <!--= embedded speedup -->{quoted('embedded speedup')}<!--/-->"
    )
    with pytest.raises(KeyError):
        filled("x <!--= embedded speedups -->2.5<!--/-->")
