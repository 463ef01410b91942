"""Results with values that nobody measured: refused by their field, or shown, compared and predicted from without fail."""

from __future__ import annotations

import contextlib
import copy
import random
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dclab.errors import DclabError, InvalidInput
from dclab.measure.compare import compare_runs
from dclab.measure.models import fit_models
from dclab.measure.predict import system_of
from dclab.report.language import Words
from dclab.report.render import render_html, render_markdown
from dclab.run_folder import RESULTS, load_results

SAMPLE = Path(__file__).parent.parent.parent / "reports" / "sample-embedded"
DOCUMENT = msgspec.json.decode((SAMPLE / RESULTS).read_bytes())
WHOLE = load_results(SAMPLE)

VALUES = [
    None,
    True,
    0,
    -1,
    1,
    2,
    10_000,
    10**12,
    2**63,
    1e-300,
    5e-324,
    0.5,
    1e9,
    1e15,
    1e308,
    "",
    "x",
    "$a$",
    "\n",
    [],
    {},
]
VALUES += [[1], {"template": 1}, {"self": "x"}, "<b>", "é你\u202e", "9" * 400, [[]], {"a": {}}]


def places(value, path=()):
    """Every field, at any depth."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key)
        yield from places(one, (*path, key))


PLACES = list(places(DOCUMENT))
# The long lists would hide the rest.
PLACES = [one for one in PLACES if not any(isinstance(key, int) and key > 3 for key in one)]


def changed(dice, count):
    document = copy.deepcopy(DOCUMENT)
    for _ in range(count):
        *path, last = dice.choice(PLACES)
        at = document
        try:
            for key in path:
                at = at[key]
            if dice.random() < 0.2:
                del at[last]
            else:
                at[last] = dice.choice(VALUES)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took it away
    return document


def use(folder):
    """What report, compare and predict do with results, but for the pictures."""
    try:
        found = load_results(folder)
    except InvalidInput:
        return
    for words in (Words(), Words("zh")):
        render_markdown(found, {}, words)
        render_html(found, {}, words)
    for use in (
        lambda: compare_runs([found, WHOLE]),
        lambda: compare_runs([WHOLE, found]),
        lambda: system_of(found.sweep, fit_models(found.sweep.points) if found.sweep else ()),
    ):
        with contextlib.suppress(DclabError):
            use()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_any_change_of_a_run_is_refused_or_harmless(tmp_path, seed, count):
    (tmp_path / RESULTS).write_bytes(msgspec.json.encode(changed(random.Random(seed), count)))
    use(tmp_path)
