"""MkDocs' hooks: the sample run's report and pictures, the pages in the other language, and navigation of the commands."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File
from mkdocs.utils import get_relative_url

from docs.figures import MARK
from docs.recording import animated

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "reports" / "sample-embedded"
LANGUAGES = {"en": ("en", "English"), "zh": ("zh-CN", "中文")}

SHOWN = ("*.png", "report.html", "results.json", "hpa-demo.cast", "raw/*.jsonl", "raw/prometheus-ui.png")


def on_config(config: Any) -> Any:
    """Put the generated pages of the commands into the navigation."""
    pages = HERE / config["docs_dir"]

    def named(entries: list[Any]) -> list[Any]:
        return [
            {title: named(found) if isinstance(found, list) else _pages(pages, found) for title, found in one.items()}
            if isinstance(one, dict)
            else one
            for one in entries
        ]

    config["nav"] = named(config["nav"])
    return config


def _pages(docs: Path, entry: str) -> str | list[str]:
    folder = docs / entry
    if not folder.is_dir():
        return entry
    found = sorted(folder.glob("*.md"), key=lambda one: (one.name != "index.md", one.name))
    return [str(one.relative_to(docs)) for one in found]


def on_files(files: Any, config: Any) -> Any:
    """Add what is not in the folder of the pages: the sample in their language, the schemas, what pages share."""
    language = Path(config["docs_dir"]).name
    folder = Path(tempfile.mkdtemp(prefix="dclab-site-"))
    config["extra"]["scratch"] = str(folder)
    shutil.copytree(SAMPLE, folder / "sample")
    if language != "en":
        from dclab.report.write import write_report
        from dclab.run_folder import load_results

        write_report(load_results(SAMPLE), folder / "sample", language)
    (folder / "sample" / "terminal-animated.svg").write_text(animated(SAMPLE / "hpa-demo.cast"))
    added = [
        (f"sample/{one.relative_to(folder / 'sample')}", one)
        for name in SHOWN
        for one in (folder / "sample").glob(name)
    ]
    added += [("sample/terminal-animated.svg", folder / "sample" / "terminal-animated.svg")]
    if language == "en":
        added += [(f"reference/{one.name}", one) for one in HERE.glob("*.schema.json")]
    else:
        added += [(f"assets/{one.name}", one) for one in (HERE / "en" / "assets").iterdir()]
    for place, file in added:
        files.append(File.generated(config, place, abs_src_path=str(file)))
    return files


def on_post_build(config: Any) -> None:
    """Remove what was made for the build, and part the words of the Chinese search index."""
    shutil.rmtree(config["extra"]["scratch"])
    index = Path(config["site_dir"]) / "search" / "search_index.json"
    if Path(config["docs_dir"]).name == "zh":
        # Chinese has no spaces; the theme's search takes a zero-width one for a word's end.
        han = r"(?<=[\u4e00-\u9fff])(?=[\u4e00-\u9fff])"
        content = json.loads(index.read_text())
        for one in content["docs"]:
            one |= {key: re.sub(han, "\u200b", one[key]) for key in ("title", "text")}
        index.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")))


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Leave of what is quoted the text alone."""
    return MARK.sub(lambda found: found["text"], markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Hold a figure and its uncertainty on one line in the cells of tables, a number and its % in any text."""
    html = re.sub(r"<td.*?</td>", lambda cell: cell[0].replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"), html)
    parts = re.split(r"(<pre.*?</pre>|<code.*?</code>)", html, flags=re.DOTALL)
    parts[::2] = [re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", one) for one in parts[::2]]
    # A hyphen is where a browser breaks a line: not in an option.
    return re.sub(r"<code>(?=--?\w[^<\s]{0,22}</code>)", '<code class="dclab-short">', "".join(parts))


def on_page_context(context: Any, page: Any, config: Any, **_: Any) -> Any:
    """Tell the theme where the page is in each language: the same page, or the first one where it is not translated."""
    here = Path(config["docs_dir"]).name
    context["languages"] = [
        {"tag": tag, "name": name, "current": one == here, "link": _link(page, here, one)}
        for one, (tag, name) in LANGUAGES.items()
    ]
    return context


def _link(page: Any, here: str, there: str) -> str:
    url = page.file.dest_uri if (HERE / there / page.file.src_uri).exists() else "index.html"
    roots = {"en": "", "zh": "zh/"}
    return get_relative_url(roots[there] + url, roots[here] + page.file.dest_uri)
