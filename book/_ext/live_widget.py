"""A directive that puts a widget of the library into a prose page, alive without a kernel.

    ```{live-widget} ScalingExplorer
    phi: 0
    ```

The argument names a class in ``effnet_lib.widgets``; the body gives its settings, as YAML.
"""

import json

import yaml
from docutils import nodes
from ipywidgets.embed import dependency_state
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.util.docutils import SphinxDirective

from effnet_lib import widgets

HOST = "widget_host.js"


def embedded(widget) -> str:
    """HTML with the widget's state and a place for its view, as notebooks store them."""
    state = {"version_major": 2, "version_minor": 0, "state": dependency_state(widget, drop_defaults=False)}
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    parts = [("state", state), ("view", view)]
    return "\n".join(
        f'<script type="application/vnd.jupyter.widget-{kind}+json">{script_text(content)}</script>'
        for kind, content in parts
    )


def script_text(content: dict) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(content, sort_keys=True).replace("<", r"\u003c")


class LiveWidget(SphinxDirective):
    required_arguments = 1
    has_content = True

    def run(self):
        try:
            settings = yaml.safe_load("\n".join(self.content)) or {}
            widget = getattr(widgets, self.arguments[0])(**settings)
        except (AttributeError, TypeError, ValueError, yaml.YAMLError) as error:
            raise self.error(f"{self.arguments[0]}: {error}") from error
        html = f'<div class="live-widget cell_output">\n{embedded(widget)}\n</div>'
        NbMetadataCollector.add_js_file(self.env, self.env.docname, HOST, HOST, {"defer": "defer"})
        return [nodes.raw("", html, format="html")]


def setup(app):
    app.add_directive("live-widget", LiveWidget)
    return {"parallel_read_safe": True}
