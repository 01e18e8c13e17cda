"""Buttons that open a chapter in Colab or Binder, in books built with REPOSITORY_URL set; none otherwise.

REPOSITORY_BRANCH says which branch they open (default: main). Colab reads GitHub only, Binder any public
repository.
"""

import os
from urllib.parse import quote, urlsplit


def launch_links(repository: str, branch: str, notebook: str) -> list[tuple[str, str]]:
    """(service, address) pairs that open ``notebook``, a path in the repository at ``repository``.

    Raises
    ------
    ValueError
        If ``repository`` is not an http(s) address.
    """
    parts = urlsplit(repository)
    if parts.scheme not in ("http", "https") or not parts.path.strip("/"):
        raise ValueError(f"REPOSITORY_URL must look like https://github.com/owner/name, got {repository!r}")
    name = parts.path.strip("/").removesuffix(".git")
    if parts.netloc == "github.com":
        source = f"gh/{name}"
        links = [("Colab", f"https://colab.research.google.com/github/{name}/blob/{branch}/{notebook}")]
    else:
        source = "git/" + quote(f"{parts.scheme}://{parts.netloc}/{name}", safe="")
        links = []
    links.append(
        ("Binder", f"https://mybinder.org/v2/{source}/{quote(branch, safe='')}?urlpath=lab/tree/{notebook}")
    )
    return links


def add_buttons(app, pagename, templatename, context, doctree) -> None:
    repository = os.environ.get("REPOSITORY_URL", "").strip()
    if not repository or context.get("page_source_suffix") != ".ipynb" or "header_buttons" not in context:
        return
    branch = os.environ.get("REPOSITORY_BRANCH", "").strip() or "main"
    buttons = [
        {"type": "link", "text": service, "tooltip": f"Open this chapter in {service}",
         "icon": "fas fa-rocket", "url": address, "label": f"launch-{service.lower()}-button"}
        for service, address in launch_links(repository, branch, f"{pagename}.ipynb")
    ]  # fmt: skip
    group = {"type": "group", "tooltip": "Open this chapter in the cloud", "icon": "fas fa-rocket",
             "buttons": buttons, "label": "launch-buttons"}  # fmt: skip
    context["header_buttons"].insert(0, group)


def setup(app):
    app.connect("html-page-context", add_buttons, priority=900)  # after the theme has made its list
    return {"parallel_read_safe": True}
