"""What differs between runs, as a page: `dclab.measure.compare` finds it, nothing is judged here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dclab.measure.compare import Comparison
from dclab.report.blocks import Block, Section
from dclab.report.language import Words
from dclab.report.markdown import markdown_page
from dclab.report.render import html_page
from dclab.results import Results
from dclab.run_folder import RESULTS, write_atomically

__all__ = ["comparison_rows", "write_comparison"]


def how_sure(one: Comparison, words: Words) -> str:
    """The interval of the ratio, or the test's p."""
    if one.p is not None:
        return f"p = {one.p:.2g}"
    if one.ratio_ci95_low is not None and one.ratio_ci95_high is not None:
        return f"× {one.ratio_ci95_low:.3f} – {one.ratio_ci95_high:.3f}"
    return words("too few")


def comparison_rows(found: Sequence[Comparison], run: int, words: Words) -> list[tuple[str, ...]]:
    """What it is, the base, the other run, how sure, and the verdict."""
    return [
        (f"{one.what}: {one.unit}", f"{one.base:.2f}", f"{one.other:.2f}", how_sure(one, words), words(one.verdict))
        for one in found
        if one.run == run
    ]


def folder_names(paths: Sequence[str | Path]) -> list[str]:
    """Return the name of each run's folder; a name that occurs twice is numbered."""
    found = [Path(one).resolve() for one in paths]
    names = [(one.parent if one.name == RESULTS else one).name for one in found]
    return [
        f"{name} ({names[:at].count(name) + 1})" if names.count(name) > 1 else name for at, name in enumerate(names)
    ]


HEAD = ("quantity", "base", "other", "how sure", "other is")


def write_comparison(
    runs: Sequence[tuple[str | Path, Results]], found: Sequence[Comparison], folder: Path, language: str = "en"
) -> list[Path]:
    """Write comparison.html and comparison.md; return their paths. The first run is the base.

    `runs` have the folders that they come from, or their names. A page is handed in, so it shows folder names only.
    """
    words = Words(language)
    names = folder_names([where for where, _ in runs])
    differing = sum(one.verdict in ("higher", "lower") for one in found)
    summary = [words("{n} of {all} figures differ beyond noise.", n=differing, all=len(found))]
    sections = []
    for index, (_, results) in enumerate(runs[1:], 1):
        rows = comparison_rows(found, index, words)
        table = Block(kind="table", head=tuple(words(one) for one in HEAD), rows=tuple(rows))
        how = words(
            "Rates differ where the 95 % interval of their quotient leaves out 1; latencies by Mann and Whitney's test on "
            "all requests, at p < 0.002, since there are many comparisons."
        )
        sections.append(
            Section(
                name=f"run-{index}",
                title=f"{names[0]} ({runs[0][1].engine}) – {names[index]} ({results.engine})",
                blocks=(table, Block(kind="text", text=how)),
            )
        )
    title = words("DockerCoins: runs compared")
    files = {
        "comparison.html": html_page(title, summary, sections, words),
        "comparison.md": markdown_page(title, summary, sections),
    }
    for file, text in files.items():
        write_atomically(folder / file, text.encode())
    return [folder / file for file in files]
