"""The tool that runs chapters: what it stores, what it refuses, and that a second run changes nothing."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import colab_cell
import nbformat
import notebook_form
import notebook_rules
import pytest
import run_notebooks
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

TOOL = Path(run_notebooks.__file__)
TITLE = "# A chapter\n\n*Run:* <!-- run-time -->not measured yet<!-- /run-time -->"
FIGURE = (
    "from effnet_lib import figures\n"
    "figures.show(figures.bars(['a'], [1], xlabel='x'), alt='One bar of length one, all alone.')"
)
WIDGET = (
    "from effnet_lib.widgets import Predict\n"
    "Predict(id='ch01-a', question='Why?', options=['a', 'b'], answer=0, explanation='So.')"
)


def write(folder: Path, name: str, *cells) -> Path:
    path = folder / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(c) if isinstance(c, str) else c for c in cells]), path)
    return path


def run(*arguments) -> int:
    return run_notebooks.main([str(argument) for argument in arguments])


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def chapter(tmp_path_factory) -> Path:
    """A chapter that was run once."""
    folder = tmp_path_factory.mktemp("chapters")
    clock = new_code_cell("import time\n\ntime.perf_counter()", metadata={"tags": ["nbval-ignore-output"]})
    colab = new_code_cell(colab_cell.SOURCE, metadata={"tags": colab_cell.TAGS[::-1]})
    streams = "import sys\n\nprint('a')\nsys.stdout.flush()\nprint('b')"
    title = new_markdown_cell(TITLE)
    path = write(
        folder,
        "01_a",
        title,
        colab,
        FIGURE,
        WIDGET,
        clock,
        streams,
        "from ipywidgets import IntSlider\n\n_ = IntSlider()",
    )
    assert run("--folder", folder) == 0
    return path


def test_a_second_run_writes_the_same_apart_from_what_depends_on_the_machine(chapter):
    before = nbformat.read(chapter, 4)
    assert run("--folder", chapter.parent) == 0
    after = nbformat.read(chapter, 4)
    assert after.cells[4].outputs != before.cells[4].outputs  # the clock: the comparison below can fail
    after.cells[4].outputs = before.cells[4].outputs
    assert nbformat.writes(after) == nbformat.writes(before)
    assert run("--folder", chapter.parent, "--check") == 0


def test_a_stored_chapter_is_numbered_described_and_measured(chapter):
    notebook = nbformat.read(chapter, 4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4, 5, 6]
    assert code[1].outputs[0].execution_count == 2
    assert code[1].metadata.mystnb.image.alt == "One bar of length one, all alone."
    assert code[4].outputs == [new_output("stream", name="stdout", text="a\nb\n")]
    assert "about 5 seconds" in notebook.cells[0].source
    assert f"measured on {run_notebooks.cores()} CPU cores" in notebook.cells[0].source
    assert set(notebook.metadata) == {"kernelspec", "language_info", "widgets"}
    assert code[2].metadata.jupyter.source_hidden  # the source of a Predict gives its answer away
    assert "jupyter" not in code[1].metadata
    assert chapter.stat().st_mode & 0o777 == 0o644


def test_the_stored_widget_state_is_what_is_displayed_and_no_more(chapter):
    notebook = nbformat.read(chapter, 4)
    state = notebook.metadata.widgets[notebook_form.WIDGET_STATE].state
    displayed = notebook_form.displayed_models(notebook)
    assert len(displayed) == 1
    names = sorted(entry.model_name for entry in state.values())
    assert names == ["AnyModel", "LayoutModel"]  # the undisplayed slider is gone
    assert displayed[0] == hashlib.sha256(b"01_a/0").hexdigest()[:32]
    assert notebook_rules.stale_scripts(notebook) == []
    state[displayed[0]].state["_esm"] += "// edited"
    assert "Predict: the stored _esm" in notebook_rules.stale_scripts(notebook)[0]


def test_check_reports_a_stored_output_that_is_not_what_the_code_gives(chapter, tmp_path, capsys):
    notebook = nbformat.read(chapter, 4)
    notebook.cells[5].outputs[0].text = "c\n"
    path = tmp_path / chapter.name
    nbformat.write(notebook, path)
    before = digest(path)
    assert run("--folder", tmp_path, "--check") == 1
    assert "cells 5" in capsys.readouterr().out
    assert digest(path) == before


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import sys\n\nprint('x', file=sys.stderr)", "wrote to stderr: x"),
        ("import warnings\n\nwarnings.warn('old')", "wrote to stderr"),
        ("print('/home/someone/book')", "absolute path: '/home/someone/book"),
        ("print(object())", "memory address"),
        ("", "the cell is empty"),
        (
            "import matplotlib.pyplot as plt\n\n_ = plt.plot([1, 2])",
            "an image without a description",
        ),
        ("'x' * 2_000_000", "more than 1,500,000"),
    ],
)
def test_a_run_with_a_fault_is_reported_and_not_stored(cell, said, tmp_path, capsys):
    path = write(tmp_path, "01_a", new_markdown_cell(TITLE), cell)
    before = digest(path)
    assert run("--folder", tmp_path) == 1
    assert said in capsys.readouterr().out
    assert digest(path) == before
    assert sorted(tmp_path.iterdir()) == [path]


def test_names_select_chapters_and_a_wrong_one_is_refused(tmp_path, capsys):
    for name in ("01_a", "02_b", "03_c"):
        write(tmp_path, name, new_markdown_cell("# Title"))
    chosen = run_notebooks.selected(["03", "notebooks/01_a.ipynb"], tmp_path)
    assert [path.stem for path in chosen] == ["01_a", "03_c"]
    assert len(run_notebooks.selected([], tmp_path)) == 3
    with pytest.raises(SystemExit):
        run("--folder", tmp_path, "07")
    assert "NAME must begin one of" in capsys.readouterr().err


def test_an_interrupt_keeps_what_is_done_and_leaves_the_rest_as_it_was(tmp_path):
    done = write(tmp_path, "01_a", "1 + 1")
    started = tmp_path / "started"
    stopped = write(tmp_path, "02_b", "import time\n\nopen('started', 'w').close()\ntime.sleep(100)")
    before = digest(stopped)
    command = [sys.executable, str(TOOL), "--folder", str(tmp_path)]
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a background job would ignore it
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=heed) as process:
        assert "01_a" in process.stdout.readline()
        while not started.exists():
            assert process.poll() is None
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
        assert "1 of 2 chapters are done" in process.stdout.read()
    assert nbformat.read(done, 4).cells[0].outputs
    assert digest(stopped) == before
    assert sorted(tmp_path.iterdir()) == [done, stopped, started]


def test_the_address_of_the_repository_reaches_the_colab_cell(tmp_path, monkeypatch):
    cell = new_code_cell(colab_cell.SOURCE, metadata={"tags": colab_cell.TAGS})
    path = write(tmp_path, "01_a", cell)
    monkeypatch.setenv("REPOSITORY_URL", "https://example.org/someone/book")
    assert run("--folder", tmp_path) == 0
    cell = nbformat.read(path, 4).cells[0]
    assert 'REPOSITORY = "https://example.org/someone/book"' in cell.source
    assert colab_cell.is_colab_cell(cell)
    with pytest.raises(ValueError, match="REPOSITORY_URL must be"):
        colab_cell.fill_repository(nbformat.read(path, 4), 'x"; import os')


@pytest.mark.parametrize(
    ("told", "measured", "changed"),
    [
        ("not measured yet", (10, 0.5, 2), True),
        (notebook_form.time_sentence(20, 0.6, 2), (24, 0.7, 2), False),
        (notebook_form.time_sentence(20, 0.6, 2), (40, 0.6, 2), True),
        (notebook_form.time_sentence(20, 0.6, 2), (20, 1.1, 2), True),
        (notebook_form.time_sentence(20, 0.6, 2), (20, 0.6, 8), True),
        (notebook_form.time_sentence(150, 0.6, 2), (160, 0.6, 2), False),
    ],
)
def test_the_run_time_is_rewritten_only_where_it_is_another(told, measured, changed):
    source = TITLE.replace("not measured yet", told)
    notebook = new_notebook(cells=[new_markdown_cell(source)])
    assert notebook_form.set_run_time(notebook, *measured)
    assert (notebook.cells[0].source != source) == changed
    assert notebook_form.RUN_TIME.search(notebook.cells[0].source)


def sound() -> nbformat.NotebookNode:
    """A notebook with a chapter's anatomy and nothing in it."""
    sections = [new_markdown_cell(f"## {name}: a subtitle\n\n### A part") for name in notebook_rules.SECTIONS]
    title = new_markdown_cell(TITLE.replace("not measured yet", notebook_form.time_sentence(5, 0.1, 2)))
    code = [colab_cell.SOURCE, "Predict()", "Quiz()"]
    code += [f"ch01.e{i}.check(mine)" for i in range(4)] + [f"ch01.e{i}" for i in range(4)]
    cells = [new_code_cell(source, execution_count=i + 1) for i, source in enumerate(code)]
    cells[0].metadata["tags"] = colab_cell.TAGS
    return new_notebook(cells=[title, cells[0], *sections, *cells[1:]])


def edit_section(number: int, text: str):
    def edit(notebook):
        notebook.cells[2 + number].source = text

    return edit


def edit_code(index: int, **changes):
    def edit(notebook):
        notebook.cells[index].update(changes)

    return edit


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (edit_section(3, ""), "'Predict' is missing"),
        (edit_section(3, "## Predict it"), "none of the anatomy's"),
        (edit_section(3, "## Build it"), "'Predict' is missing"),
        (edit_section(5, "## Break it\n\n## Build it: again"), "not in order"),
        (edit_section(0, "# Two titles"), "exactly one title"),
        (edit_section(0, "## What you will be able to do\n\n[x](nowhere.md)"), "leads nowhere: nowhere.md"),
        (edit_section(0, "## What you will be able to do\n\n![](https://x.y/z.png)"), "no alternative text"),
        (edit_code(0, source="# Title"), "must hold <!-- run-time -->"),
        (edit_code(0, source=TITLE), "has not been measured"),
        (edit_code(1, source="import sys"), "second cell must be the Colab cell"),
        (edit_code(12, source="pass"), "no Predict"),
        (edit_code(13, source="pass"), "no Quiz"),
        (edit_code(14, source="pass"), "ch01.e0 is shown, but never checked"),
        (edit_code(18, source="pass"), "at least four exercises"),
        (edit_code(12, source="Predict()\n" * 26), "26 lines, more than 25"),
        (edit_code(12, source="Predict();"), "ends with a semicolon"),
        (edit_code(12, execution_count=7), "once in order"),
    ],
)
def test_a_chapter_that_lacks_something_is_told_what(edit, said, tmp_path):
    path = tmp_path / "notebooks" / "01_a.ipynb"
    assert notebook_rules.anatomy_faults(sound(), path) == []
    notebook = sound()
    edit(notebook)
    assert any(said in text for text in notebook_rules.anatomy_faults(notebook, path))


def test_at_most_half_of_the_code_cells_may_go_uncompared(tmp_path):
    notebook = sound()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code[: len(code) // 2 + 1]:
        cell.metadata["tags"] = [*cell.metadata.get("tags", []), notebook_form.MACHINE_DEPENDENT]
    found = notebook_rules.anatomy_faults(notebook, tmp_path / "01_a.ipynb")
    assert found == ["6 of 11 code cells are tagged nbval-ignore-output: more than half"]


def test_citations_have_to_be_in_the_bibliography():
    text = (
        "[a](https://arxiv.org/abs/1905.11946), [b](https://doi.org/10.1000/x(1)2), [c](https://arxiv.org/pdf/2104.00298v3)"
        " `[d](https://arxiv.org/abs/1)`"
    )
    notebook = new_notebook(cells=[new_markdown_cell(text)])
    known = "eprint = {1905.11946}, doi = {10.1000/X(1)2}, eprint = {2104.00298}"
    assert notebook_rules.citation_faults(notebook, known) == []
    assert len(notebook_rules.citation_faults(notebook, "")) == 3


def test_options_of_a_stored_quiz_have_to_be_explained():
    question = {"question": "q", "options": [{"text": "a", "explanation": " "}], "answer": 0}
    state = {"m": {"state": {"_esm": "", "questions": [question]}}}
    notebook = new_notebook(metadata={"widgets": {notebook_form.WIDGET_STATE: {"state": state}}})
    assert notebook_rules.quiz_faults(notebook) == ["the option 'a' of 'q' is not explained"]


def test_ids_of_cells_follow_from_their_source():
    cells = [new_markdown_cell("a"), new_markdown_cell("b"), new_markdown_cell("a")]
    one = notebook_form.normalise(new_notebook(cells=cells), "x")
    other = notebook_form.normalise(new_notebook(cells=[new_markdown_cell("new"), *cells]), "x")
    assert [cell.id for cell in one.cells] == [cell.id for cell in other.cells[1:]]
    assert len({cell.id for cell in one.cells}) == 3
    nbformat.validate(json.loads(nbformat.writes(one)))
