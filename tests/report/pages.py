"""What holds of the report of any run, in both languages; used by the tests of its parts."""

from __future__ import annotations

from dclab.report.content import sections, summary
from dclab.report.language import LANGUAGES, Words
from dclab.report.pictures import draw
from dclab.report.render import render_html, render_markdown


def makes_a_report(results, part, heading):
    """Check that a run of which only `part` was measured has its section, summary and picture, in each language."""
    demo = getattr(results, part)
    for language in LANGUAGES:
        words = Words(language)
        pictures = draw(results, words)
        assert set(pictures) == ({part} if len(demo.timeline) > 1 else set())
        assert [one.name for one in sections(results, words)][-2:] == [part, "about"]
        assert summary(results, words)
        assert words(heading) in render_markdown(results, pictures, words)
        assert f'id="{part}"' in render_html(results, pictures, words)
