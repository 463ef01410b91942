"""The site in a real Chromium: both languages, phone and desktop, light and dark; nothing from elsewhere, nothing broken."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest

from dclab.browser import find_browser
from tests.conftest import CHECKOUT
from tests.docs.pages import DOCS

pytest.importorskip("mkdocs")

SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
LONGEST_SECONDS = 20.0
"""Of CPU, for the build; the tests run several at a time."""

LOOKED_AT = (
    "index.html",
    "tutorial/rates.html",
    "how-to/course-sheet.html",
    "how-to/kind-k3d.html",
    "explanation/metric.html",
    "reference/commands/run.html",
    "reference/results.html",
    "zh/index.html",
    "zh/tutorial/bottleneck.html",
    "zh/explanation/web-ui.html",
    "zh/how-to/many-workers.html",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = tmp_path_factory.mktemp("site")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "docs/build.py", made], check=False, cwd=CHECKOUT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < LONGEST_SECONDS
    return made


@pytest.fixture(scope="module")
def pages(site):
    return {one.relative_to(site).as_posix(): one.read_text() for one in site.rglob("*.html") if one.name != "404.html"}


def test_there_is_enough_in_both_languages(pages):
    own = [one for one in pages if not one.endswith("sample/report.html")]
    assert len([one for one in own if not one.startswith("zh/")]) >= 30
    assert len([one for one in own if one.startswith("zh/")]) >= 12
    written = [one for one in DOCS.glob("en/**/*.md") if "Generated from the code" not in one.read_text()]
    assert len(written) >= 30


def test_every_chinese_page_has_its_english_one_and_both_lead_to_each_other(pages):
    for name in pages:
        if name.startswith("zh/") and not name.endswith("sample/report.html"):
            assert (DOCS / "en" / name[3:]).with_suffix(".md").is_file()
            for page, tag in ((name, "en"), (name[3:], "zh-CN")):
                assert f'hreflang="{tag}"' in pages[page]
    assert 'href="../zh/tutorial/rates.html"' in pages["tutorial/rates.html"]
    assert 'href="../../tutorial/rates.html"' in pages["zh/tutorial/rates.html"]
    assert 'href="../zh/index.html"' in pages["explanation/security.html"], (
        "what is not translated leads to the first page"
    )


def test_chinese_pages_are_in_chinese():
    for page in DOCS.glob("zh/**/*.md"):
        text = re.sub(r"```.*?```|`[^`]*`|<!--.*?-->|\(.*?\)", "", page.read_text(), flags=re.DOTALL)
        assert len(re.findall(r"[\u4e00-\u9fff]", text)) > len(re.findall(r"[a-zA-Z]{2,}", text)), page


LINK = re.compile(r"""(?:href|src)=["']?([^"'\s>]+)""")


def test_every_link_leads_somewhere(site, pages):
    broken = []
    for name, text in pages.items():
        for found in map(unescape, LINK.findall(text)):
            parts = urlsplit(found)
            if parts.scheme or not parts.path:
                continue
            target = (site / name).parent / unquote(parts.path)
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (
                parts.fragment
                and target.suffix == ".html"
                and f'id="{unquote(parts.fragment)}"' not in target.read_text()
            ):
                broken.append((name, found))
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(pages):
    loads = re.compile(
        r"<(?:script|img|iframe|source|video|audio)[^>]+src=[\"']?(?:https?:)?//|<link[^>]+href=[\"']?(?:https?:)?//"
    )
    assert [name for name, text in pages.items() if loads.search(text)] == []


needs_browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(site):
    """Of the site on a web server of this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pages_ask_nobody_else_fit_and_have_nothing_serious_wrong(browser, address, size, scheme):
    from axe_playwright_python.sync_playwright import Axe

    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    try:
        page = context.new_page()
        asked, complaints = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        for name in LOOKED_AT:
            page.goto(f"{address}/{name}")
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            found = Axe().run(page).response["violations"]
            serious = [
                (one["id"], one["nodes"][0]["html"][:160]) for one in found if one["impact"] in ("serious", "critical")
            ]
            assert serious == [], name
        assert [one for one in asked if not one.startswith((address, "data:", "blob:"))] == []
        assert complaints == []
    finally:
        context.close()


@needs_browser
@pytest.mark.parametrize(
    ("place", "ready", "wanted", "found"),
    [("", "Type to start", "friend", "Measure any DockerCoins"), ("zh/", "键入以开始搜索", "瓶颈", "瓶颈")],
    ids=["en", "zh"],
)
def test_search_finds(browser, address, place, ready, wanted, found):
    page = browser.new_page()
    try:
        page.goto(f"{address}/{place}index.html")
        search = page.locator(".md-search__input")
        search.click()
        # What is typed before the index is there is not looked for again.
        page.locator(".md-search-result__meta", has_text=ready).wait_for(timeout=60_000)
        search.fill(wanted)
        search.press("End")  # the theme looks when a key goes up
        first = page.locator(".md-search-result__item").first
        first.wait_for(timeout=60_000)
        assert found in first.inner_text().replace("\u200b", "")
    finally:
        page.close()


@needs_browser
def test_the_language_switch_leads_to_the_same_page(browser, address):
    page = browser.new_page()
    try:
        page.goto(f"{address}/tutorial/rates.html")
        page.get_by_role("link", name="中文").click()
        assert page.url == f"{address}/zh/tutorial/rates.html"
        page.get_by_role("link", name="English").click()
        assert page.url == f"{address}/tutorial/rates.html"
    finally:
        page.close()
