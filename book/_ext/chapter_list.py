"""Lists of the chapters, made from the chapters: what each is about, how long it takes.

```{chapters}          title and opening paragraph of each chapter in _toc.yml
```{chapter-times}     a table for planning: reading time, exercises, time that the code runs
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).resolve().parents[2]
READING = re.compile(r"[Rr]eading takes about (\d+) minutes")
WORDS_PER_MINUTE = 130  # of prose, code and outputs taken together: slower than a novel
RUN_TIME = re.compile(r"<!-- run-time -->(.*?)<!-- /run-time -->", re.DOTALL)
DURATION = re.compile(r"\b(?:about )?[\d.]+ ?(?:s|seconds?|min|minutes?)\b")
EXERCISE = re.compile(r"^ch\d\d\.\w+$", re.MULTILINE)


@dataclass(frozen=True)
class Chapter:
    """What the lists need to know of one notebook; ``opening`` is its first two sentences."""

    number: int
    document: str  # path from the repository's root
    title: str
    opening: str
    reading_minutes: int
    exercises: int
    run_time: str


def read_chapter(number: int, path: Path) -> Chapter:
    """Chapter from its notebook."""
    cells = json.loads(path.read_text("utf8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    prose = [text for text, cell in zip(texts, cells, strict=True) if cell["cell_type"] == "markdown"]
    code = [text for text, cell in zip(texts, cells, strict=True) if cell["cell_type"] == "code"]
    first = prose[0] if prose else ""
    title = next(
        (line.lstrip("# ").strip() for line in first.splitlines() if line.startswith("# ")), path.stem
    )
    run_time = RUN_TIME.search(first)
    duration = DURATION.search(run_time[1]) if run_time else None
    paragraphs = [p.strip() for p in RUN_TIME.sub("", first).split("\n\n")]
    opening = next((p for p in paragraphs if re.match(r"[A-Z*_“\"]", p)), "")
    opening = " ".join(re.split(r"(?<=[.!?]) +", " ".join(opening.split()))[:2])
    exercises = len(set(EXERCISE.findall("\n".join(code))))
    document = path.relative_to(ROOT).with_suffix("").as_posix()
    minutes = reading_minutes(" ".join(prose))
    return Chapter(number, document, title, opening, minutes, exercises, duration[0] if duration else "")


def reading_minutes(prose: str) -> int:
    """Minutes that the chapter says a first reading takes; where it says nothing, an estimate."""
    said = READING.search(prose)
    words = len(re.findall(r"\w+", prose))
    return int(said[1]) if said else max(5, round(words / WORDS_PER_MINUTE / 5) * 5)


def chapters(env) -> list[Chapter]:
    """The chapters in the order of the table of contents."""
    documents = [d for part in env.external_site_map.root.subtrees for d in part.items]
    found = [str(d) for d in documents if str(d).startswith("notebooks/")]
    paths = [ROOT / (document.removesuffix(".ipynb") + ".ipynb") for document in found]
    return [read_chapter(number, path) for number, path in enumerate(paths, 1)]


class FromChapters(SphinxDirective):
    """Writes Markdown about all chapters and has it parsed in place."""

    def markdown(self, found: list[Chapter], up: str) -> list[str]:
        raise NotImplementedError

    def run(self):
        found = chapters(self.env)
        for chapter in found:
            self.env.note_dependency(str(ROOT / f"{chapter.document}.ipynb"))
        up = "../" * self.env.docname.count("/")
        container = nodes.container(classes=[self.name])
        self.state.nested_parse(StringList(self.markdown(found, up), self.env.docname), 0, container)
        return [container]


class ChapterList(FromChapters):
    def markdown(self, found, up):
        lines = []
        for chapter in found:
            lines += [
                f"{chapter.number}. [{chapter.title}]({up}{chapter.document}.ipynb)",
                f"   {chapter.opening}",
                "",
            ]
        return lines


class ChapterTimes(FromChapters):
    def markdown(self, found, up):
        lines = ["| Chapter | Reading | Exercises | The code runs for |", "|---|---|---|---|"]
        for c in found:
            title = f"{c.number}  [{c.title}]({up}{c.document}.ipynb)"
            lines.append(f"| {title} | {c.reading_minutes} min | {c.exercises} | {c.run_time} |")
        return lines if found else ["The chapters follow."]


def setup(app):
    app.add_directive("chapters", ChapterList)
    app.add_directive("chapter-times", ChapterTimes)
    return {"parallel_read_safe": True}
