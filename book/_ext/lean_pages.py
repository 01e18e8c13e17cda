"""Takes out of the finished pages what a reader would download for nothing.

- The theme brings every icon of Font Awesome as one script, half of a page's weight. The pages use some
  twenty: these are drawn by a small style sheet made from the same drawings.
- The theme loads the search index in every page for a search box that opens the search page anyway.
- Files that no page asks for (source maps, fonts of icons, translations) leave the built folder.
"""

import re
import shutil
from pathlib import Path
from urllib.parse import quote

from sphinx.util import logging

logger = logging.getLogger(__name__)

ICON = re.compile(r'<(?:i|span) class="[^"]*\bfa(?:s|b|r|-solid|-brands|-regular)\b[^"]*"')
BY_SCRIPT = {"xmark"}  # put into the page by the theme's scripts
STYLES = {"solid", "brands", "regular", "lg", "fw", "spin", "sm", "xs"}  # classes that are not an icon's name
SHEET = "icons.css"
BASE = """/* Icons: Font Awesome Free (https://fontawesome.com), CC BY 4.0 */
.fa-solid, .fa-brands, .fa-regular, .fas, .fab, .far {
  display: inline-block; width: 1em; height: 1em; vertical-align: -0.125em;
  background: currentColor;
  -webkit-mask: var(--icon) center / contain no-repeat; mask: var(--icon) center / contain no-repeat;
}
:is(.fa-solid, .fa-brands, .fa-regular, .fas, .fab, .far)::before { content: none; }
@media (forced-colors: active) { .fa-solid, .fa-brands, .fas, .fab { background: CanvasText; } }
"""
DROPPED_EVERYWHERE = re.compile(
    r"\s*(?:<!-- So that users can add custom icons -->\s*)?<script[^>]*fontawesome\.js[^>]*></script>"
)
DROPPED_OUTSIDE_SEARCH = re.compile(
    r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>'
)
UNUSED = (
    "_static/scripts/fontawesome.js*", "_static/vendor", "_static/webfonts", "_static/locales",
    "_static/**/*.map", "_static/*webpack-macros.html", "_static/plus.png", "_static/minus.png",
    "_static/file.png",
)  # fmt: skip


def icon_names(html: str) -> set[str]:
    """Names of the Font Awesome icons that a page shows."""
    names = set()
    for tag in ICON.findall(html):
        names |= set(re.findall(r"\bfa-([a-z0-9-]+)", tag)) - STYLES
    return names


def drawing(name: str, library: str) -> str | None:
    """The icon as an SVG, from the text of Font Awesome's script; ``None`` if it has no such icon."""
    entry = rf'[,{{]"?{re.escape(name)}"?:\[(\d+),(\d+),\[[^\]]*\],"[0-9a-f]*",(?:"([^"]+)"|\[([^\]]+)\])\]'
    found = re.findall(entry, library)
    if not found:
        alias = rf'"?([a-z0-9-]+)"?:\[\d+,\d+,\[[^\]]*"{re.escape(name)}"[^\]]*\]'
        original = re.search(alias, library)
        return drawing(original[1], library) if original else None
    width, height, path, _ = found[-1]  # the solid set stands last
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"><path d="{path}"/></svg>'


def icon_sheet(names: set[str], library: str) -> str:
    """Style sheet that draws the named icons."""
    rules = []
    for name in sorted(names):
        svg = drawing(name, library)
        if svg is None:
            logger.warning("no drawing for the icon %r", name, type="icons")
        else:
            rules.append(f'.fa-{name} {{ --icon: url("data:image/svg+xml,{quote(svg, safe=" =:/,")}"); }}')
    return BASE + "\n".join(rules) + "\n"


def redirect(site: Path, front: str) -> None:
    """Write the page at the top of the site, which opens the title page."""
    (site / "index.html").write_text(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        "<title>EfficientNet, built and measured</title>"
        f'<link rel="icon" href="data:,"><meta http-equiv="refresh" content="0; url={front}">'
        f'</head><body><p><a href="{front}">Open the book</a></p></body></html>\n',
        "utf8",
    )


def make_lean(app, exception) -> None:
    if exception or app.builder.format != "html":
        return
    site = Path(app.outdir)
    redirect(site, f"{app.config.root_doc}.html")
    library = site / "_static" / "scripts" / "fontawesome.js"
    names = set(BY_SCRIPT)
    for page in sorted(site.rglob("*.html")):
        html = page.read_text("utf8")
        names |= icon_names(html)
        html = DROPPED_EVERYWHERE.sub("", html)
        if page.name != "search.html":
            html = DROPPED_OUTSIDE_SEARCH.sub("", html)
        page.write_text(html, "utf8")
    if library.is_file():
        (site / "_static" / SHEET).write_text(icon_sheet(names, library.read_text("utf8")), "utf8")
    for pattern in UNUSED:
        for path in list(site.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def plain_results(app, pagename, templatename, context, doctree) -> None:
    """In a page opened from a file, a search cannot fetch the found pages for a summary: show titles alone."""
    if pagename == "search":
        body = "if (location.protocol === 'file:') DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;"
        app.add_js_file(None, body=body)


def setup(app):
    app.add_css_file(SHEET)
    app.connect("html-page-context", plain_results)
    app.connect("build-finished", make_lean, priority=900)
    return {"parallel_read_safe": True}
