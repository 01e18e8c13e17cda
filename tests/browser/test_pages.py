"""Every page of the built book, over HTTP and from files: nothing missing, nothing from elsewhere."""

from __future__ import annotations

import functools
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Page
from recording import watch

MOST_BYTES = 2_500_000  # of a page with all that it loads, compressed; 1.5 million is the aim
LOOK = """() => ({
  images: [...document.images].map(image => ({
    source: image.getAttribute("src"), alt: image.getAttribute("alt"),
    broken: image.complete && !image.naturalWidth })),
  waiting: document.querySelectorAll(".book-widget:not([data-ready])").length,
  headings: [...document.querySelectorAll("article h1")].map(heading => heading.textContent),
})"""
WIDER_THAN_THE_PAGE = """() => {
  const root = document.documentElement, width = root.clientWidth;
  if (root.scrollWidth <= width) return [];
  const wide = [...document.querySelectorAll("body *")].filter(
    node => node.getBoundingClientRect().right > width + 1);
  return [`${root.scrollWidth} px`, ...wide.slice(0, 5).map(node => `${node.tagName}.${node.className}`)];
}"""


@dataclass
class Visit:
    """What one page did and held."""

    name: str
    problems: list[str]
    look: dict[str, Any]
    too_wide: list[str]
    compressed: int


def pages(site: Path) -> list[str]:
    return sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))


def address(scheme: str, site: Path, http_site: str, name: str = "") -> str:
    return f"{http_site}/{name}" if scheme == "http" else (site / name).as_uri()


@functools.cache
def compressed(path: Path) -> int:
    """Bytes that a server with gzip sends for a file."""
    body = path.read_bytes()
    return len(body) if path.suffix in (".woff2", ".png", ".jpg") else len(gzip.compress(body, 6))


def weight(urls: list[str], site: Path) -> int:
    """Compressed bytes of all files of the book among ``urls``."""
    files = {site / unquote(urlsplit(url).path).lstrip("/") for url in urls if urlsplit(url).scheme == "http"}
    return sum(compressed(path / "index.html" if path.is_dir() else path) for path in files)


def settle(page: Page) -> None:
    """Wait until every widget of the page runs or has failed."""
    page.wait_for_function("document.readyState === 'complete'")
    page.wait_for_function("!document.querySelector('.book-widget:empty')", timeout=15_000)


@pytest.fixture(scope="module", params=["http", "file"])
def visits(
    request: pytest.FixtureRequest, chromium: Browser, site: Path, http_site: str
) -> Iterator[list[Visit]]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    found = []
    for name in pages(site):
        page = context.new_page()
        record = watch(page)
        page.goto(address(request.param, site, http_site, name))
        settle(page)
        look = page.evaluate(LOOK)
        size = weight([response.url for response in record.responses], site)
        page.set_viewport_size({"width": 390, "height": 844})
        too_wide = page.evaluate(WIDER_THAN_THE_PAGE)
        found.append(Visit(name, record.problems(), look, too_wide, size))
        page.close()
    context.close()
    return found


def test_there_are_pages_to_look_at(visits: list[Visit], site: Path) -> None:
    chapters = sorted(path.stem for path in Path(__file__).parents[2].glob("notebooks/*.ipynb"))
    assert {"book/index.html", "book/notation.html", "book/api/cost.html"} <= {visit.name for visit in visits}
    assert [visit.name for visit in visits if visit.name.startswith("notebooks/")] == [
        f"notebooks/{chapter}.html" for chapter in chapters
    ]


def test_no_page_fails_complains_or_asks_for_anything_from_elsewhere(visits: list[Visit]) -> None:
    assert {visit.name: visit.problems for visit in visits if visit.problems} == {}


def test_every_widget_starts(visits: list[Visit]) -> None:
    assert {visit.name: visit.look["waiting"] for visit in visits if visit.look["waiting"]} == {}


def test_every_image_is_there_and_described(visits: list[Visit]) -> None:
    bad = []
    for visit in visits:
        for image in visit.look["images"]:
            alt = (image["alt"] or "").strip()
            is_file_name = re.fullmatch(r"\S+\.(png|svg|jpe?g|gif|webp)", alt) or alt in (
                image["source"] or ""
            )
            if not alt or is_file_name or image["broken"]:
                bad.append((visit.name, image["source"][:80], alt))
    assert bad == []


def test_no_page_scrolls_sideways_on_a_phone(visits: list[Visit]) -> None:
    assert {visit.name: visit.too_wide for visit in visits if visit.too_wide} == {}


def test_every_page_has_one_main_heading(visits: list[Visit]) -> None:
    special = {"index.html", "genindex.html", "py-modindex.html", "search.html"}
    counts = {
        v.name: v.look["headings"] for v in visits if v.name not in special and len(v.look["headings"]) != 1
    }
    assert counts == {}


@pytest.mark.parametrize("visits", ["http"], indirect=True)
def test_no_page_is_heavier_than_the_budget(visits: list[Visit]) -> None:
    weights = {visit.name: visit.compressed for visit in visits}
    print(
        *(f"{size / 1e6:.2f} MB  {name}" for name, size in sorted(weights.items(), key=lambda w: -w[1])),
        sep="\n",
    )
    assert min(weights.values()) > 0
    assert {name: size for name, size in weights.items() if size > MOST_BYTES} == {}


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_search_finds_pages(page: Page, site: Path, http_site: str, scheme: str) -> None:
    page.goto(address(scheme, site, http_site, "book/index.html"))
    page.keyboard.press("Control+k")
    page.locator("#pst-search-dialog input").fill("depthwise")
    page.keyboard.press("Enter")
    page.locator("#search-results li a").first.wait_for()
    page.wait_for_function("/found|match/.test(document.querySelector('#search-results').textContent)")
    titles = page.locator("#search-results li a").all_inner_texts()
    assert any("Notation" in title for title in titles)
    assert page.record.problems() == []


CONTRAST = """selector => {
  const parse = colour => colour.match(/[\\d.]+/g).map(Number);
  const linear = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const background = node => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll(selector)].filter(node => node.innerText?.trim()).map(node => {
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(background(node))];
    return { text: node.innerText.slice(0, 60), contrast: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05),
             shown: node.getClientRects().length > 0, paper: light(background(node)) };
  });
}"""
TAGS = ("h1", "h2", "h3", "p", "li", "td", "th", "pre", "pre span", "dt", "dd", "a", ".book-widget label")
TEXT = ", ".join(f"article {tag}" for tag in TAGS)


def faint(page: Page) -> list[dict[str, Any]]:
    texts = page.evaluate(CONTRAST, TEXT)
    assert len(texts) > 5
    return [text for text in texts if text["shown"] and text["contrast"] < 4.5]


def sample(site: Path) -> list[str]:
    chapters = [name for name in pages(site) if name.startswith("notebooks/")]
    return ["book/index.html", "book/notation.html", "book/api/cost.html", *chapters]


def test_the_reader_can_switch_between_light_and_dark(page: Page, http_site: str, site: Path) -> None:
    page.emulate_media(color_scheme="light")
    for name in sample(site):
        page.goto(f"{http_site}/{name}")
        settle(page)
        papers = {}
        for _ in range(3):
            page.locator(".theme-switch-button:visible").first.click()
            theme = page.evaluate("document.documentElement.dataset.theme")
            papers[theme] = page.evaluate(CONTRAST, "article h1")[0]["paper"]
            assert faint(page) == [], (name, theme)
        assert papers["light"] > 0.8
        assert papers["dark"] < 0.05


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_printed_page_is_dark_on_white_and_holds_the_text_alone(
    page: Page, http_site: str, site: Path, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme, media="print")
    for name in sample(site):
        page.goto(f"{http_site}/{name}")
        settle(page)
        assert faint(page) == [], name
        for part in ("article h1", "article p"):
            seen = page.evaluate(CONTRAST, part)[0]
            assert seen["shown"], (name, part)
            assert seen["paper"] > 0.9, (name, part)
        boxes = page.evaluate(CONTRAST, "article pre, article .book-widget label, article td")
        assert all(box["paper"] > 0.8 for box in boxes), name
        for gone in (".bd-sidebar-primary", ".bd-header-article", ".prev-next-footer"):
            assert not page.locator(gone).is_visible(), (name, gone)


def test_every_chapter_can_be_downloaded_as_a_notebook(page: Page, http_site: str, site: Path) -> None:
    for name in [name for name in pages(site) if name.startswith("notebooks/")]:
        page.goto(f"{http_site}/{name}")
        page.locator("button[aria-label='Download this page']").click()
        link = page.locator("a.btn-download-source-button:visible")
        target = site / Path(name).parent / link.get_attribute("href")
        notebook = json.loads(target.resolve().read_text("utf8"))
        assert notebook["nbformat"] == 4
        assert any(cell.get("outputs") for cell in notebook["cells"])
