"""The manual page: every verb is in it, and roff takes it."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import typer

from dclab.cli.app import app
from tests.conftest import CHECKOUT

PAGE = CHECKOUT / "docs" / "dclab.1"


def test_every_verb_with_its_example_is_in_it():
    text = PAGE.read_text().replace("\\-", "-")
    for name in typer.main.get_command(app).commands:
        assert f'.SS "dclab {name} ' in text
        assert f"Example: dclab {name}" in text


@pytest.mark.skipif(shutil.which("groff") is None, reason="there is no groff")
def test_roff_warns_of_nothing():
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", PAGE], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert len(done.stdout) > len(PAGE.read_text()) / 2
