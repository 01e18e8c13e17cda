"""Every link and every file that the built pages name, without a browser."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest


class Anchors(HTMLParser):
    """Ids of a page, and what it refers to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.ids |= {value for key in ("id", "name") if (value := values.get(key))}
        if tag != "use":  # drawings refer to their own parts
            self.links += [value for key in ("href", "src") if (value := values.get(key))]


@pytest.fixture(scope="module")
def parsed(site: Path) -> dict[Path, Anchors]:
    return {path: Anchors(path.read_text("utf8")) for path in sorted(site.rglob("*.html"))}


def test_every_link_within_the_book_leads_somewhere(parsed: dict[Path, Anchors]) -> None:
    broken, seen = [], 0
    for page, anchors in parsed.items():
        for link in anchors.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            seen += 1
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            fragment = unquote(parts.fragment)
            if not target.is_file() or (fragment and target in parsed and fragment not in parsed[target].ids):
                broken.append(f"{page.name}: {link}")
    assert seen > 500
    assert broken == []


def test_links_to_elsewhere_are_links_and_never_loaded(parsed: dict[Path, Anchors], site: Path) -> None:
    loaded = re.compile(r'<(?:script|link|img|iframe|source|video)\b[^>]*(?:src|href)="(?:https?:)?//[^"]*"')
    assert {
        page.name: loaded.findall(page.read_text("utf8"))
        for page in parsed
        if loaded.search(page.read_text("utf8"))
    } == {}
    imported = re.compile(r"(?:url\(|@import\s)\s*[\"']?(?:https?:)?//")
    assert [path.name for path in site.rglob("*.css") if imported.search(path.read_text("utf8"))] == []


def test_a_book_without_a_repository_has_no_launch_buttons(parsed: dict[Path, Anchors]) -> None:
    links = [link for anchors in parsed.values() for link in anchors.links]
    assert not [link for link in links if "mybinder.org" in link or "colab.research" in link]


def test_no_answer_of_a_question_can_be_read_in_the_code_of_a_page(site: Path) -> None:
    for page in site.glob("notebooks/*.html"):
        html = page.read_text("utf8")
        shown = re.sub(r"<script\b.*?</script>", "", html, flags=re.DOTALL)
        code = re.sub(r"<[^>]+>", "", "".join(re.findall(r"<pre>.*?</pre>", shown, re.DOTALL)))
        assert "Predict(" not in code, page.name
        assert "Quiz(" not in code, page.name


def test_the_pages_hold_no_path_of_the_machine_that_built_them(
    parsed: dict[Path, Anchors], site: Path
) -> None:
    here = str(site.parents[1])
    assert [page.name for page in parsed if here in page.read_text("utf8")] == []
    for notebook in site.rglob("*.ipynb"):
        assert here not in json.dumps(json.loads(notebook.read_text("utf8")))
