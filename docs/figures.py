"""What the pages quote and may not drift: figures of the committed runs, constants of the code, files, output of commands.

A page says what it quotes in a comment before the text, `<!--= embedded rate 10 -->9.85 ± 0.03<!--/-->`, and
`docs/generate.py` writes the text. What begins with a line break is a block of lines.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from dclab.courses.parts import PARTS
from dclab.courses.sheet import load_sheet, said
from dclab.report.blocks import Section
from dclab.report.content import parts, sections
from dclab.report.language import Words
from dclab.report.markdown import markdown_page
from dclab.report.wording import interval
from dclab.results import Results
from dclab.run_folder import load_results

__all__ = ["MARK", "filled", "quoted"]

CHECKOUT = Path(__file__).parent.parent
SAMPLES = {
    "embedded": "sample-embedded",
    "kube": "sample-kube",
    "autoscalers": "sample-autoscalers",
    "autoscalers-kube": "sample-autoscalers-kube",
}

COLUMNS = 80
"""Of the terminal whose output is quoted; more are cut off on a desktop's page."""

MARK = re.compile(r"<!--= (?P<what>[^\n]+?) -->(?P<text>.*?)<!--/-->", re.DOTALL)


SLOW = "slow-output "
"""A command that takes longer than a check may: filled in only where that is asked for."""


def filled(page: str, *, slow: bool = False) -> str:
    """Return a page with everything that it quotes as it is now; output of slow commands only if `slow`."""

    def put(found: re.Match[str]) -> str:
        if found["what"].startswith(SLOW) and not slow:
            return found.group()
        text = quoted(found["what"].removeprefix("slow-"))
        if found["text"].startswith("\n"):
            text = f"\n\n{text.strip()}\n\n"
        return f"<!--= {found['what']} -->{text}<!--/-->"

    return MARK.sub(put, page)


@cache
def quoted(what: str) -> str:
    """Return the text for what a page names.

    Raises:
        KeyError, ValueError, AttributeError, OSError: there is no such figure, constant, file or command.
    """
    source, _, rest = what.partition(" ")
    match source:
        case "output":
            return _output(rest)
        case "file":
            kind = Path(rest).suffix[1:]
            return f"```{kind}\n{(CHECKOUT / rest).read_text().rstrip()}\n```"
        case "code":
            module, name = rest.split()
            return str(_plain(getattr(import_module(module), name)))
        case "ci":
            steps = re.findall(r'^ *step "([^"$]+)"$', (CHECKOUT / ".ci" / "run").read_text(), re.MULTILINE)
            return "\n".join(f"1. {one}" for one in steps if not one.startswith(("All done", "Without ", "Once more")))
        case "course":
            return _course(*rest.split())
        case _:
            figure, _, arguments = rest.partition(" ")
            return str(FIGURES[figure](_sample(source), arguments))


@cache
def _sample(name: str) -> Results:
    return load_results(CHECKOUT / "reports" / SAMPLES[name])


def _plain(value: object) -> object:
    """A number without the zeros that say nothing."""
    return f"{value:g}" if isinstance(value, float) else value


def _output(command: str) -> str:
    """What a command prints, as on a terminal of so many columns as a page has room for."""
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "NO_COLOR": "1", "TERM": "dumb"}
    environment |= {"XDG_RUNTIME_DIR": "/nonexistent"} if "XDG_RUNTIME_DIR" not in os.environ else {}
    done = subprocess.run(
        [sys.executable, "-m", "dclab", *shlex.split(command)],
        check=True,
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = [part for line in map(str.rstrip, done.stdout.splitlines()) for part in _wrapped(line)]
    return "\n".join(["```text", *lines, "```"])


def _wrapped(line: str) -> list[str]:
    """A sentence or an item of a list on lines that fit; a table's lines, and what is indented, stay as they are."""
    if len(line) <= COLUMNS or line[0] == " " or set(line) & set("│┃━─"):
        return [line]
    return textwrap.wrap(
        line, COLUMNS, subsequent_indent="  " if line[0] == "-" else "", break_on_hyphens=False, break_long_words=False
    )


def _course(course: str, language: str) -> str:
    """A course sheet's questions with their marks and the sections of the report that answer them."""
    words = Words(language)
    titles = {part: title for part, (title, _) in parts(_sample("embedded"), words, (), {}).items()}
    heads = {"en": ("question", "marks", "answered by"), "zh": ("题目", "分值", "报告中的部分")}
    rows = [f"| {' | '.join(heads[language])} |", "|---|--:|---|"]
    for one in load_sheet(course).questions:
        answered = dict.fromkeys(titles[name] for part in one.parts for name in PARTS[part].sections)
        rows.append(
            f"| {said(one.title, language)} | {one.marks:g} | {('；' if language == 'zh' else '; ').join(answered)} |"
        )
    return "\n".join(rows)


def _point(run: Results, workers: str) -> Any:
    assert run.sweep
    return next(one for one in run.sweep.points if one.workers == int(workers))


def _change(run: Results, name: str) -> Any:
    return next(one for one in run.interventions or () if one.name == name)


def _times(run: Results, name: str) -> str:
    """How many times the rate with nothing changed a change gave, as the report says it: pooled before and after."""
    from dclab.measure.ratio import quotient, unchanged_rate

    unchanged = unchanged_rate(run.interventions or ())
    assert unchanged
    return f"{quotient(_change(run, name).hashes_per_second, unchanged).mean:.2f}"


def _fact(run: Results, code: str) -> Any:
    assert run.bottleneck
    return next(one.values for one in run.bottleneck.evidence if one.code == code)


def _explained(run: Results, arguments: str) -> str:
    """A figure of the explanation of the autoscaler's demonstration: its code and the value's name."""
    assert run.autoscale
    code, name = arguments.split()
    value = next(one.values[name] for one in run.autoscale.explanation if one.code == code)
    return f"{value:.0f}"


def _minutes(run: Results, _: str) -> str:
    from datetime import datetime

    assert run.finished
    return f"{(datetime.fromisoformat(run.finished) - datetime.fromisoformat(run.started)).total_seconds() / 60:.1f}"


def _latency(run: Results, service: str) -> str:
    assert run.latency
    mean = run.latency[service].probe.mean
    return f"{mean:.0f}" if mean >= 10 else f"{mean:.1f}"


def _value(run: Results, path: str) -> object:
    value: Any = run
    for name in path.split("."):
        value = getattr(value, name)
    return _plain(value)


def _interval(run: Results, language: str) -> str:
    assert run.sweep
    assert run.sweep.speedup_ci95_low is not None
    assert run.sweep.speedup_ci95_high is not None
    between = "至" if language == "zh" else "to"
    return f"{run.sweep.speedup_ci95_low:.2f} {between} {run.sweep.speedup_ci95_high:.2f}"


def _table(run: Results, arguments: str) -> str:
    """A table of the report: its section, the beginning of its first heading in English, and the language."""
    section, begins, *language = arguments.split()
    english = _tables(run, section, "en")
    index = next(at for at, one in enumerate(english) if one.head and one.head[0].startswith(begins))
    block = _tables(run, section, *language or ["en"])[index]
    page = markdown_page("", (), [Section(name="", title="", blocks=(block,))])
    return page[page.index("| ") :]


def _scores(run: Results, language: str) -> str:
    """The table of a comparison's scores."""
    cost = Words(language or "en")("cost, replicas")
    block = next(one for one in _tables(run, "metric", language or "en") if any(row[0] == cost for row in one.rows))
    page = markdown_page("", (), [Section(name="", title="", blocks=(block,))])
    return page[page.index("| ") :]


def _tables(run: Results, section: str, language: str) -> list[Any]:
    found = next(one for one in sections(run, Words(language)) if one.name == section)
    return [one for one in found.blocks if one.kind == "table"]


FIGURES: dict[str, Any] = {
    "rate": lambda run, workers: interval(_point(run, workers).hashes_per_second),
    "mean": lambda run, workers: f"{_point(run, workers).hashes_per_second.mean:.2f}",
    "webui": lambda run, workers: f"{_point(run, workers).webui_reading:.0f}",
    "speedup": lambda run, _: f"{run.sweep.speedup:.2f}",
    "speedup-interval": _interval,
    "webui-speedup": lambda run, _: f"{run.sweep.webui_speedup:.1f}",
    "probe": _latency,
    "change": lambda run, name: interval(_change(run, name).hashes_per_second),
    "times": _times,
    "cpu": lambda run, _: f"{_fact(run, 'cpu-idle')['cpu_millicores']:.0f}m",
    "explained": _explained,
    "minutes": _minutes,
    "value": _value,
    "table": _table,
    "scores": _scores,
}
"""Of a sample, by name; each is given the run and the rest of what the page names."""
