"""What the book adds to Sphinx: reference, launch buttons, icons, chapter lists, formulas."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import api_reference
import chapter_list
import fetch_assets
import launch_buttons
import lean_pages
import pytest
import quiet_questions
import static_math

SOURCE = '''
"""A module."""
from effnet_lib.arch import ArchSpec
from dataclasses import dataclass

@dataclass(frozen=True)
class Cost:
    """What it costs."""
    macs: int
    arch: ArchSpec = None
    _hidden: int = 0

    @property
    def params(self) -> int:
        """Parameters."""

    def undocumented(self): ...

def cost_of(arch: ArchSpec, resolution: int | None = None) -> Cost:
    """Cost of ``arch``.

    Raises
    ------
    ValueError
        If the resolution is too small.
    """

def _private(): ...
'''


@pytest.fixture
def documented() -> str:
    tree = ast.parse(SOURCE)
    names = api_reference.Names("effnet_lib.thing", tree)
    return "\n".join(
        line for node in api_reference.public(tree.body) for line in api_reference.documented(node, names)
    )


def test_the_reference_spells_out_the_librarys_own_types(documented: str) -> None:
    signature = "(arch: effnet_lib.arch.ArchSpec, resolution: int | None=None) -> effnet_lib.thing.Cost"
    assert f".. py:function:: cost_of{signature}" in documented


def test_the_reference_shows_fields_properties_and_errors_but_nothing_private(documented: str) -> None:
    assert ".. py:class:: Cost(macs: int, arch: effnet_lib.arch.ArchSpec = None)" in documented
    assert "   .. py:property:: params" in documented
    assert ":raises ValueError:" in documented
    assert "hidden" not in documented
    assert "private" not in documented


def test_launch_links_lead_to_the_notebook_at_the_branch() -> None:
    links = dict(
        launch_buttons.launch_links("https://github.com/owner/name.git", "dev", "notebooks/01.ipynb")
    )
    assert links["Colab"] == "https://colab.research.google.com/github/owner/name/blob/dev/notebooks/01.ipynb"
    assert links["Binder"] == "https://mybinder.org/v2/gh/owner/name/dev?urlpath=lab/tree/notebooks/01.ipynb"


def test_outside_github_there_is_binder_alone() -> None:
    links = dict(
        launch_buttons.launch_links("https://git.example.org/team/name", "main", "notebooks/01.ipynb")
    )
    assert list(links) == ["Binder"]
    assert "git/https%3A%2F%2Fgit.example.org%2Fteam%2Fname/main" in links["Binder"]


@pytest.mark.parametrize("address", ["git@github.com:owner/name.git", "owner/name", "https://github.com/"])
def test_what_is_not_an_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="REPOSITORY_URL must look like"):
        launch_buttons.launch_links(address, "main", "notebooks/01.ipynb")


@pytest.mark.parametrize(("suffix", "url", "buttons"), [
    (".ipynb", "https://github.com/o/n", 1), (".ipynb", "", 0), (".md", "https://github.com/o/n", 0),
])  # fmt: skip
def test_only_chapters_get_buttons_and_only_if_asked(
    monkeypatch, suffix: str, url: str, buttons: int
) -> None:
    monkeypatch.setenv("REPOSITORY_URL", url)
    context = {"page_source_suffix": suffix, "header_buttons": []}
    launch_buttons.add_buttons(None, "notebooks/01", "page.html", context, None)
    assert len(context["header_buttons"]) == buttons


LIBRARY = (
    'x={bars:[448,512,["navicon"],"f0c9","M0 1z"],sun:[9,9,[],"f","old"]};'
    'y={"angle-up":[1,2,[],"f",["M1","M2z"]],sun:[5,5,[],"f","M5 5z"]}'
)


def test_icons_are_drawn_from_the_last_set_that_has_them() -> None:
    assert 'viewBox="0 0 5 5"' in lean_pages.drawing("sun", LIBRARY)
    assert 'd="M0 1z"' in lean_pages.drawing("bars", LIBRARY)
    assert lean_pages.drawing("bars", LIBRARY) == lean_pages.drawing("navicon", LIBRARY)
    assert lean_pages.drawing("no-such-icon", LIBRARY) is None


def test_icons_are_found_in_a_page() -> None:
    html = '<i class="fa-solid fa-bars fa-lg"></i><span class="btn fas fa-sun"></span><p class="fa-none"></p>'
    assert lean_pages.icon_names(html) == {"bars", "sun"}


def test_a_chapter_tells_its_title_opening_exercises_and_time(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(chapter_list, "ROOT", tmp_path)
    time = "<!-- run-time -->Runs in 34 s on 2 cores.<!-- /run-time -->"
    first = f"# The title\n\n{time}\n\nWhat it is about.\n\nMore."
    cells = [
        {"cell_type": "markdown", "source": first.splitlines(keepends=True)},
        {"cell_type": "code", "source": "ch01.one"},
        {"cell_type": "code", "source": "ch01.one.check(f)"},
        {"cell_type": "code", "source": "x = 1\nch01.two"},
        {"cell_type": "markdown", "source": "word " * 1000},
    ]
    path = tmp_path / "01_title.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    chapter = chapter_list.read_chapter(1, path)
    assert (chapter.title, chapter.opening) == ("The title", "What it is about.")
    assert (chapter.exercises, chapter.run_time, chapter.reading_minutes) == (2, "34 s", 10)
    assert chapter_list.reading_minutes("Reading takes about 35 minutes, the exercises 20.") == 35


def cell(source: str, outputs: int = 0, tags: tuple[str, ...] = ()) -> dict:
    metadata = {"tags": list(tags)} if tags else {}
    return {
        "cell_type": "code",
        "source": source.splitlines(True),
        "outputs": [{}] * outputs,
        "metadata": metadata,
    }


def test_code_that_holds_answers_is_hidden_and_nothing_else() -> None:
    cells = [
        cell("from effnet_lib.widgets import Predict\n\nPredict(id='a', answer=3)", 1),
        cell("ask = dict(question='?', answer=1)"),
        cell("Quiz(id='q', questions=[ask])", 1, ("wide",)),
        cell("y = model.predict(x)\nprint(y)", 1),
        {"cell_type": "markdown", "source": ["Predict(…)"], "metadata": {}},
    ]
    hidden = quiet_questions.hide({"cells": cells})["cells"]
    tags = [one["metadata"].get("tags") for one in hidden]
    assert tags == [["remove-input"], ["remove-cell"], ["wide", "remove-input"], None, None]


@pytest.mark.skipif(not (fetch_assets.VENDOR / "mathjax").is_dir(), reason="needs MathJax: make book")
def test_formulas_become_drawings_with_mathml_and_mistakes_are_told() -> None:
    typeset = static_math.Typesetter(fetch_assets.node())
    try:
        good = typeset(r"\frac{C_\text{in}}{g}", True)
        assert good["svg"].startswith("<svg")
        assert "<mfrac>" in good["mathml"]
        assert typeset("a b", False) == typeset("a b", False)
        assert "Undefined control sequence" in typeset(r"\nosuchmacro", False)["error"]
    finally:
        typeset.close()


def test_a_type_alias_is_spelled_out_in_signatures() -> None:
    tree = ast.parse("Pair = tuple[int, ...]\nLIMIT = 3\n\ndef swap(pair: Pair) -> list[Pair]:\n    'Doc.'\n")
    names = api_reference.Names("effnet_lib.thing", tree)
    assert api_reference.signature(tree.body[2], names) == "(pair: tuple[int, ...]) -> list[tuple[int, ...]]"
