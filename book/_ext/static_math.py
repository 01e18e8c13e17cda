"""Formulas are typeset while the book is built: the pages carry drawings, and MathML for screen readers.

MathJax runs once, in Node.js, instead of in every reader's browser; a page with formulas is then some 700 kB
lighter (compressed) and nothing jumps while it loads. A formula with a mistake is a warning: the build fails.
"""

import json
import re
import subprocess
from pathlib import Path

from docutils import nodes
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

BOOK = Path(__file__).resolve().parents[1]
logger = logging.getLogger(__name__)


class Typesetter:
    """A running MathJax; started at the first formula, asked once for each different one."""

    def __init__(self, node_command: list[str]) -> None:
        self.command = [
            *node_command,
            str(BOOK / "tools" / "render_math.cjs"),
            str(BOOK / "_vendor" / "mathjax"),
        ]
        self.process = None
        self.known: dict[tuple[str, bool], dict] = {}

    def __call__(self, tex: str, display: bool) -> dict:
        """``{"svg": ..., "mathml": ...}`` or ``{"error": ...}`` for a formula."""
        if (tex, display) not in self.known:
            if self.process is None:
                pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
                self.process = subprocess.Popen(self.command, **pipes, text=True, encoding="utf-8")
            self.process.stdin.write(json.dumps({"tex": tex, "display": display}) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
            if not answer:
                raise RuntimeError(f"MathJax stopped while it was typesetting {tex!r}")
            self.known[tex, display] = json.loads(answer)
        return self.known[tex, display]

    def close(self) -> None:
        if self.process is not None:
            self.process.stdin.close()
            self.process.stdout.close()
            self.process.wait()
            self.process = None


def drawn(translator, node: nodes.Element, tex: str, display: bool) -> str:
    """HTML of one formula: the drawing for the eye, MathML for the ear."""
    done = translator.builder.app.typesetter(tex, display)
    if "error" in done:
        logger.warning("formula %r: %s", tex, done["error"], location=node, type="math")
        return f"<code>{translator.encode(tex)}</code>"
    mathml = re.sub(r">\s+<", "><", done["mathml"])
    svg = done["svg"].replace(' role="img" focusable="false"', ' aria-hidden="true" focusable="false"', 1)
    return f'{svg}<span class="math-spoken">{mathml}</span>'


def visit_math(self, node: nodes.math) -> None:
    html = drawn(self, node, node.astext(), display=False)
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight") + html + "</span>")
    raise nodes.SkipNode


def visit_math_block(self, node: nodes.math_block) -> None:
    tex = node.astext()
    if not node.get("nowrap") and r"\\" in tex and r"\begin" not in tex:
        tex = rf"\begin{{split}}{tex}\end{{split}}"
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node.get("number"):
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(f'<div class="math-scroll">{drawn(self, node, tex, display=True)}</div></div>\n')
    raise nodes.SkipNode


def start(app) -> None:
    import sys

    sys.path.insert(0, str(BOOK / "tools"))
    import fetch_assets

    app.typesetter = Typesetter(fetch_assets.node())


def stop(app, exception) -> None:
    if hasattr(app, "typesetter"):
        app.typesetter.close()


def setup(app):
    app.add_html_math_renderer("static", (visit_math, None), (visit_math_block, None))
    app.connect("builder-inited", start)
    app.connect("build-finished", stop)
    return {"parallel_read_safe": True}
