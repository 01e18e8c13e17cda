"""Every chapter as it is stored: whole, in order, described, up to date, without what nobody should see."""

from __future__ import annotations

import importlib
from pathlib import Path

import nbformat
import pytest
from notebook_form import comparable, image_descriptions, normalise
from notebook_rules import (
    MOST_BYTES,
    anatomy_faults,
    citation_faults,
    faults,
    links,
    stale_scripts,
    widget_models,
)

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
BIBLIOGRAPHY = ROOT / "book" / "references.bib"

each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def test_there_are_chapters_and_their_numbers_follow_one_another():
    numbers = [int(path.name[:2]) for path in CHAPTERS]
    assert numbers
    assert numbers == list(range(1, len(numbers) + 1))


@each_chapter
def test_a_chapter_is_valid_and_of_moderate_size(path):
    nbformat.validate(read(path))
    assert path.stat().st_size <= MOST_BYTES


@each_chapter
def test_outputs_hold_no_error_stderr_path_address_or_undescribed_image(path):
    assert faults(read(path)) == []


@each_chapter
def test_a_chapter_has_its_anatomy(path):
    assert anatomy_faults(read(path), path) == []


@each_chapter
def test_every_arxiv_and_doi_link_is_in_the_bibliography(path):
    notebook = read(path)
    assert any("arxiv.org" in target or "doi.org" in target for _, _, target in links(notebook))
    assert citation_faults(notebook, BIBLIOGRAPHY.read_text(encoding="utf-8")) == []


@each_chapter
def test_stored_widgets_carry_the_present_javascript(path):
    notebook = read(path)
    assert widget_models(notebook)
    assert stale_scripts(notebook) == []


@each_chapter
def test_images_carry_their_description_where_the_page_looks_for_it(path):
    for cell in read(path).cells:
        for description in image_descriptions(cell):
            assert cell.metadata["mystnb"]["image"]["alt"] == description


@each_chapter
def test_a_chapter_is_stored_in_the_form_that_running_it_gives(path):
    stored = read(path)
    assert comparable(normalise(read(path), path.stem)) == comparable(stored)


@each_chapter
def test_every_exercise_of_the_chapter_is_in_its_notebook(path):
    from effnet_lib.exercises.proof import exercises_of

    name = f"ch{path.name[:2]}"
    module = importlib.import_module(f"effnet_lib.exercises.{name}")
    source = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code")
    missing = [one.name for one in exercises_of(module) if f"{name}.{one.name}.check(" not in source]
    assert missing == []


def test_predictions_and_quizzes_have_ids_of_their_own_and_locks_have_a_key():
    asked, locks = [], []
    for path in CHAPTERS:
        for state in widget_models(read(path)):
            if "question" in state or "questions" in state:
                asked.append(state["id"])
                assert state["id"].startswith(f"ch{path.name[:2]}-"), f"{path.name}: {state['id']}"
            elif state.get("locked_by"):
                locks.append((path.name, state["locked_by"]))
    assert len(asked) == len(set(asked))
    assert [lock for lock in locks if lock[1] not in asked] == []
