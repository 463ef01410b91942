"""The page in a real headless Chromium: phone and desktop, light and dark, printed; nothing loaded, nothing broken."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from dclab.browser import find_browser, screenshot
from dclab.measure.compare import compare_runs
from dclab.report.comparison import write_comparison
from dclab.report.write import write_report
from dclab.run_folder import load_results
from tests.report.test_autoscalers import whole

PICTURES = 7
"""Of the page under test: the sample's and those of autoscalers side by side."""
SAMPLES = Path(__file__).parent.parent.parent / "reports"
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("report")
    shutil.copytree(SAMPLES / "sample-embedded", made, dirs_exist_ok=True)
    results = replace(load_results(made), comparison=whole())
    write_report(results, made)
    chinese = made / "zh"
    chinese.mkdir()
    write_report(results, chinese, "zh")
    runs = [(name, load_results(SAMPLES / name)) for name in ("sample-embedded", "sample-kube")]
    write_comparison(runs, compare_runs([one for _, one in runs]), made)
    return made


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser, folder):
    """A page as that reader sees it, with what it asked for and complained of."""
    contexts = []

    def visit(name="report.html", size="desktop", scheme="light"):
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        asked, complaints = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((folder / name).as_uri())
        return page, asked, complaints

    yield visit
    for one in contexts:
        one.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["report.html", "comparison.html"])
def test_it_asks_for_nothing_complains_of_nothing_and_fits(opened, name, size, scheme):
    page, asked, complaints = opened(name, size, scheme)
    assert [one for one in asked if not one.startswith(("file://", "data:"))] == []
    assert len([one for one in asked if one.startswith("file://")]) == 1
    assert complaints == []
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= SIZES[size][0], "the page itself must not scroll sideways"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report.html", "comparison.html"])
def test_nothing_serious_is_wrong_with_its_accessibility(opened, name, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page, _, _ = opened(name, "phone", scheme)
    # The page's own policy forbids scripts, so axe is brought in from outside of it.
    found = Axe().run(page).response["violations"]
    serious = [(one["id"], one["nodes"][0]["html"][:120]) for one in found if one["impact"] in ("serious", "critical")]
    assert serious == []


def test_a_value_shows_where_one_points(opened):
    page, _, _ = opened()
    tips = page.locator("figure").first.locator(".large .spot")
    assert tips.count() == 6
    last = tips.nth(5)
    assert last.locator(".tip").evaluate("one => getComputedStyle(one).visibility") == "hidden"
    last.locator("circle").hover()
    assert last.locator(".tip").evaluate("one => getComputedStyle(one).visibility") == "visible"
    assert "10 workers" in last.locator("title").text_content()


LEGIBLE_PIXELS = 10


def _labels(page):
    """What is written in the pictures that are to be seen, with its place; those of terminals are text of their own."""
    return page.locator("figure svg:not(.rich-terminal) text:not(.tip text)").evaluate_all(
        "all => all.filter(one => one.checkVisibility()).map(one => { const box = one.getBoundingClientRect();"
        " return [one.textContent, box.left, box.top, box.right, box.bottom]; })"
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["report.html", "zh/report.html"])
def test_labels_of_pictures_can_be_read_and_do_not_overlap(opened, name, size):
    page, _, _ = opened(name, size)
    labels = _labels(page)
    if name == "report.html":
        assert {"cpu tuned", "inflight", "minutes", "metric / target", "hashes per second"} <= {
            one[0] for one in labels
        }
    for text, left, top, right, bottom in labels:
        assert min(right - left, bottom - top) >= LEGIBLE_PIXELS or len(text) < 3, text
    for (one, *a), (other, *b) in combinations(labels, 2):
        # A line's box is higher than its letters, by a third in Chinese fonts.
        slack = max(1, 0.3 * min(a[3] - a[1], b[3] - b[1]))
        apart = a[0] >= b[2] - 1 or b[0] >= a[2] - 1 or a[1] >= b[3] - slack or b[1] >= a[3] - slack
        assert apart, f"{one} over {other}"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["report.html", "zh/report.html"])
def test_every_picture_lies_within_the_view_with_its_last_point_and_its_words(opened, name, size):
    page, _, _ = opened(name, size)
    width = SIZES[size][0]
    shown = page.locator("figure svg:not(.rich-terminal)").evaluate_all(
        "all => all.filter(one => one.checkVisibility()).map(one => { const box = one.getBoundingClientRect();"
        " const right = [...one.querySelectorAll('.spot circle')].map(each => {"
        "  const at = each.getBoundingClientRect(); return (at.left + at.right) / 2; });"
        " return [box.left, box.right, right.length, Math.max(...right)]; })"
    )
    assert len(shown) == PICTURES
    for left, right, spots, last in shown:
        assert left >= 0
        assert right <= width
        assert spots
        assert last <= right + 1
    assert [one for one in _labels(page) if one[1] < 0 or one[3] > width] == []


def test_a_table_that_does_not_fit_shows_that_it_scrolls(opened):
    page, _, _ = opened(size="phone")
    found = page.locator(".wide").evaluate_all(
        "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => {"
        " const style = getComputedStyle(one);"
        " return [style.overflowX, style.backgroundImage.split('linear-gradient').length - 1,"
        "         style.backgroundAttachment, one.tabIndex]; })"
    )
    assert found
    assert {tuple(one) for one in found} == {("auto", 4, "local, local, scroll, scroll", 0)}


@pytest.mark.parametrize("name", ["report.html", "zh/report.html"])
def test_on_paper_nothing_is_wider_than_the_page(opened, name):
    page, _, _ = opened(name)
    page.set_viewport_size({"width": 688, "height": 1000})  # A4 less its margins, in CSS pixels
    page.emulate_media(media="print")
    wide = page.locator("table, svg, img, pre").evaluate_all(
        "all => all.filter(one => one.checkVisibility() && one.getBoundingClientRect().right > 689)"
        ".map(one => [one.tagName, one.textContent.slice(0, 60), one.getBoundingClientRect().right])"
    )
    assert wide == []
    assert page.locator("figure .small").first.is_hidden()


def test_it_prints(opened):
    page, _, _ = opened()
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    pages = printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") + printed.count(b"/Type /Page/")
    assert 4 <= pages <= 24


def test_the_page_is_light(folder):
    assert (folder / "report.html").stat().st_size <= 2_000_000


def test_a_picture_of_any_page_can_be_taken(folder):
    png = screenshot((folder / "report.html").as_uri(), width=600, height=400)
    assert png is not None
    assert png.startswith(b"\x89PNG")
