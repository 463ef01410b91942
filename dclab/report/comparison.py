"""What differs between runs, as a page: `dclab.measure.compare` finds it, nothing is judged here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from dclab.measure.compare import Difference
from dclab.report.blocks import Block, Section
from dclab.report.language import Words
from dclab.report.markdown import markdown_page
from dclab.report.recorded import recorded
from dclab.report.render import html_page
from dclab.results import Results
from dclab.run_folder import RESULTS, write_atomically

__all__ = ["comparison_notes", "comparison_rows", "comparison_summary", "write_comparison"]


WIDEST = 100.0
"""Times: an interval beyond says only that there were too few runs."""
VERDICTS = {"same": "the same within 3 %"}
"""Where the words are others than the verdict."""


def how_sure(one: Difference, words: Words) -> str:
    """The interval of the ratio, as far as it says something."""
    low, high = one.ratio_ci95_low, one.ratio_ci95_high
    if (low is None or low < 1 / WIDEST) and (high is None or high > WIDEST):
        return words("too few")
    if low is None or low < 1 / WIDEST:
        return f"× < {high:.3f}"
    return f"× > {low:.3f}" if high is None or high > WIDEST else f"× {low:.3f} – {high:.3f}"


def comparison_rows(found: Sequence[Difference], run: int, words: Words) -> list[tuple[str, ...]]:
    """What it is, the base, the other side, how sure, and the verdict."""
    return [
        (
            words("{what}: {unit}", what=recorded(one.what, words), unit=recorded(one.unit, words)),
            f"{one.base:.2f}",
            f"{one.other:.2f}",
            how_sure(one, words),
            words(VERDICTS.get(one.verdict, one.verdict)),
        )
        for one in found
        if one.run == run
    ]


def comparison_summary(found: Sequence[Difference], words: Words) -> str:
    """How many figures differ, are the same, and cannot be told."""
    return words(
        "{n} of {all} figures differ beyond noise, {same} are the same within 3 %, {rest} could not be determined.",
        n=sum(one.verdict in ("higher", "lower") for one in found),
        all=len(found),
        same=sum(one.verdict == "same" for one in found),
        rest=sum(one.verdict == "cannot tell" for one in found),
    )


def comparison_notes(found: Sequence[Difference], words: Words) -> Iterator[str]:
    """Yield how these verdicts were reached, and what they leave open."""
    yield words(
        "The intervals are those of other / base, and hold for all {n} figures together at 95 % (Holm's procedure).",
        n=len(found),
    )
    if any(one.base_runs == one.other_runs == 1 for one in found):
        yield words(
            "With one run a side the machine's own variation from run to run is unknown, so only what differs beyond 3 % "
            "counts; latencies are compared by the ranks of all requests (Mann and Whitney). `dclab compare --change` makes "
            "several runs a side."
        )
    if any(one.base_runs > 1 or one.other_runs > 1 for one in found):
        base, other = max(one.base_runs for one in found), max(one.other_runs for one in found)
        if any(one.paired for one in found):
            yield words(
                "With {base} and {other} runs a side, made in pairs, the differences within the pairs are compared (Student's t).",
                base=base,
                other=other,
            )
        else:
            yield words(
                "With {base} and {other} runs a side, their figures are compared (Student's t).", base=base, other=other
            )


def folder_names(paths: Sequence[str | Path]) -> list[str]:
    """Return the name of each run's folder; a name that occurs twice is numbered."""
    found = [Path(one).resolve() for one in paths]
    names = [(one.parent if one.name == RESULTS else one).name for one in found]
    return [
        f"{name} ({names[:at].count(name) + 1})" if names.count(name) > 1 else name for at, name in enumerate(names)
    ]


HEAD = ("quantity", "base", "other", "how sure", "other is")


def write_comparison(
    runs: Sequence[tuple[str | Path, Results]], found: Sequence[Difference], folder: Path, language: str = "en"
) -> list[Path]:
    """Write comparison.html and comparison.md; return their paths. The first side is the base.

    `runs` have the folders that the sides come from, or their names, and the first run of each. A page is handed in, so it
    shows folder names only.
    """
    words = Words(language)
    names = folder_names([where for where, _ in runs])
    sections = []
    for index, (_, results) in enumerate(runs[1:], 1):
        rows = comparison_rows(found, index, words)
        table = Block(kind="table", head=tuple(words(one) for one in HEAD), rows=tuple(rows), told=True)
        notes = [Block(kind="text", text=one) for one in comparison_notes(found, words)]
        sections.append(
            Section(
                name=f"run-{index}",
                title=f"{names[0]} ({runs[0][1].engine}) – {names[index]} ({results.engine})",
                blocks=(table, *notes),
            )
        )
    title, summary = words("DockerCoins: runs compared"), [comparison_summary(found, words)]
    files = {
        "comparison.html": html_page(title, summary, sections, words),
        "comparison.md": markdown_page(title, summary, sections),
    }
    for file, text in files.items():
        write_atomically(folder / file, text.encode())
    return [folder / file for file in files]
